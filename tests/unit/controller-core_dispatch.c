/* SPDX-License-Identifier: Apache-2.0
 * What each node is sent: readable by the agents' own readers, only what concerns it, in versions. */
#include "controller/core/drain.h"
#include "tests/unit/cluster_driver.h"

#define TWO                                                                                        \
	"{\"web\":{\"image\":\"a\",\"networks\":{\"default\":{\"aliases\":[\"w\"]}},\"deploy\":{"  \
	"\"replicas\":2}}}"

/* The last WIRE_ASSIGN of the step for this node, or NULL. New reference. */
static json_t *assign_of(const struct driver *d, const char *node)
{
	json_t *j = NULL;
	for (size_t i = 0; i < d->out.n_sends; i++) {
		const struct cluster_send *s = &d->out.sends[i];
		if (s->type != WIRE_ASSIGN || strcmp(s->node_id, node) != 0)
			continue;
		assert_null(j); /* one message a node a step */
		j = json_parse(s->json, strlen(s->json), NULL);
		assert_non_null(j);
	}
	return j;
}

static size_t count_kind(const json_t *msg, const char *list, const char *kind)
{
	size_t i, n = 0;
	json_t *v;
	json_array_foreach(json_object_get(msg, list), i, v)
	{
		n += streq(json_str(v, "kind"), kind);
	}
	return n;
}

static void read_object(const json_t *entry)
{
	struct err err = {0};
	const json_t *obj = json_object_get(entry, "obj");
	int rc = -1;
	switch (wire_kind_parse(json_str(entry, "kind"))) {
	case KIND_TASK: {
		struct wire_task t = {0};
		rc = wire_task_parse(obj, &t, &err);
		if (rc == 0) {
			assert_string_equal(t.id, json_str(entry, "id"));
			assert_string_equal(t.stack, "s");
			assert_int_equal(t.n_attach, 1);
			assert_true(strlen(t.hash) == 64);
			assert_string_equal(t.attach[0].aliases.v[0], "w");
		}
		wire_task_done(&t);
		break;
	}
	case KIND_NETWORK: {
		struct wire_network n = {0};
		rc = wire_network_parse(obj, &n, &err);
		if (rc == 0) {
			assert_string_equal(n.subnet, "10.128.0.0/20");
			assert_string_equal(n.gateway, "10.128.0.1");
			assert_int_equal(n.vni, VNI_FIRST);
		}
		wire_network_done(&n);
		break;
	}
	case KIND_ENDPOINT: {
		struct wire_endpoint e = {0};
		rc = wire_endpoint_parse(obj, &e, &err);
		if (rc == 0) {
			assert_true(strlist_has(&e.vip_names, "web"));
			assert_true(strlist_has(&e.vip_names, "w"));
			assert_true(strlist_has(&e.vip_names, "s_web"));
			assert_false(strlist_has(&e.names, "web"));
			assert_string_equal(e.vip, "10.128.15.254");
			assert_true(strlist_has(&e.names, "tasks.web"));
			assert_true(strlist_has(&e.names, e.task_name));
			assert_false(e.ready);
		}
		wire_endpoint_done(&e);
		break;
	}
	case KIND_NODE: {
		struct wire_node n = {0};
		rc = wire_node_parse(obj, &n, &err);
		wire_node_done(&n);
		break;
	}
	case KIND_INGRESS:
	case KIND_SEALED:
	case KIND_MAX:
	case KIND_INVALID:
		break;
	}
	if (rc != 0)
		fail_msg("%s", err.text);
}

static void test_objects(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 3);
	assert_int_equal(drive_put(&d, TWO, NULL, NULL), 0);
	drive_step(&d);
	size_t told = 0;
	const char *nodes[] = {"1", "2", "3"};
	for (size_t k = 0; k < 3; k++) {
		auto_json *msg = assign_of(&d, nodes[k]);
		if (!msg)
			continue;
		told++;
		size_t i;
		json_t *v;
		json_array_foreach(json_object_get(msg, "set"), i, v)
		{
			read_object(v);
		}
		assert_int_equal(count_kind(msg, "set", "task"), 1);
		assert_int_equal(count_kind(msg, "set", "network"), 1);
		assert_int_equal(count_kind(msg, "set", "endpoint"), 2);
		assert_int_equal(count_kind(msg, "set", "node"), 1); /* the other one */
		assert_int_equal(json_int(msg, "version", 0), json_int(msg, "prev", 0) + 1);
	}
	assert_int_equal(told, 2); /* the third has nothing to do with it */
	drive_done(&d);
}

static void test_versions(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 2);
	auto_json *first = assign_of(&d, "1");
	assert_null(json_object_get(first, "prev"));
	assert_int_equal(drive_put(&d, TWO, NULL, NULL), 0);
	drive_step(&d);
	const struct node *n = map_get(&d.c->nodes, "1");
	/* It has all: nothing but a welcome. */
	cluster_agent_gone(d.c, "1");
	drive_hello(&d, "1", n->version);
	drive_step(&d);
	assert_int_equal(d.out.n_sends, 1);
	assert_int_equal(d.out.sends[0].type, WIRE_WELCOME);
	/* Something changes while it is away: the whole set. */
	cluster_agent_gone(d.c, "1");
	assert_int_equal(cluster_stack_del(d.c, "s", NULL), 0);
	drive_step(&d);
	drive_hello(&d, "1", n->version);
	drive_step(&d);
	auto_json *again = assign_of(&d, "1");
	assert_non_null(again);
	assert_null(json_object_get(again, "prev"));
	cluster_agent_resync(d.c, "2");
	drive_step(&d);
	auto_json *asked = assign_of(&d, "2");
	assert_null(json_object_get(asked, "prev"));
	drive_done(&d);
}

static void ack(struct driver *d, const char *node)
{
	const struct node *n = map_get(&d->c->nodes, node);
	auto_json *msg = json_object();
	json_put_int(msg, "version", n->version);
	cluster_agent_ack(d->c, node, msg);
}

static size_t stops_sent(const struct driver *d)
{
	size_t n = 0;
	for (size_t i = 0; i < d->out.n_sends; i++)
		n += strstr(d->out.sends[i].json, "\"stop\":true") != NULL;
	return n;
}

/* Two tasks on two nodes run, and one of them is to go: its node is told when all have confirmed that
 * it is not ready. */
static void start_drain(struct driver *d)
{
	drive_init(d, 3);
	assert_int_equal(drive_put(d, TWO, NULL, NULL), 0);
	drive_step(d);
	drive_obey(d, TASK_RUNNING);
	assert_int_equal(cluster_scale(d->c, "s", "web", 1, NULL), 0);
	drive_step(d);
	assert_int_equal(d->out.n_sends, 2); /* the third node has nothing to do with it */
	for (size_t i = 0; i < d->out.n_sends; i++) {
		assert_non_null(strstr(d->out.sends[i].json, "\"ack\":true"));
		assert_null(strstr(d->out.sends[i].json, "\"ready\":true"));
	}
	assert_int_equal(stops_sent(d), 0);
}

static void test_drain(void **unused)
{
	(void)unused;
	struct driver d;
	start_drain(&d);
	auto_free char *one = xstrdup(d.out.sends[0].node_id),
		       *two = xstrdup(d.out.sends[1].node_id);
	ack(&d, one);
	drive_step(&d);
	assert_int_equal(stops_sent(&d), 0);
	ack(&d, two);
	drive_step(&d);
	assert_int_equal(d.out.n_sends, 1);
	assert_int_equal(stops_sent(&d), 1);
	drive_step(&d);
	assert_int_equal(d.out.n_sends, 0);
	drive_done(&d);
}

/* One that is gone is not waited for, one that says nothing not for long. */
static void test_drain_silent(void **unused)
{
	(void)unused;
	struct driver d;
	start_drain(&d);
	const char *own = NULL, *other = NULL;
	map_each(&d.c->tasks, e)
	{
		const struct task *t = e->val;
		*(t->stop ? &own : &other) = t->node->id;
	}
	cluster_agent_gone(d.c, other);
	drive_step(&d);
	assert_int_equal(stops_sent(&d), 0);
	ack(&d, own);
	drive_step(&d);
	assert_int_equal(stops_sent(&d), 1);
	drive_done(&d);
	start_drain(&d);
	uint64_t until = d.now + DRAIN_MS;
	auto_free char *one = xstrdup(d.out.sends[0].node_id),
		       *two = xstrdup(d.out.sends[1].node_id);
	ack(&d, one);
	for (size_t told = 0; !told; told = stops_sent(&d)) {
		assert_true(cluster_next_ms(d.c) <= until);
		drive_step(&d);
	}
	assert_int_equal(d.now, until);
	/* Late, and of something else: nothing happens. */
	ack(&d, one);
	ack(&d, two);
	drive_step(&d);
	assert_int_equal(d.out.n_sends, 0);
	drive_done(&d);
}

/* What leads nowhere is told at once: a task that does not run yet. */
static void test_no_drain(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 2);
	assert_int_equal(drive_put(&d, TWO, NULL, NULL), 0);
	drive_step(&d);
	assert_int_equal(cluster_scale(d.c, "s", "web", 1, NULL), 0);
	drive_step(&d);
	assert_int_equal(stops_sent(&d), 1);
	drive_done(&d);
}

/* A node that is silent takes its endpoints from the others, and gives back nothing else. */
static void test_lost(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 2);
	assert_int_equal(drive_put(&d, TWO, NULL, NULL), 0);
	drive_step(&d);
	drive_obey(&d, TASK_RUNNING);
	for (int i = 0; i < 40; i++) {
		cluster_agent_heartbeat(d.c, "2", d.now);
		if (i == 20)
			assert_true(((struct node *)map_get(&d.c->nodes, "1"))->up);
		drive_step(&d);
		auto_json *msg = assign_of(&d, "2");
		if (!msg)
			continue;
		assert_int_equal(count_kind(msg, "del", "endpoint"), 1);
		assert_int_equal(count_kind(msg, "set", "task"), 1); /* the replacement */
	}
	assert_false(((struct node *)map_get(&d.c->nodes, "1"))->up);
	const struct service *svc = drive_service(&d, "web");
	assert_int_equal(svc->n_tasks, 3);
	assert_int_equal(cluster_node_del(d.c, "host2", NULL), -EBUSY);
	assert_int_equal(cluster_node_del(d.c, "host1", NULL), 0);
	drive_step(&d);
	assert_int_equal(svc->n_tasks, 2);
	drive_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects),  cmocka_unit_test(test_versions),
		cmocka_unit_test(test_drain),    cmocka_unit_test(test_drain_silent),
		cmocka_unit_test(test_no_drain), cmocka_unit_test(test_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
