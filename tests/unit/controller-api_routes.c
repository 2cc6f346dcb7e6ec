/* SPDX-License-Identifier: Apache-2.0
 * Every route against every role: what the table does not allow is refused. */
#include "controller/api/api.h"
#include "controller/api/routes.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

static const char *const roles[] =
	{"",        "carrack:agent", "carrack:operator", "carrack:controller",
	 "carrack", "operator",      "carrack:operator2"};

/* What this role must get for this route, said another way than the code says it. */
static int expected(const struct route *r, const char *role)
{
	bool allowed = r->role == ROLE_PUBLIC ||
		       (r->role == ROLE_AGENT && strcmp(role, "carrack:agent") == 0) ||
		       (r->role == ROLE_OPERATOR && strcmp(role, "carrack:operator") == 0);

	return allowed ? 0 : role[0] ? 403 : 401;
}

static char *example_path(const char *pattern)
{
	struct str s = {0};

	for (const char *p = pattern; *p; p++) {
		if (*p == '*')
			str_add(&s, "some-name_1");
		else
			str_addc(&s, *p);
	}
	return str_take(&s);
}

static int find(const char *method, const char *path, bool upgrade, const char *role,
		const struct route **ret)
{
	char *args[API_ARGS_MAX] = {NULL};
	int status = route_find(method, path, upgrade, role, ret, args);

	for (size_t i = 0; i < API_ARGS_MAX; i++) {
		if (status)
			assert_null(args[i]);
		else if (args[i])
			assert_string_equal(args[i], "some-name_1");
		free(args[i]);
	}
	return status;
}

static void test_matrix(void **state)
{
	(void)state;
	for (size_t i = 0; i < routes_n; i++) {
		const struct route *r = &routes[i], *found = NULL;
		auto_free char *path = example_path(r->pattern);

		for (size_t k = 0; k < ARRAY_LEN(roles); k++) {
			int want = expected(r, roles[k]);
			int got = find(r->method, path, r->upgrade, roles[k], &found);

			if (got != want)
				fail_msg("%s %s as '%s': %d, not %d", r->method, path, roles[k],
					 got, want);
			if (got == 0)
				assert_ptr_equal(found, r);
		}
	}
}

/* Every method on every path: nothing beyond the rows of the table gets through. */
static void test_other_methods(void **state)
{
	static const char *const methods[] = {"GET",  "PUT",   "POST",    "DELETE",
					      "HEAD", "PATCH", "OPTIONS", "TRACE"};

	(void)state;
	for (size_t i = 0; i < routes_n; i++) {
		auto_free char *path = example_path(routes[i].pattern);

		for (size_t m = 0; m < ARRAY_LEN(methods); m++) {
			const struct route *found = NULL;
			int status = find(methods[m], path, false, "carrack:operator", &found);

			if (status == 0) {
				assert_string_equal(found->method, methods[m]);
				assert_false(found->upgrade);
			}
		}
	}
}

static void test_unknown_paths(void **state)
{
	static const char *const paths[] = {
		"",
		"/",
		"/v1",
		"/v1/",
		"/v2/version",
		"/v1/version/",
		"/v1/versionx",
		"/v1/stacks/",
		"/v1/stacks//services/x/scale",
		"/v1/stacks/a/b",
		"/v1/tasks/a/b/exec",
		"/v1/agent/session/",
		"//v1/version",
		"/v1/*",
	};
	const struct route *found = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_int_equal(find("GET", paths[i], false, "carrack:operator", &found), 404);
	assert_null(found);
}

static void test_statuses(void **state)
{
	const struct route *found = NULL;

	(void)state;
	assert_int_equal(find("DELETE", "/v1/version", false, "", &found), 405);
	assert_int_equal(find("POST", "/v1/agent/stream", false, "carrack:agent", &found), 426);
	/* Who may not use a path is not told what it takes. */
	assert_int_equal(find("GET", "/v1/agent/stream", false, "carrack:operator", &found), 403);
	assert_int_equal(find("GET", "/v1/agent/stream", false, "", &found), 401);
	assert_int_equal(find("GET", "/v1/events", true, "carrack:operator", &found), 0);
	assert_true(found->upgrade);
	assert_int_equal(find("GET", "/v1/version", true, "", &found), 405);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matrix),
		cmocka_unit_test(test_other_methods),
		cmocka_unit_test(test_unknown_paths),
		cmocka_unit_test(test_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
