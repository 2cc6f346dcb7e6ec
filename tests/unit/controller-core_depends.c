/* SPDX-License-Identifier: Apache-2.0
 * depends_on in the core: the order of starts, updates and removals, and who never waits for ever. */
#include "tests/unit/cluster_driver.h"

#define NET     "\"networks\":{\"default\":{}}"
#define DB(img) "\"db\":{\"image\":\"" img "\"," NET "}"
#define APP(img, cond)                                                                             \
	"\"app\":{\"image\":\"" img "\"," NET ",\"depends_on\":{\"db\":{\"condition\":\"" cond     \
	"\"}}}"
#define ONCE(extra) "\"db\":{\"image\":\"m\",\"restart\":\"no\"," NET extra "}"

static void put(struct driver *d, const char *services)
{
	struct err err = {0};
	if (drive_put(d, services, NULL, &err) < 0)
		fail_msg("%s", err.text);
	drive_step(d);
}

static struct task *first(const struct driver *d, const char *service)
{
	struct service *svc = drive_service(d, service);
	return svc && svc->n_slots ? svc->slots[0].cur : NULL;
}

static void tell(struct driver *d, const char *service, enum task_state st, enum task_health h)
{
	const struct task *t = first(d, service);
	struct wire_report r = {.id = (char *)t->id, .state = st, .health = h, .exit_code = -1};
	auto_json *msg = json_object();
	json_t *list = json_array();
	json_array_append_new(list, wire_report_json(&r));
	json_object_set_new(msg, "tasks", list);
	auto_free char *node = xstrdup(t->node->id);
	assert_int_equal(cluster_agent_report(d->c, node, msg, d->now, NULL), 0);
	drive_step(d);
}

static void assert_waits(const struct driver *d, const char *words)
{
	const struct task *t = first(d, "app");
	assert_non_null(t);
	assert_int_equal(t->state, TASK_PENDING);
	assert_null(t->node);
	if (!t->reason || !strstr(t->reason, words))
		fail_msg("waits with: %s", t->reason ? t->reason : "nothing");
}

static void test_started(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 2);
	put(&d, "{" DB("a") "," APP("a", "service_started") "}");
	assert_waits(&d, "waits for 'db' to be started");
	tell(&d, "db", TASK_PREPARING, HEALTH_NONE);
	assert_waits(&d, "to be started");
	tell(&d, "db", TASK_RUNNING, HEALTH_NONE);
	assert_non_null(first(&d, "app")->node);
	drive_done(&d);
}

static void test_healthy(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 2);
	put(&d, "{" DB("a") "," APP("a", "service_healthy") "}");
	tell(&d, "db", TASK_RUNNING, HEALTH_STARTING);
	assert_waits(&d, "waits for 'db' to be healthy");
	assert_false(first(&d, "app")->stuck);
	tell(&d, "db", TASK_RUNNING, HEALTH_NONE);
	assert_waits(&d, "'s_db.1' has no health check");
	assert_true(first(&d, "app")->stuck);
	tell(&d, "db", TASK_RUNNING, HEALTH_HEALTHY);
	assert_non_null(first(&d, "app")->node);
	/* What dies later stops nobody, and holds up no replacement. */
	tell(&d, "app", TASK_RUNNING, HEALTH_NONE);
	tell(&d, "db", TASK_FAILED, HEALTH_NONE);
	assert_int_equal(first(&d, "app")->state, TASK_RUNNING);
	assert_int_equal(cluster_scale(d.c, "s", "app", 3, NULL), 0);
	drive_step(&d);
	assert_non_null(drive_service(&d, "app")->slots[2].cur->node);
	drive_done(&d);
}

static void test_completed(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 2);
	put(&d, "{" ONCE("") "," APP("a", "service_completed_successfully") "}");
	tell(&d, "db", TASK_RUNNING, HEALTH_NONE);
	assert_waits(&d, "waits for 'db' to complete");
	tell(&d, "db", TASK_COMPLETE, HEALTH_NONE);
	assert_non_null(first(&d, "app")->node);
	const struct task *job = first(&d, "db");
	for (int i = 0; i < 5; i++)
		drive_obey(&d, TASK_RUNNING);
	assert_ptr_equal(first(&d, "db"), job); /* not run again */
	put(&d, "{" ONCE("") "," APP("b", "service_completed_successfully") "}");
	for (int i = 0; i < 5; i++)
		drive_obey(&d, TASK_RUNNING);
	assert_ptr_equal(first(&d, "db"), job);
	assert_string_equal(first(&d, "app")->tmpl->spec.image, "b");
	assert_int_equal(drive_up(drive_service(&d, "app")), 1);
	drive_done(&d);
}

static void test_failed(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 2);
	put(&d, "{" ONCE("") "," APP("a", "service_completed_successfully") "}");
	tell(&d, "db", TASK_FAILED, HEALTH_NONE);
	assert_waits(&d, "waits for 'db' to complete");
	assert_true(first(&d, "app")->stuck);
	/* Who does not require it goes on without it. */
	put(&d,
	    "{" ONCE(
		    "") ",\"app\":{\"image\":\"a\"," NET
			",\"depends_on\":{\"db\":{\"condition\":\"service_completed_successfully\","
			"\"required\":false}}}}");
	assert_non_null(first(&d, "app")->node);
	drive_done(&d);
}

/* Both change: the dependency is through before its dependent begins, and both keep running. */
static void test_update_order(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 2);
	put(&d, "{" DB("a") "," APP("a", "service_started") "}");
	for (int i = 0; i < 5; i++)
		drive_obey(&d, TASK_RUNNING);
	put(&d, "{" DB("b") "," APP("b", "service_started") "}");
	bool seen = false;
	for (int i = 0; i < 10; i++) {
		const struct task *app = first(&d, "app"), *db = first(&d, "db");
		bool db_new = db && db->state == TASK_RUNNING && streq(db->tmpl->spec.image, "b");
		if (!db_new) {
			assert_non_null(app);
			assert_string_equal(app->tmpl->spec.image, "a");
			assert_true(task_up(app));
			const char *why = drive_service(&d, "app")->why;
			seen |= why && strstr(why, "waits for 'db'");
		}
		drive_obey(&d, TASK_RUNNING);
	}
	assert_true(seen);
	assert_string_equal(first(&d, "app")->tmpl->spec.image, "b");
	assert_int_equal(drive_service(&d, "app")->roll, ROLL_DONE);
	assert_null(drive_service(&d, "app")->why);
	drive_done(&d);
}

#define RESTARTS "\"app\":{\"image\":\"a\"," NET ",\"depends_on\":{\"db\":{\"restart\":true}}}"

static void test_restart(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 2);
	put(&d, "{" DB("a") "," RESTARTS "}");
	for (int i = 0; i < 5; i++)
		drive_obey(&d, TASK_RUNNING);
	auto_free char *before = xstrdup(first(&d, "app")->id);
	put(&d, "{" DB("b") "," RESTARTS "}");
	for (int i = 0; i < 5; i++)
		drive_obey(&d, TASK_RUNNING);
	assert_string_not_equal(first(&d, "app")->id, before);
	assert_int_equal(drive_up(drive_service(&d, "app")), 1);
	drive_done(&d);
}

/* The port that the dependency wants now is held by who waits for it. */
static void test_no_deadlock(void **unused)
{
	(void)unused;
	static const char port[] =
		",\"ports\":[{\"target\":80,\"published\":80,\"mode\":\"host\"}]";
	struct driver d;
	drive_init(&d, 1);
	auto_free char *one = xasprintf("{" DB("a") ",\"app\":{\"image\":\"a\"," NET
						    ",\"depends_on\":{\"db\":{}}%s}}",
					port);
	put(&d, one);
	for (int i = 0; i < 5; i++)
		drive_obey(&d, TASK_RUNNING);
	auto_free char *two =
		xasprintf("{\"db\":{\"image\":\"a\"," NET "%s},\"app\":{\"image\":\"a\"," NET
			  ",\"depends_on\":{\"db\":{}}}}",
			  port);
	put(&d, two);
	for (int i = 0; i < 8; i++)
		drive_obey(&d, TASK_RUNNING);
	assert_int_equal(drive_up(drive_service(&d, "db")), 1);
	assert_int_equal(drive_up(drive_service(&d, "app")), 1);
	assert_int_equal(first(&d, "app")->tmpl->spec.n_ports, 0);
	drive_done(&d);
}

static void test_removal(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 2);
	put(&d, "{" DB("a") "," APP("a", "service_started") "}");
	for (int i = 0; i < 5; i++)
		drive_obey(&d, TASK_RUNNING);
	assert_int_equal(cluster_stack_del(d.c, "s", NULL), 0);
	drive_step(&d);
	assert_true(drive_service(&d, "app")->slots[0].old->stop);
	assert_non_null(first(&d, "db")); /* runs until the other is gone */
	drive_obey(&d, TASK_RUNNING);
	assert_null(drive_service(&d, "app"));
	assert_true(drive_service(&d, "db")->slots[0].old->stop);
	drive_obey(&d, TASK_RUNNING);
	assert_int_equal(d.c->stacks.n + d.c->tasks.n, 0);
	drive_done(&d);
}

/* A dependent on a dead node is not waited for. */
static void test_removal_of_lost(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 2);
	put(&d, "{" DB("a") "," APP("a", "service_started") "}");
	for (int i = 0; i < 5; i++)
		drive_obey(&d, TASK_RUNNING);
	task_lose(d.c, first(&d, "app"));
	assert_int_equal(cluster_stack_del(d.c, "s", NULL), 0);
	drive_step(&d);
	assert_true(drive_service(&d, "db")->slots[0].old->stop);
	drive_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_started),         cmocka_unit_test(test_healthy),
		cmocka_unit_test(test_completed),       cmocka_unit_test(test_failed),
		cmocka_unit_test(test_update_order),    cmocka_unit_test(test_restart),
		cmocka_unit_test(test_no_deadlock),     cmocka_unit_test(test_removal),
		cmocka_unit_test(test_removal_of_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
