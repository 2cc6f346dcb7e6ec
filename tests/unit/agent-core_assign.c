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
	};
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/assignments.json", dir);
	fake_unused();
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	dir_remove(dir, NULL);
	return r;
}
