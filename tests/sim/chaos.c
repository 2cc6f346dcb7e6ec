/* SPDX-License-Identifier: Apache-2.0
 * What goes wrong, and what operators ask meanwhile. */
#include "manifests/canon.h"
#include "tests/sim/world.h"

#include <string.h>

/* The stack's one secret, of the value that it is to have: its version. */
static void secret_version(const struct world *w, const char *stack, char value,
			   char out[SEALED_VERSION + 1])
{
	const struct sealed_id id = {.stack = stack, .name = "pw"};
	sealed_version(w->sealing->naming, id, &value, 1, out);
}

/* As the command line does before it sends a stack. */
static void send_secrets(struct world *w, const char *stack)
{
	const struct sealed_id id = {.stack = stack, .name = "pw"};
	for (char value = 'a'; value < 'a' + SIM_VALUES; value++) {
		char version[SEALED_VERSION + 1];
		struct sealed s;
		struct err err = {0};
		secret_version(w, stack, value, version);
		if (map_has(&w->c->versions, version))
			continue;
		sealed_make(w->sealing->now.pub, id, version, &value, 1, &s);
		auto_json *j = sealed_json(&s);
		if (cluster_sealed_put(w->c, j, &err) < 0)
			sim_fail(w, "%s: %s", stack, err.text);
		sealed_done(&s);
	}
}

static void service_text(struct world *w, struct str *s, size_t stack, size_t i)
{
	bool start_first = i == 1;
	static const char *const actions[] = {"pause", "continue", "rollback"};
	str_addf(s, "%s\"%s%zu\":{\"image\":\"app:%llu\",\"networks\":{\"default\":{}%s}",
		 i ? "," : "", start_first ? "startfirst" : "stopfirst", i,
		 (unsigned long long)sim_random(w, 4), i == 2 ? ",\"back\":{}" : "");
	if (i == 3)
		str_addf(s,
			 ",\"ports\":[{\"target\":80,\"published\":%zu,\"protocol\":\"tcp\","
			 "\"mode\":\"host\"}]",
			 8000 + stack);
	if (i == 2 && sim_chance(w, 6000)) /* few enough to get in each other's way, and enough */
		str_add(s, ",\"ports\":[{\"target\":80,\"published\":\"8100-8149\",\"mode\":"
			   "\"host\"},{\"target\":81,\"published\":\"8100-8149\"}]");
	if (sim_chance(w, 5000)) {
		char version[SEALED_VERSION + 1];
		secret_version(w, w->stacks[stack].name, w->stacks[stack].value, version);
		str_addf(s,
			 ",\"secrets\":[{\"source\":\"pw\",\"target\":\"/pw\",\"version\":\"%s\"}]",
			 version);
	}
	/* Only on those before it: no circles. */
	if (i > 0 && sim_chance(w, 4000))
		str_addf(s,
			 ",\"depends_on\":{\"%s\":{\"condition\":\"service_started\","
			 "\"restart\":%s,\"required\":%s}}",
			 i == 2 ? "startfirst1" : "stopfirst0",
			 sim_chance(w, 3000) ? "true" : "false",
			 sim_chance(w, 3000) ? "false" : "true");
	if (i == 2 && sim_chance(w, 5000))
		str_add(s, ",\"deploy\":{\"mode\":\"global\"}}");
	else
		str_addf(s,
			 ",\"deploy\":{\"replicas\":%llu,\"update_config\":{\"parallelism\":%llu,"
			 "\"order\":\"%s\",\"failure_action\":\"%s\"}}}",
			 (unsigned long long)sim_random(w, i == 3 ? 3 : 6),
			 (unsigned long long)sim_random(w, 3),
			 start_first ? "start-first" : "stop-first", actions[sim_random(w, 3)]);
}

/* In the namespaces of the first one's tasks. */
static void guest_text(struct world *w, struct str *s)
{
	str_addf(s,
		 ",\"guest\":{\"image\":\"app:%llu\",\"network_mode\":\"service:stopfirst0\","
		 "\"pid\":\"service:stopfirst0\",\"deploy\":{\"replicas\":%llu}}",
		 (unsigned long long)sim_random(w, 2), (unsigned long long)sim_random(w, 4));
}

static json_t *random_stack(struct world *w, size_t ix)
{
	struct str s = {0};
	const char *name = w->stacks[ix].name;
	char version[SEALED_VERSION + 1];
	w->stacks[ix].value = (char)('a' + sim_random(w, SIM_VALUES));
	secret_version(w, name, w->stacks[ix].value, version);
	str_addf(&s, "{\"name\":\"%s\",\"services\":{", name);
	size_t n = 3 + sim_random(w, 2);
	for (size_t i = 0; i < n; i++)
		service_text(w, &s, ix, i);
	if (sim_chance(w, 5000))
		guest_text(w, &s);
	str_addf(&s,
		 "},\"networks\":{\"default\":{\"name\":\"%s_default\"%s},"
		 "\"back\":{\"name\":\"%s_back\"",
		 name, sim_chance(w, 3000) ? ",\"internal\":true" : "", name);
	if (sim_chance(w, 3000))
		str_addf(&s, ",\"ipam\":{\"config\":[{\"subnet\":\"172.20.%zu.0/24\"}]}", ix);
	str_addf(&s, "}},\"secrets\":{\"pw\":{\"name\":\"pw\",\"version\":\"%s\"}}}", version);
	struct err err = {0};
	auto_json *raw = json_parse(s.data, s.len, &err);
	struct spec_stack *spec = NULL;
	if (!raw || canon_stack_parse(raw, &spec, &err) < 0) {
		sim_fail(w, "the simulation's own stack is refused: %s", err.text);
		str_done(&s);
		return NULL;
	}
	str_done(&s);
	json_t *canon = canon_stack(spec);
	spec_stack_free(spec);
	return canon;
}

static json_t *scaled(struct world *w, const json_t *spec, int64_t replicas)
{
	struct spec_stack *s = NULL;
	struct err err = {0};
	json_t *canon = NULL;
	if (canon_stack_parse(spec, &s, &err) == 0) {
		spec_find_service(s, "stopfirst0")->replicas = replicas;
		canon = canon_stack(s);
	} else {
		sim_fail(w, "a canonical stack is refused: %s", err.text);
	}
	spec_stack_free(s);
	return canon;
}

/* Scales when that is what the wish amounts to; the result must be the same as an apply. */
static int try_scale(struct world *w, struct sim_stack *ss, struct err *err)
{
	int64_t replicas = (int64_t)sim_random(w, 6);
	json_t *want = scaled(w, ss->spec, replicas);
	if (!want)
		return -1;
	json_decref(ss->want);
	ss->want = want;
	return cluster_scale(w->c, ss->name, "stopfirst0", replicas, err);
}

static void wish(struct world *w, struct sim_stack *ss, size_t ix)
{
	if (ss->want || ss->want_rm)
		return;
	if (ss->there && sim_chance(w, 3000))
		ss->want_rm = true;
	else
		ss->want = random_stack(w, ix);
}

/* One operator's request is under way at a time. */
bool chaos_operate(struct world *w)
{
	struct err err = {0};
	for (size_t i = 0; i < SIM_STACKS; i++)
		w->stacks[i].tried = false;
	for (size_t i = 0; i < SIM_STACKS; i++) {
		struct sim_stack *ss = &w->stacks[i];
		if (w->chaos && sim_chance(w, 80))
			wish(w, ss, i);
		json_t *answer = NULL;
		int rc;
		if (ss->want_rm)
			rc = cluster_stack_del(w->c, ss->name, &err);
		else if (ss->want && ss->there && !ss->unsure && sim_chance(w, 1000))
			rc = try_scale(w, ss, &err);
		else if (ss->want && (send_secrets(w, ss->name), true))
			rc = cluster_stack_put(w->c, ss->name, ss->want, &answer, &err);
		else
			continue;
		json_decref(answer);
		if (rc < 0 && !(ss->want_rm && rc == -2))
			sim_fail(w, "%s: %s", ss->name, err.text);
		ss->tried = true;
		return true;
	}
	return false;
}

/* A host that is dead is taken out of the cluster, and one with its name joins empty. */
static void replace_host(struct world *w, struct sim_agent *a)
{
	struct err err = {0};
	const struct node *n = map_get(&w->c->nodes, a->id);
	if (n && n->up)
		return;
	if (n && cluster_node_del(w->c, a->name, &err) < 0)
		sim_fail(w, "%s", err.text);
	map_clear(&a->set);
	a->version = 0;
	if (cluster_node_join(w->c, a->id, a->name, &err) < 0)
		sim_fail(w, "%s", err.text);
	world_step(w, 0); /* the join is answered after its commit */
}

static void agent_trouble(struct world *w, struct sim_agent *a)
{
	if (a->on && sim_chance(w, 25))
		agent_kill(w, a);
	else if (!a->on && sim_chance(w, 150)) {
		a->on = true;
		a->dial_ms = w->now + sim_random(w, 2000);
	}
	if (!a->on && sim_chance(w, 60))
		replace_host(w, a);
	if (!a->partitioned && sim_chance(w, 25))
		a->partitioned = true;
	else if (a->partitioned && sim_chance(w, 200)) {
		a->partitioned = false;
		if (sim_chance(w, 5000)) /* the stream may have outlived it, or not */
			agent_cut(w, a);
	}
	if (sim_chance(w, 40))
		agent_cut(w, a);
	if (sim_chance(w, 20))
		a->slow = 1 + (int)sim_random(w, 6);
}

void chaos_tick(struct world *w)
{
	for (size_t i = 0; i < w->n_agents; i++)
		agent_trouble(w, &w->agents[i]);
}

void chaos_calm(struct world *w)
{
	w->chaos = false;
	for (size_t i = 0; i < w->n_agents; i++) {
		struct sim_agent *a = &w->agents[i];
		a->on = true;
		a->slow = 1;
		if (a->partitioned)
			agent_cut(w, a);
		a->partitioned = false;
	}
}
