/* SPDX-License-Identifier: Apache-2.0
 * Ranges of published ports: which port of them a service or a task gets, that it keeps it, and who
 * stands in the way. */
#include "base/map.h"
#include "tests/unit/cluster_driver.h"

#include <stdlib.h>

#define NET        "\"networks\":{\"default\":{}}"
#define INGRESS    "{\"target\":80,\"published\":\"8000-8002\"}"
#define HOST       "{\"target\":80,\"published\":\"8000-8002\",\"mode\":\"host\"}"
#define ONE(n)     "{\"target\":80,\"published\":\"" #n "\"}"
#define WEB(ports) "{\"web\":{\"image\":\"a\"," NET ",\"ports\":[" ports "]}}"

static struct map store; /* key -> value, as the driver of the core would keep it */

static void commit(const struct driver *d)
{
	store.free_val = free;
	for (size_t i = 0; i < d->out.n_puts; i++) {
		const struct cluster_put *p = &d->out.puts[i];
		map_del(&store, p->key);
		if (p->value)
			map_set(&store, p->key, xstrdup(p->value));
	}
}

static void step(struct driver *d)
{
	drive_step(d);
	commit(d);
}

static void start(struct driver *d, int nodes)
{
	drive_init(d, nodes);
	commit(d);
}

static int by_key(const void *a, const void *b)
{
	const struct map_entry *const *x = a, *const *y = b;
	return strcmp((*x)->key, (*y)->key);
}

/* The controller starts again from what it stored. */
static void restart(struct driver *d)
{
	struct cluster_config cfg = {.seed = 8, .grace_ms = 100};
	const struct map_entry *v[100];
	size_t n = 0;
	drive_done(d);
	*d = (struct driver){.c = cluster_new(&cfg), .now = 9000};
	map_each(&store, e) v[n++] = e;
	qsort(v, n, sizeof(*v), by_key);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(cluster_load(d->c, v[i]->key, v[i]->val, NULL), 0);
	cluster_start(d->c, d->now);
	drive_hello(d, "1", 0);
	step(d);
}

static int put(struct driver *d, const char *stack, const char *services, struct err *err)
{
	auto_free char *text =
		xasprintf("{\"name\":\"%s\",\"services\":%s,\"networks\":{\"default\":{\"name\":"
			  "\"%s_default\"}}}",
			  stack, services, stack);
	auto_json *j = json_parse(text, strlen(text), err);
	json_t *answer = NULL;
	int rc = cluster_stack_put(d->c, stack, j, &answer, err);
	json_decref(answer);
	step(d);
	return rc;
}

/* What the k-th port of the service got. */
static unsigned got(const struct driver *d, const char *stack, const char *service, size_t k)
{
	const struct stack *s = map_get(&d->c->stacks, stack);
	return spec_find_service(s->spec, service)->ports[k].published;
}

static void test_first_free(void **unused)
{
	(void)unused;
	struct driver d;
	struct err err = {0};
	start(&d, 2);
	assert_int_equal(put(&d, "a", WEB(ONE(8000)), &err), 0);
	assert_int_equal(put(&d, "s", WEB(INGRESS), &err), 0);
	assert_int_equal(got(&d, "s", "web", 0), 8001);
	/* Other protocols and addresses have their own. */
	assert_int_equal(put(&d, "u",
			     WEB("{\"target\":53,\"published\":\"8001-8003\",\"protocol\":"
				 "\"udp\"}"),
			     &err),
			 0);
	assert_int_equal(got(&d, "u", "web", 0), 8001);
	assert_int_equal(put(&d, "b", WEB(INGRESS), &err), 0);
	assert_int_equal(got(&d, "b", "web", 0), 8002);
	/* It stays, whatever becomes free before it, and over changes of the service. */
	assert_int_equal(cluster_stack_del(d.c, "a", NULL), 0);
	step(&d);
	assert_int_equal(put(&d, "b", WEB("{\"target\":80,\"published\":\"8000-9000\"}"), &err), 0);
	assert_int_equal(got(&d, "b", "web", 0), 8002);
	restart(&d);
	assert_int_equal(got(&d, "b", "web", 0), 8002);
	assert_int_equal(got(&d, "s", "web", 0), 8001);
	int64_t revision = ((struct stack *)map_get(&d.c->stacks, "s"))->revision;
	assert_int_equal(put(&d, "s", WEB(INGRESS), &err), 0);
	assert_int_equal(((struct stack *)map_get(&d.c->stacks, "s"))->revision, revision);
	/* What is removed is free at once. */
	assert_int_equal(cluster_stack_del(d.c, "s", NULL), 0);
	step(&d);
	assert_int_equal(put(&d, "c", WEB(ONE(8001)), &err), 0);
	drive_done(&d);
	map_clear(&store);
}

/* In one stack fixed ports come first, and a range gives way to them. */
static void test_own_stack(void **unused)
{
	(void)unused;
	struct driver d;
	struct err err = {0};
	start(&d, 1);
	assert_int_equal(put(&d, "s", WEB(INGRESS "," INGRESS "," ONE(8000)), &err), 0);
	assert_int_equal(got(&d, "s", "web", 0), 8001);
	assert_int_equal(got(&d, "s", "web", 1), 8002);
	assert_int_equal(put(&d, "s", WEB(INGRESS), &err), 0);
	assert_int_equal(got(&d, "s", "web", 0), 8001);
	assert_int_equal(put(&d, "s", WEB(INGRESS "," ONE(8001)), &err), 0);
	assert_int_equal(got(&d, "s", "web", 0), 8000);
	/* What a client says was chosen counts for nothing. */
	assert_int_equal(put(&d, "t",
			     WEB("{\"target\":80,\"published\":\"8000-8002\",\"chosen\":8001}"),
			     &err),
			 0);
	assert_int_equal(got(&d, "t", "web", 0), 8002);
	drive_done(&d);
	map_clear(&store);
}

static void test_full(void **unused)
{
	(void)unused;
	struct driver d;
	struct err err = {0};
	start(&d, 1);
	assert_int_equal(put(&d, "a", WEB(ONE(8000) "," ONE(8001)), &err), 0);
	assert_int_equal(put(&d, "b", WEB(INGRESS), &err), 0);
	assert_int_equal(put(&d, "c", WEB(INGRESS), &err), -EEXIST);
	assert_string_equal(err.text,
			    "no port of 8000-8002/tcp is left for the service 'web': 8000 is "
			    "published by the service 'web' of the stack 'a', 8001 by the service "
			    "'web' of the stack 'a', 8002 by the service 'web' of the stack 'b'; "
			    "choose another range, or remove one of those first");
	assert_null(map_get(&d.c->stacks, "c"));
	assert_int_equal(put(&d, "c", WEB(ONE(8002)), &err), -EEXIST);
	assert_non_null(strstr(err.text, "published by the service 'web' of the stack 'b'"));
	drive_done(&d);
	map_clear(&store);
}

static const struct task *task_of(const struct driver *d, size_t slot)
{
	return drive_service(d, "web")->slots[slot].cur;
}

static void reported(struct driver *d, const struct task *t, const char *port)
{
	struct wire_report r = {.id = (char *)t->id, .state = TASK_RUNNING, .exit_code = -1};
	strlist_add(&r.ports, port);
	auto_json *msg = json_object();
	json_t *list = json_array();
	json_array_append_new(list, wire_report_json(&r));
	json_object_set_new(msg, "tasks", list);
	assert_int_equal(cluster_agent_report(d->c, t->node->id, msg, d->now, NULL), 0);
	strlist_done(&r.ports);
	step(d);
}

/* Each replica has a port of its own on one node; it is told to its agent, kept, and taken over from
 * what that reports. */
static void test_host(void **unused)
{
	(void)unused;
	struct driver d;
	struct err err = {0};
	bool seen[3] = {false};
	start(&d, 1);
	assert_int_equal(put(&d, "s", WEB(HOST), &err), 0);
	assert_int_equal(cluster_scale(d.c, "s", "web", 3, NULL), 0);
	step(&d);
	for (size_t i = 0; i < 3; i++) {
		const struct task *t = task_of(&d, i);
		assert_int_equal(t->n_host_ports, 1);
		assert_in_range(t->host_ports[0], 8000, 8002);
		assert_false(seen[t->host_ports[0] - 8000]);
		seen[t->host_ports[0] - 8000] = true;
		struct str text = {0};
		struct wire_task w;
		text_task(&text, (struct task *)t);
		auto_json *j = json_parse(text.data, text.len, NULL);
		assert_int_equal(wire_task_parse(j, &w, NULL), 0);
		assert_int_equal(w.host_ports[0], t->host_ports[0]);
		wire_task_done(&w);
		str_done(&text);
	}
	assert_int_equal(cluster_scale(d.c, "s", "web", 4, NULL), 0);
	step(&d);
	assert_null(task_of(&d, 3)->node);
	assert_non_null(strstr(task_of(&d, 3)->reason, "8000-8002/tcp"));
	/* A program of the host had one: the agent took the fourth of a wider range. */
	assert_int_equal(cluster_scale(d.c, "s", "web", 2, NULL), 0);
	step(&d);
	drive_obey(&d, TASK_RUNNING);
	commit(&d);
	uint16_t other = 0;
	for (uint16_t n = 8000; n < 8003; n++)
		if (n != task_of(&d, 0)->host_ports[0] && n != task_of(&d, 1)->host_ports[0])
			other = n;
	auto_free char *bound = xasprintf("0.0.0.0:%u->80/tcp", other);
	uint16_t freed = task_of(&d, 0)->host_ports[0];
	reported(&d, task_of(&d, 0), bound);
	assert_int_equal(task_of(&d, 0)->host_ports[0], other);
	restart(&d);
	assert_int_equal(task_of(&d, 0)->host_ports[0], other);
	assert_int_equal(cluster_scale(d.c, "s", "web", 3, NULL), 0);
	step(&d);
	assert_int_equal(task_of(&d, 2)->host_ports[0], freed);
	drive_done(&d);
	map_clear(&store);
}

/* Mode ingress is every node's: it leaves alone what tasks have, and one port for those to come. */
static void test_host_and_ingress(void **unused)
{
	(void)unused;
	struct driver d;
	struct err err = {0};
	start(&d, 1);
	assert_int_equal(put(&d, "s", WEB(HOST), &err), 0);
	uint16_t has = task_of(&d, 0)->host_ports[0];
	assert_int_equal(has, 8000);
	assert_int_equal(put(&d, "t", WEB(ONE(8000)), &err), -EEXIST);
	assert_int_equal(put(&d, "t", WEB(INGRESS), &err), 0);
	assert_int_equal(got(&d, "t", "web", 0), 8001);
	assert_int_equal(cluster_scale(d.c, "s", "web", 2, NULL), 0);
	step(&d);
	assert_int_equal(task_of(&d, 1)->host_ports[0], 8002);
	assert_int_equal(cluster_scale(d.c, "s", "web", 3, NULL), 0);
	step(&d);
	assert_null(task_of(&d, 2)->node);
	assert_int_equal(cluster_scale(d.c, "s", "web", 0, NULL), 0);
	step(&d);
	drive_obey(&d, TASK_RUNNING);
	commit(&d);
	assert_int_equal(put(&d, "u", WEB(ONE(8000) "," ONE(8002)), &err), -EEXIST);
	assert_non_null(strstr(err.text, "no port of 8000-8002/tcp would be left for the service "
					 "'web' of the stack 's'"));
	assert_int_equal(put(&d, "u", WEB(ONE(8000)), &err), 0);
	drive_done(&d);
	map_clear(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_free),
		cmocka_unit_test(test_own_stack),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_host_and_ingress),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
