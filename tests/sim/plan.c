/* SPDX-License-Identifier: Apache-2.0
 * A plan must be what an apply then does, when nothing else happens: random clusters and stacks, agents
 * that take their time, and each change both planned and done. */
#include "controller/core/plan.h"
#include "manifests/canon.h"
#include "tests/sim/world.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS    6
#define SETTLE_MS 200000
#define PLAN_MAX  (1 << 20)

static void random_service(struct world *w, struct str *s, size_t stack, size_t i)
{
	static const char *const orders[] = {"stop-first", "start-first"};
	str_addf(s, "%s\"svc%zu\":{\"image\":\"app:%llu\",\"networks\":{\"default\":{}}",
		 i ? "," : "", i, (unsigned long long)sim_random(w, 3));
	if (i == 2 && sim_chance(w, 3000))
		str_addf(s,
			 ",\"ports\":[{\"target\":80,\"published\":%zu,\"protocol\":\"tcp\","
			 "\"mode\":\"host\"}]",
			 8000 + stack % 2);
	else if (i == 2 && sim_chance(w, 3000))
		str_add(s, ",\"ports\":[{\"target\":80,\"published\":\"8100-8102\",\"mode\":"
			   "\"host\"},{\"target\":81,\"published\":\"8100-8139\"}]");
	if (i && sim_chance(w, 2500))
		str_addf(s,
			 ",\"depends_on\":{\"svc%llu\":{\"condition\":\"service_started\","
			 "\"required\":true}}",
			 (unsigned long long)sim_random(w, i));
	str_add(s, ",\"deploy\":{");
	if (i == 1 && sim_chance(w, 3000))
		str_add(s, "\"mode\":\"global\"");
	else
		str_addf(s, "\"replicas\":%llu", (unsigned long long)sim_random(w, 7));
	str_addf(s,
		 ",\"update_config\":{\"parallelism\":%llu,\"delay\":\"%llus\",\"order\":\"%s\"}",
		 (unsigned long long)sim_random(w, 4), (unsigned long long)sim_random(w, 3),
		 orders[sim_random(w, 2)]);
	if (sim_chance(w, 5000))
		str_addf(s, ",\"resources\":{\"reservations\":{\"memory\":%llu}}",
			 (unsigned long long)(1 + sim_random(w, 5)) << 30);
	if (sim_chance(w, 4000))
		str_addf(s,
			 ",\"placement\":{\"constraints\":[\"node.hostname != host%llu\"],"
			 "\"max_replicas_per_node\":%llu}",
			 (unsigned long long)(1 + sim_random(w, 4)),
			 (unsigned long long)sim_random(w, 3));
	str_add(s, "}}");
}

static json_t *random_stack(struct world *w, size_t ix)
{
	auto_str s = {0};
	const char *name = w->stacks[ix].name;
	struct err err = {0};
	struct spec_stack *spec = NULL;
	str_addf(&s, "{\"name\":\"%s\",\"services\":{", name);
	size_t n = 1 + sim_random(w, 3);
	for (size_t i = 0; i < n; i++)
		random_service(w, &s, ix, i);
	str_addf(&s, "},\"networks\":{\"default\":{\"name\":\"%s_default\"%s}}}", name,
		 sim_chance(w, 2000) ? ",\"internal\":true" : "");
	auto_json *raw = json_parse(s.data, s.len, &err);
	if (!raw || canon_stack_parse(raw, &spec, &err) < 0) {
		sim_fail(w, "the simulation's own stack is refused: %s", err.text);
		return NULL;
	}
	json_t *canon = canon_stack(spec);
	spec_stack_free(spec);
	return canon;
}

/* As the controller does it: on the copy that a forked process has. */
static json_t *plan_of(struct world *w, const struct plan_ask *ask)
{
	int fds[2];
	struct err err = {0};
	auto_free char *text = xcalloc(1, PLAN_MAX);
	size_t n = 0;
	ssize_t got;
	if (pipe(fds) < 0)
		return NULL;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		json_t *j = NULL;
		int rc = cluster_plan(w->c, ask, &j, &err);
		auto_free char *answer =
			rc < 0 ? xasprintf("{\"error\":\"%s\"}", err.text) : json_text(j);
		json_decref(j);
		_exit(write(fds[1], answer, strlen(answer)) < 0);
	}
	close(fds[1]);
	while ((got = read(fds[0], text + n, PLAN_MAX - 1 - n)) > 0)
		n += (size_t)got;
	close(fds[0]);
	waitpid(pid, NULL, 0);
	return json_parse(text, n, &err);
}

struct seen {
	char id[ID_ROOM];
	char node[32];
};

/* Name -> struct seen, of the tasks that are to run. */
static void look(struct world *w, const char *stack, struct map *out)
{
	out->free_val = free;
	map_each(&w->c->tasks, e)
	{
		const struct task *t = e->val;
		if (!streq(t->svc->stack->name, stack) || t->stop)
			continue;
		struct seen *s = xcalloc(1, sizeof(*s));
		auto_free char *name = task_name(t);
		memcpy(s->id, t->id, sizeof(s->id));
		snprintf(s->node, sizeof(s->node), "%s", t->node ? t->node->name : "-");
		map_set(out, name, s);
	}
}

static char *fate(const char *name, const struct seen *was, const struct seen *is,
		  const struct map *exact)
{
	const char *action = !is ? "remove" : was && strcmp(was->node, "-") ? "replace" : "create";
	if (was && is && streq(was->id, is->id))
		return NULL;
	return xasprintf("%s %s %s", action, name,
			 !is                      ? ""
			 : map_has(exact, name)   ? is->node
			 : !strcmp(is->node, "-") ? "-"
						  : "somewhere");
}

static void really(const struct map *was, const struct map *is, const struct map *exact,
		   struct strlist *out)
{
	map_each(is, e)
	{
		char *f = fate(e->key, map_get(was, e->key), e->val, exact);
		if (f)
			strlist_take(out, f);
	}
	map_each(was, e)
	{
		if (!map_has(is, e->key))
			strlist_take(out, fate(e->key, e->val, NULL, exact));
	}
	strlist_sort(out);
}

/* exact: tasks whose node must be the plan's. A saved plan is followed to the letter; otherwise what is
 * placed at once goes where the plan says, and what waits for others depends on who is first. */
static void said(const json_t *plan, bool follow, struct map *exact, struct strlist *out)
{
	const json_t *t;
	size_t i;
	json_array_foreach(json_object_get(plan, "tasks"), i, t)
	{
		const char *node = json_str(t, "node"), *action = json_str_or(t, "action", "?");
		const char *name = json_str_or(t, "name", "?");
		if (follow || json_int(t, "step", 0) == 1)
			map_set(exact, name, exact);
		strlist_addf(out, "%s %s %s", action, name,
			     streq(action, "remove") ? ""
			     : !node                 ? "-"
			     : map_has(exact, name)  ? node
						     : "somewhere");
	}
	strlist_sort(out);
}

static void compare(struct world *w, const json_t *plan, const struct map *was,
		    const struct map *is, bool follow)
{
	auto_strlist a = {0}, b = {0};
	struct map exact = {0};
	said(plan, follow, &exact, &a);
	really(was, is, &exact, &b);
	map_clear(&exact);
	for (size_t i = 0; i < a.n || i < b.n; i++) {
		const char *x = i < a.n ? a.v[i] : "nothing", *y = i < b.n ? b.v[i] : "nothing";
		if (!streq(x, y)) {
			sim_fail(w, "the plan said '%s', the apply did '%s'", x, y);
			return;
		}
	}
}

/* Where room is short, who gets it depends on who asks first. */
static bool short_of_room(const json_t *plan)
{
	const json_t *t;
	size_t i;
	json_array_foreach(json_object_get(plan, "tasks"), i, t)
	{
		if (json_str(t, "why"))
			return true;
	}
	return false;
}

static void tick(struct world *w)
{
	w->now += SIM_TICK_MS;
	for (size_t i = 0; i < w->n_agents; i++)
		agent_tick(w, &w->agents[i]);
	for (size_t i = 0; i < w->n_agents; i++)
		agent_receive(w, &w->agents[i]);
	world_step(w, 0);
}

static bool moving(const struct world *w)
{
	map_each(&w->c->tasks, e)
	{
		const struct task *t = e->val;
		if (t->node && (t->stop || !task_up(t)))
			return true;
	}
	map_each(&w->c->stacks, e)
	{
		const struct stack *s = e->val;
		if (s->removing)
			return true;
		map_each(&s->services, se)
		{
			const struct service *svc = se->val;
			if (svc->roll == ROLL_UPDATING || svc->roll == ROLL_BACK || !svc->spec)
				return true;
		}
	}
	return false;
}

/* Nothing moves, and nothing waits that could take what becomes free. */
static bool at_rest(const struct world *w)
{
	return !moving(w) && !w->c->waiting.n;
}

/* An update that waits for a place it cannot get goes on for ever: that is quiet too. */
static void settle(struct world *w)
{
	uint64_t end = w->now + SETTLE_MS;
	for (int i = 0; i < 30 || (moving(w) && w->now < end); i++)
		tick(w);
}

/* Everything that decides over an apply must be as it was when the plan was made. */
static void round_of(struct world *w, bool follow)
{
	size_t ix = sim_random(w, SIM_STACKS);
	const char *name = w->stacks[ix].name;
	bool there = map_has(&w->c->stacks, name);
	auto_json *spec = there && sim_chance(w, 1500) ? NULL : random_stack(w, ix);
	struct plan_ask ask = {.stack = name, .spec = spec};
	struct err err = {0};
	struct map was = {0}, is = {0};
	json_t *answer = NULL;
	if (spec && there && sim_chance(w, 2000)) {
		ask = (struct plan_ask){.stack = name, .service = "svc0"};
		ask.replicas = (int64_t)sim_random(w, 7);
	}
	bool rest = at_rest(w);
	auto_json *plan = plan_of(w, &ask);
	if (w->verbose) {
		auto_free char *text = json_text(plan);
		printf("%llu plan: %s\n", (unsigned long long)w->now, text);
	}
	look(w, name, &was);
	int rc;
	if (ask.spec)
		rc = cluster_stack_put(w->c, name, spec, &answer, &err);
	else if (ask.service)
		rc = cluster_scale(w->c, name, "svc0", ask.replicas, &err);
	else
		rc = cluster_stack_del(w->c, name, &err);
	json_decref(answer);
	if ((rc < 0) != (json_str(plan, "error") != NULL))
		sim_fail(w, "the plan: %s; the apply: %s", json_str_or(plan, "error", "is fine"),
			 rc < 0 ? err.text : "is fine");
	if (rc == 0 && follow)
		cluster_plan_follow(w->c, plan);
	settle(w);
	look(w, name, &is);
	if (rest && !short_of_room(plan))
		compare(w, plan, &was, &is, follow);
	map_clear(&was);
	map_clear(&is);
}

bool plan_seed(uint64_t seed, bool verbose)
{
	struct world *w = xcalloc(1, sizeof(*w));
	w->verbose = verbose;
	world_init(w, seed);
	settle(w);
	for (int i = 0; i < ROUNDS && !w->failure[0]; i++)
		round_of(w, seed % 2);
	bool ok = !w->failure[0];
	if (!ok)
		printf("plan seed %llu, at %llu ms: %s\n", (unsigned long long)seed,
		       (unsigned long long)(w->now - 1000000), w->failure);
	world_done(w);
	free(w);
	return ok;
}
