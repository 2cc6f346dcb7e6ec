/* SPDX-License-Identifier: Apache-2.0
 * Agents as the controller sees them: a set on disk, containers that take their time, reports. */
#include "base/num.h"
#include "tests/sim/world.h"

#include <stdio.h>
#include <string.h>

void queue_push(struct sim_queue *q, uint64_t due, uint8_t type, char *json_taken)
{
	if (q->n && q->v[q->n - 1].due > due) /* a stream keeps its order */
		due = q->v[q->n - 1].due;
	q->v = vec_grow(q->v, q->n, &q->cap, sizeof(*q->v));
	q->v[q->n++] = (struct sim_msg){due, type, json_taken};
}

void queue_clear(struct sim_queue *q)
{
	for (size_t i = q->head; i < q->n; i++)
		free(q->v[i].json);
	q->head = q->n = 0;
}

bool queue_quiet(const struct sim_queue *q)
{
	return q->head == q->n;
}

static struct sim_msg *queue_due(struct sim_queue *q, uint64_t now)
{
	if (queue_quiet(q)) {
		q->head = q->n = 0;
		return NULL;
	}
	return q->v[q->head].due <= now ? &q->v[q->head++] : NULL;
}

static void say(struct world *w, struct sim_agent *a, uint8_t type, char *json_taken)
{
	queue_push(&a->out, w->now + sim_random(w, SIM_DELAY), type, json_taken);
}

void agent_done(struct sim_agent *a)
{
	map_clear(&a->set);
	map_clear(&a->tasks);
	queue_clear(&a->in);
	queue_clear(&a->out);
	free(a->in.v);
	free(a->out.v);
}

void agent_cut(struct world *w, struct sim_agent *a)
{
	if (!a->linked)
		return;
	a->steady_ms = w->now;
	a->linked = a->said_hello = a->compare = false;
	queue_clear(&a->in);
	queue_clear(&a->out);
	cluster_agent_gone(w->c, a->id);
	a->dial_ms = w->now + sim_random(w, 1500);
}

void agent_kill(struct world *w, struct sim_agent *a)
{
	agent_cut(w, a);
	a->on = false;
	map_clear(&a->tasks);
	a->dirty = true;
}

void agent_free_object(void *p)
{
	json_decref(p);
}

static void apply_entries(struct world *w, struct sim_agent *a, const json_t *msg, const char *key,
			  bool set)
{
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(msg, key), i, v)
	{
		auto_free char *at =
			xasprintf("%s/%s", json_str_or(v, "kind", "?"), json_str_or(v, "id", "?"));
		const json_t *was = map_get(&a->set, at), *obj = json_object_get(v, "obj");
		const struct sim_task *t = map_get(&a->tasks, json_str_or(v, "id", "?"));
		bool stop = json_bool(obj, "stop", false) && !json_bool(was, "stop", false);
		if (set && was && t && t->state == TASK_RUNNING && stop)
			check_drained(w, json_str(v, "id"));
		if (set)
			map_set(&a->set, at, json_incref(json_object_get(v, "obj")));
		else
			map_del(&a->set, at);
	}
}

static const char *tail(const char *text)
{
	size_t n = strlen(text);
	return n > 150 ? text + n - 150 : text;
}

/* A sealed key is another each time. */
static bool same_object(const char *at, const json_t *a, const json_t *b)
{
	if (str_starts(at, "sealed/"))
		return streq(json_str(a, "data"), json_str(b, "data"));
	return json_equal(a, b);
}

/* It holds the configs and secrets that its tasks use, and no others. */
static void check_sealed(struct world *w, const struct sim_agent *a)
{
	struct map uses = {0};
	size_t n = 0, i;
	map_each(&a->set, e)
	{
		const json_t *spec = json_object_get(e->val, "spec"), *g;
		n += str_starts(e->key, "sealed/");
		json_array_foreach(json_object_get(spec, "secrets"), i, g)
		{
			auto_free char *at = xasprintf("sealed/%s", json_str_or(g, "version", "?"));
			if (!map_has(&a->set, at))
				sim_fail(w, "%s has the task '%s' without its secret", a->name,
					 e->key);
			map_set(&uses, at, w);
		}
	}
	if (n != uses.n)
		sim_fail(w, "%s holds %zu secrets, and its tasks use %zu", a->name, n, uses.n);
	map_clear(&uses);
}

static void same_sets(struct world *w, const struct sim_agent *a, const struct map *was)
{
	map_each(was, e)
	{
		const json_t *now = map_get(&a->set, e->key);
		if (now && same_object(e->key, now, e->val))
			continue;
		auto_free char *had = json_text_canonical(e->val);
		auto_free char *has = now ? json_text_canonical(now) : xstrdup("nothing");
		sim_fail(w, "%s had '%s' = ...%s, a fresh snapshot has ...%s", a->name, e->key,
			 tail(had), tail(has));
	}
	map_each(&a->set, e)
	{
		if (!map_has(was, e->key))
			sim_fail(w, "%s did not have '%s', a fresh snapshot has", a->name, e->key);
	}
}

static void take_assign(struct world *w, struct sim_agent *a, const char *text)
{
	auto_json *msg = json_parse(text, strlen(text), NULL);
	if (!msg) {
		sim_fail(w, "a message is no JSON: %.200s", text);
		return;
	}
	int64_t prev = json_int(msg, "prev", -1);
	struct map was = {.free_val = agent_free_object};
	if (prev >= 0 && prev != a->version) {
		say(w, a, WIRE_RESYNC, xstrdup("{}"));
		return;
	}
	if (prev < 0) {
		was = a->set;
		a->set = (struct map){.free_val = agent_free_object};
	}
	apply_entries(w, a, msg, "set", true);
	apply_entries(w, a, msg, "del", false);
	a->dirty = true;
	a->version = json_int(msg, "version", 0);
	if (json_bool(msg, "ack", false))
		say(w, a, WIRE_ACK, xasprintf("{\"version\":%lld}", (long long)a->version));
	if (prev < 0 && a->compare) {
		same_sets(w, a, &was);
		check_sealed(w, a);
	}
	if (prev < 0)
		a->compare = false;
	map_clear(&was);
}

static void start_task(struct world *w, struct sim_agent *a, const char *id, const json_t *obj)
{
	struct sim_task *t = xcalloc(1, sizeof(*t));
	const json_t *at = json_array_get(json_object_get(obj, "attach"), 0);
	t->state = TASK_PREPARING;
	t->next_ms = w->now + (uint64_t)a->slow * sim_random(w, 1500);
	if (json_bool(obj, "stop", false)) {
		t->state = TASK_STOPPED;
		t->stop = true;
	} else if (at) {
		snprintf(t->key, sizeof(t->key), "%s %s", json_str_or(at, "network_id", ""),
			 json_str_or(at, "ip", ""));
	}
	map_set(&a->tasks, id, t);
}

/* The set against the containers. */
static void reconcile(struct world *w, struct sim_agent *a)
{
	if (!a->dirty)
		return;
	a->dirty = false;
	map_each(&a->set, e)
	{
		if (!str_starts(e->key, "task/"))
			continue;
		const json_t *obj = e->val;
		struct sim_task *t = map_get(&a->tasks, e->key + 5);
		if (!t) {
			start_task(w, a, e->key + 5, obj);
		} else if (json_bool(obj, "stop", false) && !t->stop) {
			t->stop = true;
			t->told = false;
			t->state = t->state == TASK_PREPARING || task_state_ended(t->state)
					   ? TASK_STOPPED
					   : TASK_STOPPING;
			t->next_ms = w->now + (uint64_t)a->slow * sim_random(w, 1000);
		}
	}
	map_each(&a->tasks, e)
	{
		auto_free char *key = xasprintf("task/%s", e->key);
		if (!map_has(&a->set, key))
			map_del(&a->tasks, e->key);
	}
}

static void move_on(struct world *w, struct sim_task *t, int slow)
{
	enum task_state was = t->state;
	bool due = t->next_ms <= w->now;
	if (t->state == TASK_PREPARING && due)
		t->state = TASK_STARTING;
	else if (t->state == TASK_STARTING && due)
		t->state = w->chaos && sim_chance(w, 300) ? TASK_BACKOFF : TASK_RUNNING;
	else if (t->state == TASK_BACKOFF && due)
		t->state = TASK_STARTING;
	else if (t->state == TASK_STOPPING && due)
		t->state = TASK_STOPPED;
	else if (t->state == TASK_RUNNING && w->chaos && sim_chance(w, 20))
		t->state = sim_chance(w, 1000) ? TASK_FAILED : TASK_BACKOFF;
	if (t->state == was)
		return;
	t->told = false;
	t->restarts += t->state == TASK_BACKOFF;
	t->next_ms = w->now + (uint64_t)slow * sim_random(w, 800);
}

static void report(struct world *w, struct sim_agent *a, bool all)
{
	auto_json *msg = json_object();
	json_t *list = json_array();
	map_each(&a->tasks, e)
	{
		struct sim_task *t = e->val;
		if (t->told && !all)
			continue;
		t->told = true;
		struct wire_report r = {.id = e->key,
					.state = t->state,
					.since = (int64_t)w->now,
					.exit_code = t->state == TASK_FAILED ? 1 : -1,
					.restarts = t->restarts};
		json_array_append_new(list, wire_report_json(&r));
	}
	bool any = json_array_size(list) > 0;
	json_object_set_new(msg, "tasks", list);
	if (any || all)
		say(w, a, WIRE_REPORT, json_text(msg));
}

static void dial(struct world *w, struct sim_agent *a)
{
	auto_json *msg = json_object();
	char key[2 * CRYPTO_KEY + 1];
	struct wire_node n = {.name = a->name,
			      .address = a->id + 4,
			      .os = (char *)"linux",
			      .arch = (char *)"amd64",
			      .cpus = 4,
			      .memory = 8LL << 30,
			      .seal_key = key};
	hex_encode(w->sealing->now.pub, CRYPTO_KEY, key);
	a->linked = true;
	a->beat_ms = a->heard_ms = w->now;
	json_put_int(msg, "wire", WIRE_VERSION);
	json_object_set_new(msg, "node", wire_node_json(&n));
	json_put_int(msg, "version", a->version);
	say(w, a, WIRE_HELLO, json_text(msg));
	report(w, a, true);
}

void agent_tick(struct world *w, struct sim_agent *a)
{
	struct sim_msg *m;
	if (!a->linked || a->partitioned)
		a->steady_ms = w->now;
	if (!a->on)
		return;
	while (a->linked && !a->partitioned && (m = queue_due(&a->in, w->now))) {
		if (m->type == WIRE_ASSIGN)
			take_assign(w, a, m->json);
		free(m->json);
	}
	reconcile(w, a);
	map_each(&a->tasks, e)
	{
		move_on(w, e->val, a->slow);
	}
	if (a->partitioned)
		return;
	if (!a->linked && a->dial_ms <= w->now)
		dial(w, a);
	if (!a->linked)
		return;
	report(w, a, false);
	if (a->beat_ms + 1000 <= w->now) {
		a->beat_ms = w->now;
		say(w, a, WIRE_HEARTBEAT, xstrdup("{}"));
	}
}

void agent_receive(struct world *w, struct sim_agent *a)
{
	struct sim_msg *m;
	struct err err = {0};
	while (a->linked && !a->partitioned && (m = queue_due(&a->out, w->now))) {
		auto_json *msg = json_parse(m->json, strlen(m->json), NULL);
		int rc = 0;
		switch (m->type) {
		case WIRE_HELLO:
			rc = cluster_agent_hello(w->c, a->id, msg, w->now, &err);
			a->said_hello = true;
			break;
		case WIRE_HEARTBEAT:
			cluster_agent_heartbeat(w->c, a->id, w->now);
			break;
		case WIRE_REPORT:
			rc = cluster_agent_report(w->c, a->id, msg, w->now, &err);
			break;
		case WIRE_ACK:
			cluster_agent_ack(w->c, a->id, msg);
			break;
		case WIRE_RESYNC:
			cluster_agent_resync(w->c, a->id);
			break;
		}
		free(m->json);
		if (rc < 0) { /* the controller closes the stream */
			if (w->verbose)
				printf("%llu %s: %s\n", (unsigned long long)w->now, a->name,
				       err.text);
			agent_cut(w, a);
		}
	}
}
