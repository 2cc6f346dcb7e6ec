/* SPDX-License-Identifier: Apache-2.0
 * Who counts as down: one silent node does, all of them at once do not. */
#include "tests/unit/cluster_driver.h"

#define WEB "{\"web\":{\"image\":\"a\",\"networks\":{\"default\":{}},\"deploy\":{\"replicas\":6}}}"

static void start(struct driver *d)
{
	drive_init(d, 3);
	assert_int_equal(drive_put(d, WEB, NULL, NULL), 0);
	drive_step(d);
	drive_obey(d, TASK_RUNNING);
	assert_int_equal(drive_up(drive_service(d, "web")), 6);
}

static const struct node *node(const struct driver *d, const char *id)
{
	return map_get(&d->c->nodes, id);
}

/* Steps of 100 ms; the nodes named beat every half second. */
static void pass(struct driver *d, int ms, const char *beating)
{
	for (int i = 0; i < ms / 100; i++) {
		for (const char *b = beating; *b && i % 5 == 0; b++)
			cluster_agent_heartbeat(d->c, (char[]){*b, '\0'}, d->now);
		drive_step(d);
	}
}

static void test_one(void **unused)
{
	(void)unused;
	struct driver d;
	start(&d);
	pass(&d, 2500, "12");
	assert_true(node(&d, "3")->up);
	pass(&d, 1500, "12");
	assert_false(node(&d, "3")->up);
	assert_int_equal(d.c->tasks.n, 8); /* two lost, two in their place */
	drive_done(&d);
}

static void test_all(void **unused)
{
	(void)unused;
	struct driver d;
	start(&d);
	pass(&d, 20000, "");
	assert_true(node(&d, "1")->up && node(&d, "2")->up && node(&d, "3")->up);
	assert_true(d.c->silent);
	assert_int_equal(cluster_next_ms(d.c), UINT64_MAX);
	assert_int_equal(d.c->tasks.n, 6);
	/* The first that is heard is not given the others' tasks. */
	cluster_agent_heartbeat(d.c, "1", d.now);
	cluster_agent_heartbeat(d.c, "2", d.now);
	assert_false(d.c->silent);
	d.now -= 50; /* half of the driver's grace */
	drive_step(&d);
	assert_true(node(&d, "3")->up);
	assert_int_equal(d.c->tasks.n, 6);
	/* Who is not heard then is down after all. */
	pass(&d, 1000, "12");
	assert_false(node(&d, "3")->up);
	assert_true(node(&d, "2")->up);
	assert_int_equal(d.c->tasks.n, 8);
	drive_done(&d);
}

/* A node that is one beat late does not delay the verdict about another by more than a window. */
static void test_unclear(void **unused)
{
	(void)unused;
	struct driver d;
	start(&d);
	pass(&d, 1000, "12");
	pass(&d, 2200, "");
	assert_true(node(&d, "3")->up);
	pass(&d, 500, "12");
	assert_false(node(&d, "3")->up);
	assert_true(node(&d, "1")->up && node(&d, "2")->up);
	drive_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_unclear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
