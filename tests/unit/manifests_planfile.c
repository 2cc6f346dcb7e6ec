/* SPDX-License-Identifier: Apache-2.0
 * Saved plans: what is written is read again, and nothing else is. */
#include "manifests/planfile.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>

static char *good(void)
{
	auto_json *request = json_pack("{s:{s:s}}", "stack", "name", "shop");
	auto_json *plan = json_pack("{s:s, s:i}", "stack", "shop", "revision", 3);

	auto_json *values = json_pack("[{s:s}]", "version", "v");

	return planfile_text(&(struct planfile){(char *)"shop", request, plan, values});
}

static void round_trip(void **state)
{
	auto_free char *text = good();
	struct planfile f = {0};

	(void)state;
	assert_true(planfile_is(text, strlen(text)));
	assert_int_equal(planfile_parse(text, strlen(text), &f, NULL), 0);
	assert_string_equal(f.stack, "shop");
	assert_int_equal(json_int(f.plan, "revision", 0), 3);
	assert_string_equal(json_str(json_object_get(f.request, "stack"), "name"), "shop");
	assert_int_equal(json_array_size(f.sealed), 1);
	planfile_done(&f);
}

static void refuse(const char *text, size_t len, const char *words)
{
	struct planfile f = {0};
	struct err err = {0};

	assert_int_equal(planfile_parse(text, len, &f, &err), -EINVAL);
	assert_non_null(strstr(err.text, words));
	assert_null(f.stack);
}

static void refused(void **state)
{
	auto_free char *text = good();
	size_t len = strlen(text);
	char *at = strstr(text, "\"revision\": 3");

	(void)state;
	for (size_t n = 0; n < len; n++)
		refuse(text, n, "cut or damaged");
	assert_non_null(at);
	at[strlen("\"revision\": ")] = '4';
	refuse(text, len, "was changed after it was saved");
	refuse("[]", 2, "no plan that carrack wrote");
	refuse("{\"carrack_plan\":9}", 18, "version 9");
	auto_json *plan = json_pack("{s:s}", "stack", "other"), *request = json_object();
	auto_free char *mixed =
		planfile_text(&(struct planfile){(char *)"shop", request, plan, NULL});
	refuse(mixed, strlen(mixed), "no plan that carrack wrote");
}

static void recognised(void **state)
{
	(void)state;
	assert_true(planfile_is(" {\n \"carrack_plan\": 1", 21));
	assert_false(planfile_is("services:\n  web:", 15));
	assert_false(planfile_is("{\"services\":{}}", 15));
	assert_false(planfile_is("{\"carrack", 9));
	assert_false(planfile_is("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(refused),
		cmocka_unit_test(recognised),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
