/* SPDX-License-Identifier: Apache-2.0
 * Applies, updates and removals, as the core works them off step by step. */
#include "tests/unit/cluster_driver.h"

#define WEB(image, replicas, extra)                                                                \
	"{\"web\":{\"image\":\"" image                                                             \
	"\",\"networks\":{\"default\":{}},\"deploy\":{\"replicas\":" #replicas extra "}}}"
#define UPDATE(rest) ",\"update_config\":{" rest "}"

static void apply_up(struct driver *d, const char *services)
{
	assert_int_equal(drive_put(d, services, NULL, NULL), 0);
	drive_step(d);
	drive_obey(d, TASK_RUNNING);
}

static void test_answers(void **unused)
{
	(void)unused;
	struct driver d;
	json_t *j;
	drive_init(&d, 3);
	assert_int_equal(drive_put(&d, WEB("a", 4, ""), &j, NULL), 0);
	assert_true(json_bool(j, "changed", false));
	assert_int_equal(json_array_size(json_object_get(j, "created")), 1);
	json_decref(j);
	drive_step(&d);
	drive_obey(&d, TASK_RUNNING);
	assert_int_equal(drive_up(drive_service(&d, "web")), 4);
	assert_int_equal(drive_put(&d, WEB("a", 4, ""), &j, NULL), 0);
	assert_false(json_bool(j, "changed", true));
	assert_int_equal(json_array_size(json_object_get(j, "unchanged")), 1);
	json_decref(j);
	drive_step(&d);
	assert_int_equal(d.out.n_puts, 0);
	assert_int_equal(d.out.n_sends, 0);
	drive_done(&d);
}

/* One at a time: never fewer than three of four, and the old one is gone before the new one is made. */
static void test_stop_first(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 3);
	apply_up(&d, WEB("a", 4, ""));
	assert_int_equal(drive_put(&d, WEB("b", 4, ""), NULL, NULL), 0);
	struct service *svc = drive_service(&d, "web");
	int steps = 0;
	for (; svc->roll != ROLL_DONE && steps < 50; steps++) {
		drive_step(&d);
		assert_true(drive_up(svc) >= 3);
		for (size_t i = 0; i < 4; i++)
			assert_false(svc->slots[i].cur && svc->slots[i].old);
		drive_obey(&d, TASK_RUNNING);
	}
	assert_true(steps >= 4 && steps < 50);
	assert_int_equal(drive_up(svc), 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(svc->slots[i].cur->tmpl->spec.image, "b");
	assert_int_equal(d.c->tmpls.n, 1);
	drive_done(&d);
}

static void test_start_first(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 3);
	apply_up(&d, WEB("a", 2, UPDATE("\"order\":\"start-first\"")));
	assert_int_equal(drive_put(&d, WEB("b", 2, UPDATE("\"order\":\"start-first\"")), NULL,
				   NULL),
			 0);
	struct service *svc = drive_service(&d, "web");
	drive_step(&d);
	assert_non_null(svc->slots[0].cur);
	assert_true(svc->slots[0].old->retiring && !svc->slots[0].old->stop);
	assert_null(svc->slots[1].old);
	drive_obey(&d, TASK_RUNNING);
	assert_true(svc->slots[0].old->stop); /* the new one is ready */
	for (int i = 0; i < 70; i++)
		drive_obey(&d, TASK_RUNNING);
	assert_int_equal(svc->roll, ROLL_DONE);
	assert_int_equal(d.c->tasks.n, 2);
	drive_done(&d);
}

static void run_failing(const char *action, enum roll_state state, const char *image)
{
	struct driver d;
	drive_init(&d, 3);
	apply_up(&d, WEB("a", 3, ""));
	auto_free char *next = xasprintf("{\"web\":{\"image\":\"b\",\"networks\":{\"default\":{}},"
					 "\"deploy\":{\"replicas\":3,\"update_config\":{"
					 "\"failure_action\":\"%s\"}}}}",
					 action);
	assert_int_equal(drive_put(&d, next, NULL, NULL), 0);
	struct service *svc = drive_service(&d, "web");
	drive_step(&d);
	for (int i = 0; i < 120; i++) {
		enum task_state st = svc->roll == ROLL_UPDATING ? TASK_FAILED : TASK_RUNNING;
		drive_obey(&d, st);
	}
	assert_int_equal(svc->roll, state);
	assert_string_equal(svc->slots[2].cur->tmpl->spec.image, image);
	if (state == ROLL_PAUSED)
		assert_non_null(strstr(svc->why, "did not come up"));
	drive_done(&d);
}

static void test_failures(void **unused)
{
	(void)unused;
	run_failing("pause", ROLL_PAUSED, "a");
	run_failing("continue", ROLL_DONE, "b");
	run_failing("rollback", ROLL_NONE, "a");
}

/* One of four may fail: the update goes on past it. */
static void test_failure_ratio(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 3);
	apply_up(&d, WEB("a", 4, ""));
	assert_int_equal(drive_put(&d, WEB("b", 4, UPDATE("\"max_failure_ratio\":0.25")), NULL,
				   NULL),
			 0);
	struct service *svc = drive_service(&d, "web");
	drive_step(&d);
	drive_obey(&d, TASK_FAILED); /* the old one stops, */
	drive_obey(&d, TASK_FAILED); /* the first new one fails */
	for (int i = 0; i < 90; i++)
		drive_obey(&d, TASK_RUNNING);
	assert_int_equal(svc->roll, ROLL_DONE);
	assert_int_equal(svc->n_failed, 1);
	assert_int_equal(drive_up(svc), 3);
	assert_int_equal(drive_put(&d, WEB("c", 4, UPDATE("\"max_failure_ratio\":0.25")), NULL,
				   NULL),
			 0);
	drive_step(&d);
	for (int i = 0; i < 20 && svc->roll == ROLL_UPDATING; i++)
		drive_obey(&d, TASK_FAILED);
	assert_int_equal(svc->roll, ROLL_PAUSED);
	assert_int_equal(svc->n_failed, 2);
	drive_done(&d);
}

/* A rollback goes by its own rules: all at once here, one at a time forwards. */
static void test_rollback_config(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 3);
	apply_up(&d, WEB("a", 4, ""));
	assert_int_equal(
		drive_put(&d,
			  WEB("b", 4,
			      UPDATE("\"failure_action\":\"rollback\"") ",\"rollback_config\":{"
									"\"parallelism\":0}"),
			  NULL, NULL),
		0);
	struct service *svc = drive_service(&d, "web");
	drive_step(&d);
	while (!svc->slots[1].cur || svc->slots[1].cur->tmpl->spec.image[0] == 'a')
		drive_obey(&d, TASK_RUNNING);
	for (int i = 0; i < 20 && svc->roll != ROLL_BACK; i++)
		drive_obey(&d, TASK_FAILED);
	assert_int_equal(svc->roll, ROLL_BACK);
	assert_true(svc->n_rolling >= 2);
	for (int i = 0; i < 90; i++)
		drive_obey(&d, TASK_RUNNING);
	assert_int_equal(drive_up(svc), 4);
	assert_string_equal(svc->slots[1].cur->tmpl->spec.image, "a");
	drive_done(&d);
}

/* While it goes back, someone applies what it goes back to: no failure of his. */
static void test_applied_while_rolling_back(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 3);
	apply_up(&d, WEB("a", 4, UPDATE("\"failure_action\":\"rollback\"")));
	assert_int_equal(drive_put(&d, WEB("b", 4, UPDATE("\"failure_action\":\"rollback\"")), NULL,
				   NULL),
			 0);
	struct service *svc = drive_service(&d, "web");
	drive_step(&d);
	for (int i = 0; i < 20 && svc->roll != ROLL_BACK; i++)
		drive_obey(&d, TASK_FAILED);
	assert_int_equal(svc->roll, ROLL_BACK);
	assert_non_null(svc->why);
	assert_int_equal(drive_put(&d, WEB("a", 4, UPDATE("\"failure_action\":\"rollback\"")), NULL,
				   NULL),
			 0);
	assert_int_equal(svc->roll, ROLL_UPDATING);
	assert_null(svc->why);
	for (int i = 0; i < 90; i++)
		drive_obey(&d, TASK_RUNNING);
	assert_true(svc->roll == ROLL_DONE || svc->roll == ROLL_NONE);
	assert_int_equal(drive_up(svc), 4);
	assert_string_equal(svc->slots[0].cur->tmpl->spec.image, "a");
	drive_done(&d);
}

/* Scaling touches the highest slots only; a label of the deployment touches nothing. */
static void test_scale(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 3);
	apply_up(&d, WEB("a", 4, ""));
	struct service *svc = drive_service(&d, "web");
	const struct task *first = svc->slots[0].cur;
	assert_int_equal(cluster_scale(d.c, "s", "web", 2, NULL), 0);
	drive_step(&d);
	drive_obey(&d, TASK_RUNNING);
	assert_int_equal(d.c->tasks.n, 2);
	assert_int_equal(svc->n_slots, 2);
	assert_int_equal(drive_put(&d, WEB("a", 2, ",\"labels\":{\"x\":\"y\"}"), NULL, NULL), 0);
	drive_step(&d);
	assert_ptr_equal(svc->slots[0].cur, first);
	assert_int_equal(d.out.n_sends, 0);
	assert_int_equal(cluster_scale(d.c, "s", "no", 2, NULL), -ENOENT);
	drive_done(&d);
}

/* Applied again while it goes: new tasks wait for their slots, and the network stays. */
static void test_remove_and_again(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 2);
	apply_up(&d, WEB("a", 2, ""));
	assert_int_equal(cluster_stack_del(d.c, "s", NULL), 0);
	drive_step(&d);
	assert_int_equal(d.c->tasks.n, 2);
	apply_up(&d, WEB("a", 2, ""));
	for (int i = 0; i < 5; i++)
		drive_obey(&d, TASK_RUNNING);
	assert_int_equal(drive_up(drive_service(&d, "web")), 2);
	assert_int_equal(d.c->networks.n, 1);
	assert_int_equal(cluster_stack_del(d.c, "s", NULL), 0);
	drive_step(&d);
	drive_obey(&d, TASK_RUNNING);
	assert_int_equal(d.c->tasks.n + d.c->networks.n + d.c->stacks.n + d.c->tmpls.n, 0);
	assert_int_equal(cluster_stack_del(d.c, "s", NULL), -ENOENT);
	drive_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_stop_first),
		cmocka_unit_test(test_start_first),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_failure_ratio),
		cmocka_unit_test(test_applied_while_rolling_back),
		cmocka_unit_test(test_rollback_config),
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_remove_and_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
