/* SPDX-License-Identifier: Apache-2.0
 * Drives controller/core for its tests: nodes that obey at once, one step after the other. */
#pragma once
#include "controller/core/cluster.h"
#include "controller/core/state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct driver {
	struct cluster *c;
	uint64_t now;
	struct cluster_out out; /* of the last step */
};

static inline void drive_step(struct driver *d)
{
	cluster_out_done(&d->out);
	d->now += 100;
	cluster_step(d->c, d->now, (int64_t)d->now, &d->out);
}

static inline void drive_hello(struct driver *d, const char *id, int64_t version)
{
	auto_free char *text = xasprintf("{\"wire\":1,\"version\":%lld,\"node\":{\"name\":\"x\","
					 "\"address\":\"192.0.2.%s\",\"os\":\"linux\",\"arch\":"
					 "\"amd64\",\"cpus\":4,\"memory\":8589934592}}",
					 (long long)version, id);
	auto_json *msg = json_parse(text, strlen(text), NULL);
	assert_int_equal(cluster_agent_hello(d->c, id, msg, d->now, NULL), 0);
}

static inline void drive_init(struct driver *d, int nodes)
{
	struct cluster_config cfg = {.seed = 7, .grace_ms = 100};
	*d = (struct driver){.c = cluster_new(&cfg), .now = 1000};
	cluster_start(d->c, d->now);
	for (int i = 1; i <= nodes; i++) {
		char id[16], name[16];
		snprintf(id, sizeof(id), "%d", i);
		snprintf(name, sizeof(name), "host%d", i);
		assert_int_equal(cluster_node_join(d->c, id, name, NULL), 0);
		drive_hello(d, id, 0);
	}
	drive_step(d);
}

static inline void drive_done(struct driver *d)
{
	cluster_out_done(&d->out);
	cluster_free(d->c);
}

/* text: the "services" object; networks: "default" only. */
static inline int drive_put(struct driver *d, const char *services, json_t **ret, struct err *err)
{
	auto_free char *text =
		xasprintf("{\"name\":\"s\",\"services\":%s,\"networks\":{\"default\":"
			  "{\"name\":\"s_default\"}}}",
			  services);
	auto_json *j = json_parse(text, strlen(text), err);
	json_t *answer = NULL;
	int rc = j ? cluster_stack_put(d->c, "s", j, &answer, err) : -1;
	if (ret)
		*ret = answer;
	else
		json_decref(answer);
	return rc;
}

static inline void drive_report(struct driver *d, const struct task *t, enum task_state state)
{
	struct wire_report r = {.id = (char *)t->id, .state = state, .exit_code = -1};
	auto_json *msg = json_object();
	json_t *list = json_array();
	json_array_append_new(list, wire_report_json(&r));
	json_object_set_new(msg, "tasks", list);
	char node[32];
	snprintf(node, sizeof(node), "%s", t->node->id);
	assert_int_equal(cluster_agent_report(d->c, node, msg, d->now, NULL), 0);
}

/* All nodes beat, all that stops has stopped; what is to run gets this state. */
static inline void drive_obey(struct driver *d, enum task_state state)
{
	char ids[256][ID_ROOM];
	size_t n = 0;
	for (size_t i = 0; i < d->c->n_sched; i++)
		cluster_agent_heartbeat(d->c, d->c->sched_of[i]->id, d->now);
	map_each(&d->c->tasks, e)
	{
		if (n < 256)
			snprintf(ids[n++], ID_ROOM, "%s", e->key);
	}
	for (size_t i = 0; i < n; i++) {
		const struct task *t = map_get(&d->c->tasks, ids[i]);
		if (t && t->node && t->stop)
			drive_report(d, t, TASK_STOPPED);
		else if (t && t->node && t->state < TASK_RUNNING)
			drive_report(d, t, state);
	}
	drive_step(d);
}

static inline struct service *drive_service(const struct driver *d, const char *name)
{
	struct stack *s = map_get(&d->c->stacks, "s");
	return s ? map_get(&s->services, name) : NULL;
}

static inline size_t drive_up(const struct service *svc)
{
	size_t n = 0;
	for (size_t i = 0; i < svc->n_slots; i++)
		n += svc->slots[i].cur && task_up(svc->slots[i].cur);
	return n;
}
