/* SPDX-License-Identifier: Apache-2.0
 * Published ports: who may have which, and what nodes are told of them. */
#include "tests/unit/cluster_driver.h"

#define WEB(replicas, ports)                                                                       \
	"{\"web\":{\"image\":\"a\",\"networks\":{\"default\":{}},\"ports\":[" ports                \
	"],\"deploy\":{\"replicas\":" #replicas "}}}"
#define P80 "{\"target\":80,\"published\":\"8080\"}"

/* The ingress object that node was sent in the last step; false: none. Deleted ones count in *gone. */
static bool ingress_of(const struct driver *d, const char *node, struct wire_ingress *ret,
		       size_t *gone)
{
	bool found = false;
	*gone = 0;
	for (size_t i = 0; i < d->out.n_sends; i++) {
		const struct cluster_send *s = &d->out.sends[i];
		size_t k;
		json_t *v;
		if (s->type != WIRE_ASSIGN || strcmp(s->node_id, node) != 0)
			continue;
		auto_json *msg = json_parse(s->json, strlen(s->json), NULL);
		json_array_foreach(json_object_get(msg, "del"), k, v)
		{
			*gone += streq(json_str(v, "kind"), "ingress");
		}
		json_array_foreach(json_object_get(msg, "set"), k, v)
		{
			if (!streq(json_str(v, "kind"), "ingress"))
				continue;
			assert_false(found);
			assert_int_equal(wire_ingress_parse(json_object_get(v, "obj"), ret, NULL),
					 0);
			assert_string_equal(ret->id, json_str(v, "id"));
			found = true;
		}
	}
	return found;
}

static size_t nodes_told(const struct driver *d, const char *node)
{
	struct wire_ingress in = {0};
	size_t gone, n;
	assert_true(ingress_of(d, node, &in, &gone));
	n = in.nodes.n;
	wire_ingress_done(&in);
	return n;
}

static bool silent(const struct driver *d, const char *node)
{
	struct wire_ingress in = {0};
	size_t gone;
	bool any = ingress_of(d, node, &in, &gone);
	wire_ingress_done(&in);
	return !any && !gone;
}

/* Every node learns the port at once; a node is named while it has a ready task, and only the first and
 * the last of them make a message. */
static void test_told(void **unused)
{
	(void)unused;
	struct driver d;
	struct wire_ingress in = {0};
	size_t gone;
	drive_init(&d, 3);
	assert_int_equal(drive_put(&d, WEB(4, P80), NULL, NULL), 0);
	drive_step(&d);
	for (const char *n = "1\0002\0003\000"; *n; n += 2)
		assert_int_equal(nodes_told(&d, n), 0);
	drive_obey(&d, TASK_RUNNING);
	assert_true(ingress_of(&d, "2", &in, &gone));
	assert_int_equal(in.n_ports, 1);
	assert_int_equal(in.ports[0].published, 8080);
	assert_string_equal(in.service, "web");
	assert_int_equal(in.nodes.n, 3);
	wire_ingress_done(&in);
	/* One of two tasks of a node stops: nothing to say. Then all: nobody is named. */
	assert_int_equal(cluster_scale(d.c, "s", "web", 3, NULL), 0);
	drive_step(&d);
	assert_true(silent(&d, "1"));
	assert_int_equal(cluster_scale(d.c, "s", "web", 0, NULL), 0);
	drive_step(&d);
	assert_int_equal(nodes_told(&d, "1"), 0);
	drive_obey(&d, TASK_RUNNING);
	assert_int_equal(cluster_stack_del(d.c, "s", NULL), 0);
	drive_step(&d);
	assert_false(ingress_of(&d, "3", &in, &gone));
	assert_int_equal(gone, 1);
	drive_done(&d);
}

/* A snapshot has it, a node that is down is no longer named, and a stack that is removed and put again
 * in one step stays. */
static void test_kept(void **unused)
{
	(void)unused;
	struct driver d;
	struct wire_ingress in = {0};
	size_t gone;
	drive_init(&d, 2);
	assert_int_equal(drive_put(&d, WEB(2, P80), NULL, NULL), 0);
	drive_step(&d);
	drive_obey(&d, TASK_RUNNING);
	cluster_agent_resync(d.c, "2");
	drive_step(&d);
	assert_int_equal(nodes_told(&d, "2"), 2);
	for (int i = 0; i < 36; i++) {
		cluster_agent_heartbeat(d.c, "2", d.now);
		drive_step(&d);
		if (ingress_of(&d, "2", &in, &gone))
			break;
	}
	assert_int_equal(in.nodes.n, 1);
	wire_ingress_done(&in);
	drive_done(&d);

	drive_init(&d, 1);
	assert_int_equal(drive_put(&d, WEB(0, P80), NULL, NULL), 0);
	drive_step(&d);
	assert_int_equal(cluster_stack_del(d.c, "s", NULL), 0);
	assert_int_equal(drive_put(&d, WEB(0, P80), NULL, NULL), 0);
	drive_step(&d);
	bool any = ingress_of(&d, "1", &in, &gone);
	assert_int_equal(gone, 0);
	wire_ingress_done(&in);
	(void)any;
	assert_int_equal(d.c->ingresses.n, 1);
	drive_done(&d);
}

static int put_other(struct driver *d, const char *ports, struct err *err)
{
	auto_free char *text =
		xasprintf("{\"name\":\"t\",\"services\":{\"x\":{\"image\":\"a\",\"networks\":{"
			  "\"default\":{}},\"ports\":[%s]}},\"networks\":{\"default\":{\"name\":"
			  "\"t_default\"}}}",
			  ports);
	auto_json *j = json_parse(text, strlen(text), err);
	json_t *answer = NULL;
	int rc = cluster_stack_put(d->c, "t", j, &answer, err);
	json_decref(answer);
	return rc;
}

static void test_conflicts(void **unused)
{
	(void)unused;
	static const struct {
		const char *first, *second;
		bool fits;
	} cases[] = {
		{P80, P80, false},
		{P80, "{\"target\":81,\"published\":\"8080\",\"protocol\":\"udp\"}", true},
		{P80, "{\"target\":81,\"published\":\"8081\"}", true},
		{P80, "{\"target\":80,\"published\":\"8080\",\"mode\":\"host\"}", false},
		{P80, "{\"target\":80,\"published\":\"8080\",\"host_ip\":\"127.0.0.1\"}", false},
		{"{\"target\":1,\"published\":\"8080\",\"mode\":\"host\"}",
		 "{\"target\":2,\"published\":\"8080\",\"mode\":\"host\"}", true},
		{"{\"target\":1,\"published\":\"8080\",\"host_ip\":\"127.0.0.1\"}",
		 "{\"target\":2,\"published\":\"8080\",\"host_ip\":\"192.0.2.1\"}", true},
		{"{\"target\":1,\"published\":\"8080\",\"host_ip\":\"::1\"}",
		 "{\"target\":2,\"published\":\"8080\",\"host_ip\":\"0.0.0.0\"}", true},
		{"{\"target\":1,\"published\":\"8080\",\"host_ip\":\"::1\"}",
		 "{\"target\":2,\"published\":\"8080\",\"host_ip\":\"0:0:0:0:0:0:0:1\"}", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct driver d;
		struct err err = {0};
		drive_init(&d, 1);
		auto_free char *web = xasprintf("{\"web\":{\"image\":\"a\",\"networks\":{"
						"\"default\":{}},\"ports\":[%s]}}",
						cases[i].first);
		assert_int_equal(drive_put(&d, web, NULL, &err), 0);
		int rc = put_other(&d, cases[i].second, &err);
		if (rc != (cases[i].fits ? 0 : -EEXIST))
			fail_msg("case %zu: %d %s", i, rc, err.text);
		if (!cases[i].fits) {
			assert_non_null(strstr(err.text, "8080/tcp"));
			assert_non_null(strstr(err.text, "'web' of the stack 's'"));
			/* Its holder being removed, the port is free to be asked for. */
			assert_int_equal(cluster_stack_del(d.c, "s", NULL), 0);
			assert_int_equal(put_other(&d, cases[i].second, &err), 0);
		}
		drive_done(&d);
	}
}

static void test_own_conflict(void **unused)
{
	(void)unused;
	struct driver d;
	struct err err = {0};
	drive_init(&d, 1);
	assert_int_equal(drive_put(&d,
				   "{\"a\":{\"image\":\"a\",\"networks\":{\"default\":{}},"
				   "\"ports\":[" P80 "]},\"b\":{\"image\":\"a\",\"networks\":{"
				   "\"default\":{}},\"ports\":[" P80 "]}}",
				   NULL, &err),
			 -EINVAL);
	assert_non_null(strstr(err.text, "'a' and 'b'"));
	drive_done(&d);
}

/* Between nodes a published port is in clear: on an encrypted network no node sends on to another. */
static void test_encrypted(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 2);
	assert_int_equal(drive_put(&d, WEB(2, P80), NULL, NULL), 0);
	drive_step(&d); /* placed while it was not: these nodes have no keys */
	map_each(&d.c->networks, e)((struct network *)e->val)->encrypted = true;
	drive_obey(&d, TASK_RUNNING);
	assert_int_equal(nodes_told(&d, "1"), 0);
	drive_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told),      cmocka_unit_test(test_kept),
		cmocka_unit_test(test_conflicts), cmocka_unit_test(test_own_conflict),
		cmocka_unit_test(test_encrypted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
