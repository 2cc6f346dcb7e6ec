/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/assign.h"
#include "base/fd.h"
#include "tests/unit/agent-core_fakes.h"

static char dir[] = "/tmp/carrack-assign-XXXXXX";
static char path[64];

static int apply(struct assign *a, const char *text, struct err *err)
{
	auto_json *j = json_parse(text, strlen(text), err);
	assert_non_null(j);
	return assign_apply(a, j, err);
}

#define NET(id)                                                                                    \
	"{\"kind\":\"network\",\"id\":\"" id "\",\"obj\":{\"id\":\"" id                            \
	"\",\"name\":\"n\",\"stack\":\"s\",\"vni\":5,\"subnet\":\"10.1.0.0/20\","                  \
	"\"gateway\":\"10.1.0.1\",\"mtu\":0}}"

static void test_snapshot_changes_gap(void **state)
{
	(void)state;
	struct err err = {0};
	struct assign *a = assign_new(NULL, path);
	assert_false(assign_known(a));
	assert_int_equal(apply(a, "{\"version\":4,\"prev\":3,\"set\":[]}", &err), -ESTALE);
	assert_int_equal(apply(a, "{\"version\":3,\"set\":[" NET("aa") "," NET("bb") "]}", &err),
			 0);
	assert_true(assign_known(a));
	assert_int_equal(assign_networks(a)->n, 2);
	assert_int_equal(apply(a,
			       "{\"version\":4,\"prev\":3,\"set\":[" NET(
				       "cc") "],"
					     "\"del\":[{\"kind\":\"network\",\"id\":\"aa\"}]}",
			       &err),
			 0);
	assert_int_equal(assign_networks(a)->n, 2);
	assert_false(map_has(assign_networks(a), "aa"));
	assert_int_equal(apply(a, "{\"version\":6,\"prev\":5,\"set\":[]}", &err), -ESTALE);
	assert_int_equal(assign_version(a), 4);
	assert_int_equal(apply(a, "{\"set\":[]}", &err), -EINVAL);
	/* What cannot be read is left out, the rest counts. */
	assert_int_equal(apply(a,
			       "{\"version\":7,\"set\":[{\"kind\":\"task\",\"id\":\"x\",\"obj\":1},"
			       "{\"kind\":\"moon\",\"id\":\"x\"},7," NET("dd") "]}",
			       &err),
			 0);
	assert_int_equal(assign_networks(a)->n, 1);
	assert_int_equal(assign_tasks(a)->n, 0);
	assign_free(a);
	fake_done();
}

#define EP(id, ready)                                                                              \
	"{\"kind\":\"endpoint\",\"id\":\"" id "/aa\",\"obj\":{\"id\":\"" id                        \
	"/aa\",\"network_id\":\"aa\",\"ip\":\"10.1.0.2\",\"mac\":\"02:42:0a:01:00:02\","           \
	"\"node_id\":\"01\",\"vtep\":\"192.0.2.1\",\"ready\":" ready "}}"

static char heard[200];

static void hear(const struct wire_endpoint *was, const struct wire_endpoint *now, void *arg)
{
	(void)arg;
	size_t len = strlen(heard);
	snprintf(heard + len, sizeof(heard) - len, "%s>%s;",
		 !was         ? ""
		 : was->ready ? "ready"
			      : "there",
		 !now         ? ""
		 : now->ready ? "ready"
			      : "there");
}

/* A snapshot in several messages counts when it is whole; endpoints are told one by one. */
static void test_parts(void **state)
{
	(void)state;
	struct err err = {0};
	struct assign *a = assign_new(NULL, path);
	assign_watch(a, hear, NULL);
	assert_int_equal(apply(a, "{\"version\":1,\"set\":[" NET("aa") "]}", &err), 0);
	assert_string_equal(heard, ">;");
	assert_int_equal(apply(a, "{\"version\":5,\"more\":true,\"set\":[" NET("bb") "]}", &err),
			 0);
	assert_true(map_has(assign_networks(a), "aa"));
	assert_int_equal(assign_version(a), 1);
	assert_int_equal(apply(a, "{\"version\":8,\"prev\":7,\"set\":[]}", &err), -ESTALE);
	heard[0] = '\0';
	assert_int_equal(apply(a, "{\"version\":6,\"prev\":5,\"set\":[" EP("77", "false") "]}",
			       &err),
			 0);
	assert_false(map_has(assign_networks(a), "aa"));
	assert_true(map_has(assign_networks(a), "bb"));
	assert_int_equal(assign_version(a), 6);
	assert_string_equal(heard, ">;>there;");
	heard[0] = '\0';
	assert_int_equal(apply(a, "{\"version\":7,\"prev\":6,\"set\":[" EP("77", "true") "]}",
			       &err),
			 0);
	assert_int_equal(
		apply(a,
		      "{\"version\":8,\"prev\":7,\"set\":[],\"del\":[{\"kind\":\"endpoint\","
		      "\"id\":\"77/aa\"},{\"kind\":\"endpoint\",\"id\":\"88/aa\"}]}",
		      &err),
		0);
	assert_string_equal(heard, "there>ready;ready>;");
	assign_free(a);
	fake_done();
}

static struct assign *loaded(int64_t version, size_t endpoints)
{
	struct err err = {0};
	struct assign *a = assign_new(NULL, path);
	assert_int_equal(assign_load(a, &err), 0);
	assert_int_equal(assign_version(a), version);
	assert_int_equal(assign_endpoints(a)->n, endpoints);
	return a;
}

/* Changes are appended; what a crash cut off is not there, the rest is. */
static void test_log(void **state)
{
	(void)state;
	struct err err = {0};
	char log[80];
	snprintf(log, sizeof(log), "%s.log", path);
	assert_int_equal(assign_forget(path, &err), 0);
	struct assign *a = assign_new(NULL, path);
	assert_int_equal(apply(a, "{\"version\":9,\"set\":[" NET("aa") "]}", &err), 0);
	fake_advance(ASSIGN_WRITE_MS);
	assert_false(path_exists(log));
	assert_int_equal(apply(a, "{\"version\":10,\"prev\":9,\"set\":[" EP("77", "true") "]}",
			       &err),
			 0);
	fake_advance(ASSIGN_WRITE_MS);
	assert_true(path_exists(log));
	assert_int_equal(apply(a, "{\"version\":11,\"prev\":10,\"set\":[" EP("88", "true") "]}",
			       &err),
			 0);
	assign_free(a); /* what waited is written */
	assign_free(loaded(11, 2));
	assert_int_equal(truncate(log, (off_t)(strlen(EP("77", "true")) + 60)), 0);
	a = loaded(10, 1);
	/* What is appended next is not behind what was cut. */
	assert_int_equal(apply(a, "{\"version\":11,\"prev\":10,\"set\":[" EP("99", "true") "]}",
			       &err),
			 0);
	assign_free(a);
	assign_free(loaded(11, 2));
	/* Many changes do not make the log grow for ever. */
	a = loaded(11, 2);
	for (int i = 11; i < 3000; i++) {
		auto_free char *text =
			xasprintf("{\"version\":%d,\"prev\":%d,\"set\":[" EP("88", "true") "]}",
				  i + 1, i);
		assert_int_equal(apply(a, text, &err), 0);
		fake_advance(ASSIGN_WRITE_MS);
	}
	auto_free char *data = NULL;
	size_t len = 0;
	assert_int_equal(file_read(log, 1 << 20, &data, &len, &err), 0);
	assert_true(len < 300 << 10);
	assign_free(a);
	assign_free(loaded(3000, 3));
	assert_int_equal(assign_forget(path, &err), 0);
	assert_false(path_exists(log) || path_exists(path));
	fake_done();
}

static void test_file(void **state)
{
	(void)state;
	struct err err = {0};
	unlink(path);
	struct assign *a = assign_new(NULL, path);
	assert_int_equal(assign_load(a, &err), -ENOENT);
	assert_int_equal(apply(a, "{\"version\":9,\"set\":[" NET("aa") "]}", &err), 0);
	assert_int_equal(assign_epoch(a, 5, &err), 0);
	assert_false(path_exists(path));
	fake_advance(ASSIGN_WRITE_MS);
	assert_true(path_exists(path));
	assign_free(a);
	a = assign_new(NULL, path);
	assert_int_equal(assign_load(a, &err), 0);
	assert_true(assign_known(a));
	assert_int_equal(assign_version(a), 9);
	assert_int_equal(assign_networks(a)->n, 1);
	assert_int_equal(assign_epoch(a, 4, &err), -ESTALE);
	assert_int_equal(assign_epoch(a, 5, &err), 0);
	assign_free(a);
	assert_int_equal(file_replace(path, "{\"for", 5, 0600, &err), 0);
	a = assign_new(NULL, path);
	assert_true(assign_load(a, &err) < 0);
	assert_false(assign_known(a));
	assign_free(a);
	fake_done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_snapshot_changes_gap),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_log),
	};
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/assignments.json", dir);
	fake_unused();
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	dir_remove(dir, NULL);
	return r;
}
