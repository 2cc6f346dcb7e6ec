/* SPDX-License-Identifier: Apache-2.0
 * The JSON schema for editors: every reference in it leads somewhere, and it has every key that the list of
 * support has. */
#include "manifests_helper.h"

static void refs(const json_t *root, const json_t *j, size_t *n)
{
	const char *k;
	json_t *v;
	size_t i;
	const char prefix[] = "#/definitions/",
		   *ref = json_is_object(j) ? json_str(j, "$ref") : NULL;
	if (ref) {
		assert_true(str_starts(ref, prefix));
		const json_t *all = json_object_get(root, "definitions");
		const json_t *to = json_object_get(all, ref + sizeof(prefix) - 1);
		assert_true(json_is_object(to) && json_object_size(to) > 0);
		(*n)++;
	}
	json_object_foreach((json_t *)j, k, v) refs(root, v, n);
	json_array_foreach(j, i, v) refs(root, v, n);
}

static void every_reference_leads_somewhere(void **state)
{
	(void)state;
	size_t n = 0;
	auto_json *schema = stackfile_schema();
	refs(schema, schema, &n);
	assert_true(n > 40);
	assert_string_equal(json_str(schema, "$schema"), "http://json-schema.org/draft-07/schema#");
}

static void every_key_is_there(void **state)
{
	(void)state;
	auto_json *schema = stackfile_schema(), *rows = stackfile_support();
	const json_t *top = json_object_get(schema, "properties");
	const json_t *service =
		json_object_get(json_object_get(json_object_get(schema, "definitions"), "services"),
				"properties");
	json_t *row;
	size_t i, seen = 0;
	assert_non_null(service);
	json_array_foreach(rows, i, row)
	{
		const char *path = json_str(row, "path"), prefix[] = "services.*.";
		if (!strchr(path, '.'))
			assert_non_null(json_object_get(top, path));
		if (!str_starts(path, prefix) || strchr(path + sizeof(prefix) - 1, '.'))
			continue;
		seen++;
		if (!json_object_get(service, path + sizeof(prefix) - 1))
			fail_msg("the schema has no %s", path);
	}
	assert_true(seen > 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reference_leads_somewhere),
		cmocka_unit_test(every_key_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
