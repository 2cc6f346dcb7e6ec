/* SPDX-License-Identifier: Apache-2.0
 * When a stack is up or will not come up, and what people mean by a name. */
#include "cli/judge.h"
#include "cli/resolve.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>

static json_t *parse(const char *text)
{
	json_t *j = json_loads(text, 0, NULL);

	assert_non_null(j);
	return j;
}

/* Judges once at now; the reason is freed by the caller. */
static enum verdict judge(struct judge *j, const char *services, const char *tasks, uint64_t now,
			  char **ret_why)
{
	auto_json *s = parse(services), *t = parse(tasks);
	struct judgement g = {0};

	judge_stack(j, s, t, now, &g);
	if (ret_why)
		*ret_why = take_ptr(g.why);
	judgement_done(&g);
	return g.verdict;
}

#define WEB(running, replicas)                                                                     \
	"[{\"stack\":\"s\",\"name\":\"web\",\"running\":" #running ",\"replicas\":" #replicas "}]"
#define TASK(rest)                                                                                 \
	"[{\"id\":\"t1\",\"name\":\"s_web.1\",\"stack\":\"s\",\"service\":\"web\"," rest "}]"

static void test_ready(void **state)
{
	struct judge j;

	(void)state;
	judge_init(&j);
	assert_int_equal(judge(&j, WEB(2, 3), "[]", 1000, NULL), VERDICT_WAIT);
	assert_int_equal(judge(&j, WEB(3, 3), "[]", 1010, NULL), VERDICT_WAIT);
	/* One ended at once: the time in which all must stay up starts anew. */
	assert_int_equal(judge(&j, WEB(2, 3), "[]", 1100, NULL), VERDICT_WAIT);
	assert_int_equal(judge(&j, WEB(3, 3), "[]", 1200, NULL), VERDICT_WAIT);
	assert_int_equal(judge(&j, WEB(3, 3), "[]", 1200 + JUDGE_SETTLE_MS, NULL), VERDICT_READY);
	j.settle_ms = 0; /* nothing was changed */
	assert_int_equal(judge(&j, WEB(0, 0), "[]", 2000, NULL), VERDICT_READY);
	judge_done(&j);
}

static void test_update(void **state)
{
	static const char *const updating = "[{\"stack\":\"s\",\"name\":\"web\",\"running\":1,"
					    "\"replicas\":1,\"update\":{\"state\":\"updating\"}}]";
	static const char *const paused =
		"[{\"stack\":\"s\",\"name\":\"web\",\"running\":1,\"replicas\":1,"
		"\"update\":{\"state\":\"paused\",\"why\":\"new task ended\"}}]";
	auto_free char *why = NULL;
	struct judge j;

	(void)state;
	judge_init(&j);
	assert_int_equal(judge(&j, updating, "[]", 0, NULL), VERDICT_WAIT);
	assert_int_equal(judge(&j, paused, "[]", 0, &why), VERDICT_FAILED);
	assert_string_equal(why, "the update of service 'web' is paused: new task ended");
	judge_done(&j);
}

static void test_pending(void **state)
{
	static const char *const task =
		TASK("\"state\":\"pending\",\"reason\":\"no node fits: 2 lack memory\"");
	auto_free char *why = NULL;
	struct judge j;

	(void)state;
	judge_init(&j);
	assert_int_equal(judge(&j, WEB(0, 1), task, 1000, NULL), VERDICT_WAIT);
	assert_int_equal(judge(&j, WEB(0, 1), task, 3900, NULL), VERDICT_WAIT);
	/* It was placed in between: the time starts anew. */
	assert_int_equal(judge(&j, WEB(0, 1), TASK("\"state\":\"preparing\""), 3950, NULL),
			 VERDICT_WAIT);
	assert_int_equal(judge(&j, WEB(0, 1), task, 4000, NULL), VERDICT_WAIT);
	assert_int_equal(judge(&j, WEB(0, 1), task, 6999, NULL), VERDICT_WAIT);
	assert_int_equal(judge(&j, WEB(0, 1), task, 7000, &why), VERDICT_FAILED);
	assert_string_equal(why, "no node fits: 2 lack memory");
	/* What waits for another task is judged by that one. */
	static const char *const waits =
		TASK("\"state\":\"pending\",\"reason\":\"waits for 'db'\",\"waits\":true");
	assert_int_equal(judge(&j, WEB(0, 1), waits, 8000, NULL), VERDICT_WAIT);
	assert_int_equal(judge(&j, WEB(0, 1), waits, 80000, NULL), VERDICT_WAIT);
	judge_done(&j);
}

static void test_failing(void **state)
{
	auto_free char *a = NULL, *b = NULL, *c = NULL;
	struct judge j;

	(void)state;
	judge_init(&j);
	assert_int_equal(judge(&j, WEB(0, 1), TASK("\"state\":\"failed\",\"exit_code\":7"), 0, &a),
			 VERDICT_FAILED);
	assert_string_equal(a, "it ended with exit status 7");
	judge_ignore(&j, "t1");
	assert_int_equal(judge(&j, WEB(0, 1), TASK("\"state\":\"failed\""), 0, NULL), VERDICT_WAIT);
	judge_done(&j);
	judge_init(&j);
	assert_int_equal(judge(&j, WEB(0, 1),
			       TASK("\"state\":\"backoff\",\"exit_code\":1,\"restarts\":2"), 0,
			       NULL),
			 VERDICT_WAIT);
	assert_int_equal(judge(&j, WEB(0, 1),
			       TASK("\"state\":\"backoff\",\"exit_code\":1,\"restarts\":3,"
				    "\"reason\":\"ended\""),
			       0, &b),
			 VERDICT_FAILED);
	assert_string_equal(b, "ended (exit status 1), restarted 3 times");
	assert_int_equal(judge(&j, WEB(0, 1), TASK("\"state\":\"backoff\",\"reason\":\"no image\""),
			       10000, NULL),
			 VERDICT_WAIT);
	assert_int_equal(judge(&j, WEB(0, 1), TASK("\"state\":\"backoff\",\"reason\":\"no image\""),
			       15000, &c),
			 VERDICT_FAILED);
	assert_string_equal(c, "no image");
	judge_done(&j);
}

static const char tasks_text[] =
	"[{\"id\":\"aaaa11\",\"name\":\"a_web.1\",\"stack\":\"a\",\"service\":\"web\","
	"\"state\":\"stopped\",\"since_ms\":9},"
	"{\"id\":\"aaaa22\",\"name\":\"a_web.1\",\"stack\":\"a\",\"service\":\"web\","
	"\"state\":\"running\",\"since_ms\":5},"
	"{\"id\":\"bbbb11\",\"name\":\"a_web.2\",\"stack\":\"a\",\"service\":\"web\","
	"\"state\":\"running\"},"
	"{\"id\":\"cccc11\",\"name\":\"b_web.1\",\"stack\":\"b\",\"service\":\"web\","
	"\"state\":\"running\"},"
	"{\"id\":\"dddd11\",\"name\":\"b_db.1\",\"stack\":\"b\",\"service\":\"db\","
	"\"state\":\"running\"}]";

static void check_tasks(const char *name, int want, size_t n, const char *first_id)
{
	auto_json *tasks = parse(tasks_text), *found = NULL;
	struct err err = {0};

	assert_int_equal(resolve_tasks(tasks, name, &found, &err), want);
	assert_int_equal(json_array_size(found), n);
	if (n)
		assert_string_equal(json_str(json_array_get(found, 0), "id"), first_id);
	else
		assert_true(err.text[0]);
}

static void test_resolve_tasks(void **state)
{
	(void)state;
	check_tasks("a_web.1", 0, 1, "aaaa22");
	check_tasks("a_web", 0, 3, "aaaa11");
	check_tasks("a/web", 0, 3, "aaaa11");
	check_tasks("db", 0, 1, "dddd11");
	check_tasks("bbb", 0, 1, "bbbb11");
	check_tasks("web", -EINVAL, 0, NULL);
	check_tasks("aaaa", -EINVAL, 0, NULL);
	check_tasks("bb", -ENOENT, 0, NULL);
	check_tasks("nothing", -ENOENT, 0, NULL);
}

static void test_resolve_running(void **state)
{
	auto_json *tasks = parse(tasks_text);
	const json_t *task = NULL;

	(void)state;
	assert_int_equal(resolve_running(tasks, "b_db", &task, NULL), 0);
	assert_string_equal(json_str(task, "id"), "dddd11");
	assert_int_equal(resolve_running(tasks, "a_web", &task, NULL), -EINVAL);
	assert_int_equal(resolve_running(tasks, "aaaa11", &task, NULL), -ENOENT);
}

static void test_resolve_service(void **state)
{
	auto_json *services = parse("[{\"stack\":\"a\",\"name\":\"web\"},"
				    "{\"stack\":\"b\",\"name\":\"web\"},"
				    "{\"stack\":\"b\",\"name\":\"db\"}]");
	const json_t *s = NULL;

	(void)state;
	assert_int_equal(resolve_service(services, "db", &s, NULL), 0);
	assert_int_equal(resolve_service(services, "b_web", &s, NULL), 0);
	assert_string_equal(json_str(s, "stack"), "b");
	assert_int_equal(resolve_service(services, "web", &s, NULL), -EINVAL);
	assert_int_equal(resolve_service(services, "c_web", &s, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ready),           cmocka_unit_test(test_update),
		cmocka_unit_test(test_pending),         cmocka_unit_test(test_failing),
		cmocka_unit_test(test_resolve_tasks),   cmocka_unit_test(test_resolve_running),
		cmocka_unit_test(test_resolve_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
