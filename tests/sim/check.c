/* SPDX-License-Identifier: Apache-2.0
 * What must hold: after every turn, now and then, and when the failures have stopped. */
#include "tests/sim/world.h"

#include <stdio.h>
#include <string.h>

static size_t live_in(struct world *w, const struct slot *sl)
{
	size_t n = 0;
	for (const struct task *o = sl->old; o; o = o->slot_next)
		n += !o->lost && o->node && !map_has(&w->ever_lost, o->id);
	return n + (sl->cur && sl->cur->node && !sl->cur->lost);
}

static void check_service(struct world *w, const struct service *svc)
{
	/* What was start-first a moment ago may still be two. */
	size_t max = svc->spec && !rollout_start_first(svc) && svc->roll != ROLL_NONE ? 1 : 2;
	if (svc->spec && !(svc->spec->update.set && svc->spec->update.start_first) &&
	    !strncmp(svc->name, "stopfirst", 9))
		max = 1;
	for (size_t i = 0; i < svc->n_slots; i++) {
		const struct slot *sl = &svc->slots[i];
		if (live_in(w, sl) > max)
			sim_fail(w, "%s_%s has %zu live tasks in slot %zu", svc->stack->name,
				 svc->name, live_in(w, sl), i + 1);
		if (sl->cur && (sl->cur->stop || (size_t)sl->cur->slot != i))
			sim_fail(w, "slot %zu of %s_%s holds a task of another", i + 1,
				 svc->stack->name, svc->name);
	}
}

static void check_networks(struct world *w)
{
	map_each(&w->c->networks, e)
	{
		const struct network *n = e->val;
		struct map seen = {0};
		for (size_t i = 0; i < n->n_attaches; i++) {
			char ip[IPAM_TEXT];
			ipam_addr_text(n->attaches[i]->ip, ip);
			if (map_has(&seen, ip))
				sim_fail(w, "the address %s is twice on %s", ip, n->name);
			map_set(&seen, ip, (void *)n);
		}
		if (n->subnet.n_used != n->n_attaches + n->n_vips)
			sim_fail(w, "%s has %u addresses in use by %zu tasks and VIPs", n->name,
				 n->subnet.n_used, n->n_attaches + n->n_vips);
		map_clear(&seen);
	}
}

/* No two tasks of a node have one host port of a range, and no two services one of the whole cluster. */
static void check_ports(struct world *w)
{
	char key[SPEC_PORT_TEXT];
	struct map seen = {0};
	for (size_t i = 0; i < w->c->n_sched; i++) {
		const struct node *n = w->c->sched_of[i];
		for (size_t k = 0; k < n->n_ports; k++) {
			/* One that ended and is found again may have a fixed one that was free since. */
			if (!n->ports[k].port->range_first)
				continue;
			snprintf(key, sizeof(key), "%u", n->ports[k].number);
			if (map_has(&seen, key))
				sim_fail(w, "the host port %s is twice on %s", key, n->name);
			map_set(&seen, key, w);
		}
		map_clear(&seen);
	}
	map_each(&w->c->stacks, e)
	{
		const struct stack *s = e->val;
		for (size_t i = 0; !s->removing && i < s->spec->n_services; i++) {
			const struct spec_service *svc = &s->spec->services[i];
			for (size_t k = 0; k < svc->n_ports; k++) {
				if (svc->ports[k].mode != PORT_INGRESS)
					continue;
				snprintf(key, sizeof(key), "%u", svc->ports[k].published);
				if (streq(key, "0") || map_has(&seen, key))
					sim_fail(w, "%s_%s has the port %s of its range", s->name,
						 svc->name, key);
				map_set(&seen, key, w);
			}
		}
	}
	map_clear(&seen);
}

/* What a placed task uses is there to be handed out; what nobody uses any more is not. */
static void check_secrets(struct world *w)
{
	map_each(&w->c->tasks, e)
	{
		const struct task *t = e->val;
		for (size_t i = 0; i < t->tmpl->spec.n_secrets; i++) {
			const struct version *v =
				map_get(&w->c->versions, t->tmpl->spec.secrets[i].version);
			if (!v || !v->s.data || !v->refs)
				sim_fail(w, "the secret of task %s is not there", t->id);
		}
	}
}

static void note_uses(const struct spec_service *s, struct map *out)
{
	for (size_t i = 0; i < s->n_secrets; i++)
		map_set(out, s->secrets[i].version, out);
}

/* What no stack's spec and no template names any more is not kept. */
static void check_versions(struct world *w)
{
	struct map uses = {0};
	map_each(&w->c->stacks, e)
	{
		const struct stack *s = e->val;
		for (size_t i = 0; i < s->spec->n_services; i++)
			note_uses(&s->spec->services[i], &uses);
	}
	map_each(&w->c->tmpls, e)
	{
		note_uses(&((const struct tmpl *)e->val)->spec, &uses);
	}
	map_each(&w->c->versions, e)
	{
		const struct version *v = e->val;
		if (v->used && !map_has(&uses, v->s.version))
			sim_fail(w, "the version %s is kept for nobody", v->s.version);
	}
	map_clear(&uses);
}

/* Containers that really run, wherever they are, partitioned hosts too. */
static void check_containers(struct world *w)
{
	struct map seen = {0};
	for (size_t i = 0; i < w->n_agents; i++) {
		struct sim_agent *a = &w->agents[i];
		map_each(&a->tasks, e)
		{
			struct sim_task *t = e->val;
			if (!t->key[0] || task_state_ended(t->state) ||
			    !map_has(&w->c->tasks, e->key))
				continue;
			if (map_has(&seen, t->key))
				sim_fail(w, "two containers have '%s' (%s)", t->key, a->name);
			map_set(&seen, t->key, t);
		}
	}
	map_clear(&seen);
}

/* Whoever lives in another's namespaces is where that one is, and no longer than that. */
static void check_joins(struct world *w)
{
	map_each(&w->c->tasks, e)
	{
		const struct task *t = e->val;
		if (!t->node || t->stop || t->lost || task_state_ended(t->state) ||
		    !spec_joins_any(&t->tmpl->spec))
			continue;
		const struct task *p = t->with ? map_get(&w->c->tasks, t->with->id[0]) : NULL;
		if (!p || p->node != t->node || p->stop)
			sim_fail(w, "%s_%s slot %d is without its host", t->svc->stack->name,
				 t->svc->name, t->slot + 1);
	}
}

void check_step(struct world *w)
{
	map_each(&w->c->tasks, e)
	{
		const struct task *t = e->val;
		if (t->lost)
			map_set(&w->ever_lost, t->id, w);
	}
	map_each(&w->c->stacks, e)
	{
		const struct stack *s = e->val;
		map_each(&s->services, se)
		{
			check_service(w, se->val);
		}
	}
	check_networks(w);
	check_ports(w);
	check_containers(w);
	check_secrets(w);
	check_joins(w);
	if (cluster_next_ms(w->c) <= w->now)
		sim_fail(w, "a step left work behind");
}

#define STEADY_MS 3000 /* what was sent to an agent that was away has come by then */

/* Whoever hears the controller leads to it no more. */
void check_drained(struct world *w, const char *task)
{
	for (size_t i = 0; i < w->n_agents; i++) {
		const struct sim_agent *a = &w->agents[i];
		if (!a->linked || a->partitioned || a->steady_ms + STEADY_MS > w->now)
			continue;
		map_each(&a->set, e)
		{
			const char *id = e->key + strlen("endpoint/");
			if (str_starts(e->key, "endpoint/") && str_starts(id, task) &&
			    json_bool(e->val, "ready", false))
				sim_fail(w, "%s leads to the task %s, which is told to stop",
					 a->name, task);
		}
	}
}

/* Agents that have heard everything are given a snapshot, which must be what they have. */
void check_sets(struct world *w)
{
	check_versions(w);
	for (size_t i = 0; i < w->n_agents; i++) {
		struct sim_agent *a = &w->agents[i];
		struct node *n = map_get(&w->c->nodes, a->id);
		if (!n || !a->linked || a->partitioned || !a->said_hello || !n->connected ||
		    !queue_quiet(&a->in) || a->version != n->version || n->stale)
			continue;
		a->compare = true;
		cluster_agent_resync(w->c, a->id);
	}
	world_step(w, 0);
}

/* It waits, rightly, for what has failed or for an update that waits for its operator. */
static bool excused(const struct service *svc)
{
	for (size_t i = 0; i < svc->n_deps; i++) {
		const struct service *on = svc->deps[i].on;
		if (svc->deps_met && !svc->deps[i].joined)
			continue;
		if (svc->deps[i].joined && !on->n_want)
			return true;
		if (on->roll == ROLL_PAUSED || excused(on))
			return true;
		for (size_t k = 0; k < on->n_slots; k++)
			if (on->slots[k].cur && on->slots[k].cur->state == TASK_FAILED)
				return true;
	}
	return false;
}

static void check_slots_end(struct world *w, const struct service *svc)
{
	if (!svc->spec) {
		sim_fail(w, "%s_%s is still there", svc->stack->name, svc->name);
		return;
	}
	if (excused(svc))
		return;
	if (svc->roll == ROLL_UPDATING || svc->roll == ROLL_BACK)
		sim_fail(w, "%s_%s is still being updated", svc->stack->name, svc->name);
	for (size_t i = 0; i < svc->n_slots; i++) {
		const struct slot *sl = &svc->slots[i];
		bool wanted = svc->global ? sl->node != NULL : i < svc->n_want;
		if (!wanted)
			continue;
		if (!sl->cur || !(task_up(sl->cur) || task_state_ended(sl->cur->state)))
			sim_fail(w, "%s_%s slot %zu of %s is not up: %s %s", svc->stack->name,
				 svc->name, i + 1, sl->node ? sl->node->name : "any",
				 sl->cur ? task_state_name(sl->cur->state) : "empty",
				 sl->cur && sl->cur->reason ? sl->cur->reason : "");
		if (sl->cur && sl->cur->tmpl != svc->tmpl && svc->roll != ROLL_PAUSED)
			sim_fail(w, "%s_%s slot %zu is out of date", svc->stack->name, svc->name,
				 i + 1);
		for (const struct task *o = sl->old; o; o = o->slot_next)
			if (svc->roll != ROLL_PAUSED)
				sim_fail(w, "%s_%s slot %zu has a task left", svc->stack->name,
					 svc->name, i + 1);
	}
}

/* The stack as it was sent: without what was chosen of ranges of ports. */
static char *as_sent(const struct stack *s)
{
	auto_json *j = json_parse(s->text, strlen(s->text), NULL);
	const char *name;
	json_t *svc, *port;
	size_t i;
	json_object_foreach(json_object_get(j, "services"), name, svc)
	{
		json_array_foreach(json_object_get(svc, "ports"), i, port)
		{
			json_object_del(port, "chosen");
		}
	}
	return json_text_canonical(j);
}

static void check_stack_end(struct world *w, const struct sim_stack *ss)
{
	const struct stack *s = map_get(&w->c->stacks, ss->name);
	if (!ss->there) {
		if (s)
			sim_fail(w, "the stack %s is still there", ss->name);
		return;
	}
	if (!s) {
		sim_fail(w, "the stack %s was acknowledged and is lost", ss->name);
		return;
	}
	auto_free char *want = json_text_canonical(ss->spec);
	auto_free char *have = as_sent(s);
	if (!streq(have, want))
		sim_fail(w, "the stack %s is not what was acknowledged: %s", ss->name, s->text);
	map_each(&s->services, e)
	{
		check_slots_end(w, e->val);
	}
}

static void check_agent_end(struct world *w, struct sim_agent *a)
{
	const struct node *n = map_get(&w->c->nodes, a->id);
	if (!n || !n->up)
		sim_fail(w, "%s is not up", a->name);
	if (n && n->n_tasks != a->tasks.n)
		sim_fail(w, "%s runs %zu tasks, the controller thinks %zu", a->name, a->tasks.n,
			 n->n_tasks);
}

/* An update that waits for its operator holds what it came from. */
static bool paused(const struct world *w, const char *stack)
{
	const struct stack *s = map_get(&w->c->stacks, stack);
	if (!s)
		return false;
	map_each(&s->services, e)
	{
		const struct service *svc = e->val;
		if (svc->roll == ROLL_PAUSED || excused(svc))
			return true;
	}
	return false;
}

void check_end(struct world *w)
{
	size_t networks = 0;
	for (size_t i = 0; i < SIM_STACKS; i++)
		check_stack_end(w, &w->stacks[i]);
	for (size_t i = 0; i < w->n_agents; i++)
		check_agent_end(w, &w->agents[i]);
	map_each(&w->c->networks, e)
	{
		const struct network *n = e->val;
		networks += n->dying && !paused(w, n->stack);
		if (n->dying && w->verbose)
			printf("%s: %zu users, %zu members, %zu endpoints\n", n->name, n->n_users,
			       n->n_members, n->n_attaches);
	}
	if (networks)
		sim_fail(w, "%zu networks were left behind", networks);
	check_versions(w);
	size_t rows = 0, sealed = 0;
	map_each(&w->rows, e)
	{
		rows += str_starts(e->key, "tasks/");
		sealed += str_starts(e->key, "sealed/");
	}
	if (sealed != w->c->versions.n)
		sim_fail(w, "%zu rows for %zu versions of secrets", sealed, w->c->versions.n);
	if (rows != w->c->tasks.n)
		sim_fail(w, "%zu rows for %zu tasks", rows, w->c->tasks.n);
}
