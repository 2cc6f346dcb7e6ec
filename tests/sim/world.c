/* SPDX-License-Identifier: Apache-2.0
 * Time, chance, the store and the controller's turns; see world.h. */
#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

uint64_t sim_random(struct world *w, uint64_t below)
{
	uint64_t x = w->rng += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	x ^= x >> 31;
	return below ? x % below : x;
}

bool sim_chance(struct world *w, unsigned n)
{
	return sim_random(w, 10000) < n;
}

void sim_fail(struct world *w, const char *fmt, ...)
{
	va_list ap;
	if (w->failure[0])
		return;
	va_start(ap, fmt);
	vsnprintf(w->failure, sizeof(w->failure), fmt, ap);
	va_end(ap);
}

static int by_key(const void *a, const void *b)
{
	const struct map_entry *const *x = a, *const *y = b;
	return strcmp((*x)->key, (*y)->key);
}

/* A controller that knows nothing but the rows, in the order of their keys. */
void world_start_controller(struct world *w)
{
	struct err err = {0};
	w->cfg.seed = sim_random(w, 0);
	w->c = cluster_new(&w->cfg);
	const struct map_entry **v = xcalloc(w->rows.n + 1, sizeof(struct map_entry *));
	size_t n = 0;
	map_each(&w->rows, e)
	{
		v[n++] = e;
	}
	qsort(v, n, sizeof(struct map_entry *), by_key);
	for (size_t i = 0; i < n; i++)
		if (cluster_load(w->c, v[i]->key, v[i]->val, &err) < 0)
			sim_fail(w, "load: %s", err.text);
	free(v);
	cluster_start(w->c, w->now);
	w->controller_starts++;
}

void world_init(struct world *w, uint64_t seed)
{
	w->rng = seed;
	w->now = 1000000;
	w->rows.free_val = free;
	w->sealing = xcalloc(1, sizeof(*w->sealing));
	crypto_pair_make(&w->sealing->now);
	w->cfg = (struct cluster_config){.pool = "10.128.0.0/16",
					 .prefix_len = 24,
					 .sealing = w->sealing};
	world_start_controller(w);
	w->n_agents = 3 + sim_random(w, SIM_AGENTS - 2);
	for (size_t i = 0; i < w->n_agents; i++) {
		struct sim_agent *a = &w->agents[i];
		snprintf(a->id, sizeof(a->id), "%012zx", i + 1);
		snprintf(a->name, sizeof(a->name), "host%zu", i + 1);
		a->set.free_val = agent_free_object;
		a->tasks.free_val = free;
		a->on = true;
		a->slow = 1;
		if (cluster_node_join(w->c, a->id, a->name, NULL) < 0)
			sim_fail(w, "join");
	}
	for (size_t i = 0; i < SIM_STACKS; i++)
		snprintf(w->stacks[i].name, sizeof(w->stacks[i].name), "s%zu", i + 1);
}

void world_done(struct world *w)
{
	cluster_free(w->c);
	for (size_t i = 0; i < w->n_agents; i++)
		agent_done(&w->agents[i]);
	for (size_t i = 0; i < SIM_STACKS; i++) {
		json_decref(w->stacks[i].spec);
		json_decref(w->stacks[i].want);
	}
	map_clear(&w->rows);
	map_clear(&w->ever_lost);
	sealing_free(w->sealing);
}

static struct sim_agent *agent_of(struct world *w, const char *id)
{
	for (size_t i = 0; i < w->n_agents; i++)
		if (streq(w->agents[i].id, id))
			return &w->agents[i];
	return NULL;
}

static void commit(struct world *w, struct cluster_out *out)
{
	for (size_t i = 0; i < out->n_puts; i++) {
		struct cluster_put *p = &out->puts[i];
		if (p->value)
			map_set(&w->rows, p->key, take_ptr(p->value));
		else
			map_del(&w->rows, p->key);
	}
}

static void hand_out(struct world *w, struct cluster_out *out)
{
	for (size_t i = 0; i < out->n_sends; i++) {
		struct cluster_send *s = &out->sends[i];
		struct sim_agent *a = agent_of(w, s->node_id);
		if (a && a->linked)
			queue_push(&a->in, w->now + sim_random(w, SIM_DELAY), s->type,
				   take_ptr(s->json));
	}
	for (size_t i = 0; w->verbose && i < out->events.n; i++)
		printf("%llu %s\n", (unsigned long long)w->now, out->events.v[i]);
}

bool world_step(struct world *w, int crash)
{
	struct cluster_out out = {0};
	cluster_step(w->c, w->now, (int64_t)w->now, &out);
	if (crash != 1)
		commit(w, &out);
	if (!crash)
		hand_out(w, &out);
	cluster_out_done(&out);
	return !crash;
}

void world_restart(struct world *w)
{
	cluster_free(w->c);
	for (size_t i = 0; i < w->n_agents; i++) {
		struct sim_agent *a = &w->agents[i];
		queue_clear(&a->in);
		queue_clear(&a->out);
		a->linked = a->said_hello = a->compare = false;
		a->dial_ms = w->now + sim_random(w, 2000);
	}
	world_start_controller(w);
}
