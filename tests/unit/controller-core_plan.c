/* SPDX-License-Identifier: Apache-2.0
 * Plans: what they say of small changes, and what refuses a saved one. That a plan is what an apply
 * does is the simulation's to show (tests/sim/plan.c). */
#include "cluster_driver.h"

#include "controller/core/plan.h"

#include <sys/wait.h>
#include <unistd.h>

static json_t *stack_json(const char *services)
{
	auto_free char *text =
		xasprintf("{\"name\":\"s\",\"services\":%s,\"networks\":{\"default\":"
			  "{\"name\":\"s_default\"}}}",
			  services);
	json_t *j = json_parse(text, strlen(text), NULL);
	assert_non_null(j);
	return j;
}

/* On a copy, as the controller does it. An error is {"error"}. */
static json_t *plan_ask(struct driver *d, const struct plan_ask *ask)
{
	int fds[2];
	static char text[1 << 16];
	size_t n = 0;
	ssize_t got;
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct err err = {0};
		json_t *plan = NULL;
		if (cluster_plan(d->c, ask, &plan, &err) < 0) {
			plan = json_object();
			json_put_str(plan, "error", err.text);
		}
		auto_free char *answer = json_text(plan);
		_exit(write(fds[1], answer, strlen(answer)) < 0);
	}
	close(fds[1]);
	while ((got = read(fds[0], text + n, sizeof(text) - n)) > 0)
		n += (size_t)got;
	close(fds[0]);
	waitpid(pid, NULL, 0);
	json_t *j = json_parse(text, n, NULL);
	assert_non_null(j);
	return j;
}

static json_t *plan_put(struct driver *d, const char *services)
{
	auto_json *spec = stack_json(services);
	return plan_ask(d, &(struct plan_ask){.stack = "s", .spec = spec});
}

static const json_t *item(const json_t *plan, const char *list, const char *name)
{
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(plan, list), i, v)
	{
		if (streq(json_str(v, "name"), name))
			return v;
	}
	return NULL;
}

static void settle(struct driver *d)
{
	for (int i = 0; i < 40; i++)
		drive_obey(d, TASK_RUNNING);
}

#define NET ",\"networks\":{\"default\":{}}"
#define WEB(image, replicas)                                                                       \
	"{\"web\":{\"image\":\"" image "\"" NET ",\"deploy\":{\"replicas\":" replicas "}}}"

static void says(void **state)
{
	(void)state;
	struct driver d;
	drive_init(&d, 3);
	auto_json *first = plan_put(&d, WEB("a:1", "2"));
	assert_string_equal(json_str(first, "action"), "create");
	assert_int_equal(json_int(first, "revision", -1), 0);
	assert_int_equal(json_array_size(json_object_get(first, "tasks")), 2);
	assert_string_equal(json_str(item(first, "networks", "s_default"), "action"), "create");
	assert_int_equal(d.c->stacks.n, 0); /* nothing was done */

	assert_int_equal(drive_put(&d, WEB("a:1", "2"), NULL, NULL), 0);
	settle(&d);
	auto_json *same = plan_put(&d, WEB("a:1", "2"));
	assert_false(json_bool(same, "changed", true));
	assert_int_equal(json_array_size(json_object_get(same, "tasks")), 0);
	assert_int_equal(json_int(item(same, "services", "web"), "keep", 0), 2);

	auto_json *more = plan_put(&d, WEB("a:1", "3"));
	assert_int_equal(json_int(item(more, "services", "web"), "keep", 0), 2);
	assert_int_equal(json_int(item(more, "services", "web"), "create", 0), 1);
	assert_false(json_bool(item(more, "services", "web"), "restarts", false));

	auto_json *next = plan_put(&d, WEB("a:2", "2"));
	const json_t *web = item(next, "services", "web");
	assert_true(json_bool(web, "restarts", false));
	assert_int_equal(json_int(web, "replace", 0), 2);
	assert_string_equal(json_str(json_array_get(json_object_get(next, "changes"), 0), "path"),
			    "services.web.image");
	assert_true(json_int(item(next, "tasks", "s_web.1"), "step", 0) <
		    json_int(item(next, "tasks", "s_web.2"), "step", 0));

	auto_json *other = plan_put(&d, "{\"db\":{\"image\":\"b:1\"" NET "}}");
	assert_string_equal(json_str(item(other, "services", "web"), "action"), "remove");
	assert_string_equal(json_str(item(other, "tasks", "s_web.1"), "action"), "remove");
	assert_string_equal(json_str(item(other, "tasks", "s_db.1"), "action"), "create");

	auto_json *gone = plan_ask(&d, &(struct plan_ask){.stack = "s"});
	assert_string_equal(json_str(gone, "action"), "remove");
	assert_string_equal(json_str(item(gone, "networks", "s_default"), "action"), "remove");
	auto_json *scale =
		plan_ask(&d, &(struct plan_ask){.stack = "s", .service = "web", .replicas = 5});
	assert_int_equal(json_int(item(scale, "services", "web"), "create", 0), 3);
	drive_done(&d);
}

static void says_what_waits(void **state)
{
	(void)state;
	struct driver d;
	drive_init(&d, 2);
	auto_json *big = plan_put(&d, "{\"web\":{\"image\":\"a\"" NET
				      ",\"deploy\":{\"replicas\":3,\"resources\":{\"reservations\":"
				      "{\"memory\":6442450944}}}}}");
	assert_int_equal(json_int(item(big, "services", "web"), "waits", 0), 1);
	const json_t *t = NULL, *v;
	size_t i;
	json_array_foreach(json_object_get(big, "tasks"), i, v) t = json_str(v, "node") ? t : v;
	assert_non_null(strstr(json_str_or(t, "why", ""), "2 lack"));
	auto_json *bad = plan_put(&d, "{\"web\":{\"image\":\"a\"" NET
				      ",\"deploy\":{\"placement\":{\"constraints\":[\"x\"]}}}}");
	assert_non_null(strstr(json_str_or(bad, "error", ""), "constraint 'x'"));
	auto_json *none = plan_ask(&d, &(struct plan_ask){.stack = "none"});
	assert_non_null(strstr(json_str_or(none, "error", ""), "no stack 'none'"));
	drive_done(&d);
}

/* One that runs to its end, before what waits for that. */
static void goes_past_a_job(void **state)
{
	(void)state;
	struct driver d;
	drive_init(&d, 1);
	auto_json *plan = plan_put(
		&d,
		"{\"job\":{\"image\":\"a\",\"restart\":\"no\"" NET "},\"web\":{\"image\":\"a\"" NET
		",\"depends_on\":{\"job\":{\"condition\":\"service_completed_successfully\","
		"\"required\":true}}}}");
	assert_string_equal(json_str_or(plan, "error", ""), "");
	assert_string_equal(json_str(item(plan, "tasks", "s_web.1"), "node"), "host1");
	drive_done(&d);
}

/* Nodes tell what images they have; the names are full ones. */
static void knows_images(void **state)
{
	(void)state;
	struct driver d;
	drive_init(&d, 1);
	auto_json *before = plan_put(&d, WEB("a:1", "1"));
	static const char text[] = "{\"images\":[\"docker.io/library/a:1\",7]}";
	auto_json *msg = json_parse(text, strlen(text), NULL);
	cluster_agent_counters(d.c, "1", msg);
	auto_json *there = plan_put(&d, WEB("a:1", "1"));
	auto_json *pull = plan_put(&d, WEB("a:2", "1"));
	const json_t *plans[] = {before, there, pull};
	for (int i = 0; i < 3; i++) {
		const json_t *image = json_array_get(json_object_get(plans[i], "images"), 0);
		const json_t *node = json_array_get(json_object_get(image, "nodes"), 0);
		const json_t *present = json_object_get(node, "present");
		assert_true(i == 0   ? json_is_null(present)
			    : i == 1 ? json_is_true(present)
				     : json_is_false(present));
	}
	drive_done(&d);
}

static void expect_moved(const json_t *then, const json_t *now, const char *words)
{
	struct err err = {0};
	assert_int_equal(cluster_plan_same(then, now, &err), -ESTALE);
	if (!strstr(err.text, words))
		print_error("'%s' lacks '%s'\n", err.text, words);
	assert_non_null(strstr(err.text, words));
}

static void moves_on(void **state)
{
	(void)state;
	struct driver d;
	drive_init(&d, 2);
	auto_json *zero = plan_put(&d, WEB("a:1", "2"));
	assert_int_equal(drive_put(&d, WEB("a:1", "2"), NULL, NULL), 0);
	settle(&d);
	auto_json *then = plan_put(&d, WEB("a:1", "4"));
	auto_json *again = plan_put(&d, WEB("a:1", "4"));
	assert_int_equal(cluster_plan_same(then, again, NULL), 0);
	expect_moved(zero, then, "was not there when this plan was made");

	assert_int_equal(cluster_node_join(d.c, "9", "host9", NULL), 0);
	drive_hello(&d, "9", 0);
	auto_json *joined = plan_put(&d, WEB("a:1", "4"));
	expect_moved(then, joined, "'host9' joined; now 's_web.");

	assert_int_equal(cluster_scale(d.c, "s", "web", 3, NULL), 0);
	settle(&d);
	auto_json *scaled = plan_put(&d, WEB("a:1", "4"));
	expect_moved(then, scaled, "changed since this plan was made (revision 1 then, 2 now)");
	json_object_set_new(again, "stack", json_string("other"));
	assert_int_equal(cluster_plan_same(again, then, NULL), -EINVAL);
	drive_done(&d);
}

static void another_port(void **state)
{
	(void)state;
	static const char range[] = "{\"web\":{\"image\":\"a\"" NET
				    ",\"ports\":[{\"target\":80,\"published\":\"8000-8001\"}]}}";
	static const char other[] =
		"{\"name\":\"t\",\"services\":{\"x\":{\"image\":\"a\",\"ports\":"
		"[{\"target\":80,\"published\":\"8000\"}]}}}";
	struct driver d;
	drive_init(&d, 2);
	auto_json *then = plan_put(&d, range);
	auto_json *put = json_parse(other, strlen(other), NULL), *answer = NULL;
	assert_int_equal(cluster_stack_put(d.c, "t", put, &answer, NULL), 0);
	assert_int_equal(cluster_scale(d.c, "t", "x", 0, NULL), 0);
	drive_step(&d);
	auto_json *now = plan_put(&d, range);
	expect_moved(then, now, "a port of a range");
	drive_done(&d);
}

/* Where a plan has a task, the task goes, whatever the scheduler would like better by now. */
static void follows(void **state)
{
	(void)state;
	struct driver d;
	drive_init(&d, 3);
	auto_json *plan = plan_put(&d, WEB("a:1", "1"));
	json_t *t = json_array_get(json_object_get(plan, "tasks"), 0);
	for (int i = 1; i <= 3; i++) {
		auto_free char *name = xasprintf("host%d", i);
		auto_free char *service = xasprintf("{\"x%d\":{\"image\":\"a\"" NET "}}", i);
		json_object_set_new(t, "node", json_string(name));
		json_object_set_new(t, "service",
				    json_string(i == 1   ? "x1"
						: i == 2 ? "x2"
							 : "x3"));
		assert_int_equal(drive_put(&d, service, NULL, NULL), 0);
		cluster_plan_follow(d.c, plan);
		settle(&d);
		auto_free char *task = xasprintf("s_x%d.1", i);
		auto_json *j = cluster_task_json(d.c, task);
		assert_string_equal(json_str(j, "node"), name);
	}
	drive_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says),
		cmocka_unit_test(says_what_waits),
		cmocka_unit_test(moves_on),
		cmocka_unit_test(another_port),
		cmocka_unit_test(goes_past_a_job),
		cmocka_unit_test(follows),
		cmocka_unit_test(knows_images),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
