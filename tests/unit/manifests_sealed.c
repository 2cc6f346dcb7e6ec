/* SPDX-License-Identifier: Apache-2.0
 * Sealed configs and secrets: only the one they are sealed to reads them, and only as what they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* needs the four above, so it stands apart */
#include <cmocka.h>

#include "manifests/sealed.h"
#include <errno.h>
#include <string.h>

static const struct sealed_id id = {.stack = "shop", .name = "shop_password"};
static const unsigned char naming[CRYPTO_KEY] = "one cluster's key";

static void make(const struct crypto_pair *to, const void *value, size_t n, struct sealed *out)
{
	char version[SEALED_VERSION + 1];
	sealed_version(naming, id, value, n, version);
	sealed_make(to->pub, id, version, value, n, out);
}

static void there_and_back(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 2, 3, 100, 4097};
	struct crypto_pair cluster, node, other;
	crypto_pair_make(&cluster);
	crypto_pair_make(&node);
	crypto_pair_make(&other);
	assert_true(crypto_pair_good(&node));
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char value[5000], *back = NULL;
		size_t n = 0;
		struct sealed s, t;
		struct err err = {0};
		memset(value, 'v', sizes[i]);
		make(&cluster, value, sizes[i], &s);
		auto_json *j = sealed_json(&s);
		auto_str text = {0};
		sealed_write(&s, &text);
		auto_json *same = json_parse(text.data, text.len, &err);
		assert_true(json_equal(j, same));
		assert_int_equal(sealed_parse(j, &t, &err), 0);
		assert_int_equal(sealed_value_len(&t), sizes[i]);
		assert_true(sealed_rewrap(s.key, &cluster, node.pub, t.key));
		assert_int_equal(sealed_open(&t, &other, &back, &n, &err), -EACCES);
		assert_int_equal(sealed_open(&t, &cluster, &back, &n, &err), -EACCES);
		assert_int_equal(sealed_open(&t, &node, &back, &n, &err), 0);
		assert_int_equal(n, sizes[i]);
		assert_memory_equal(back, value, n);
		assert_false(sealed_rewrap(s.key, &other, node.pub, t.key));
		free(back);
		sealed_done(&s);
		sealed_done(&t);
	}
}

static void versions(void **state)
{
	(void)state;
	static const unsigned char other_key[CRYPTO_KEY] = "another cluster's";
	static const struct sealed_id ids[] = {
		{.stack = "shop", .name = "shop_password"},
		{.stack = "shop", .name = "shop_passwor"},
		{.stack = "shopshop", .name = "_password"},
		{.stack = NULL, .name = "shop_password"},
		{.config = true, .stack = "shop", .name = "shop_password"},
	};
	char v[ARRAY_LEN(ids) + 2][SEALED_VERSION + 1], same[SEALED_VERSION + 1];
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		sealed_version(naming, ids[i], "x", 1, v[i]);
	sealed_version(naming, id, "y", 1, v[ARRAY_LEN(ids)]);
	sealed_version(other_key, id, "x", 1, v[ARRAY_LEN(ids) + 1]);
	sealed_version(naming, id, "x", 1, same);
	assert_string_equal(v[0], same);
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(v[i], v[k]);
	assert_true(sealed_version_valid(same));
	assert_false(sealed_version_valid("abc"));
	assert_false(sealed_version_valid("../../../../../../../../../../../../../x"));
}

/* A value under another name, another stack, another version, or with a bit of it changed. */
static void nothing_passes_for_another(void **state)
{
	(void)state;
	struct crypto_pair node;
	crypto_pair_make(&node);
	for (int i = 0; i < 5; i++) {
		struct sealed s;
		struct err err = {0};
		char *back = NULL;
		size_t n = 0;
		make(&node, "hunter2", 7, &s);
		if (i == 0) {
			free(s.name);
			s.name = xstrdup("shop_other");
		} else if (i == 1) {
			free_and_null(&s.stack);
		} else if (i == 2) {
			s.config = true;
		} else if (i == 3) {
			s.version[0] = s.version[0] == 'a' ? 'b' : 'a';
		} else {
			s.data[40] = s.data[40] == 'A' ? 'B' : 'A';
		}
		assert_int_equal(sealed_open(&s, &node, &back, &n, &err), -EBADMSG);
		assert_null(back);
		assert_null(strstr(err_text(&err), "hunter2"));
		sealed_done(&s);
	}
}

static void refused(void **state)
{
	(void)state;
	static const struct {
		const char *key, *value;
	} bad[] = {
		{"version", "12"}, {"version", NULL},      {"kind", "thing"},    {"name", "a/b"},
		{"name", ""},      {"name", ".."},         {"stack", "A B"},     {"key", "AAAA"},
		{"key", "?"},      {"data", "not base64"}, {"data", "AAAAAAA="}, {"data", NULL},
	};
	struct crypto_pair node;
	struct sealed s, t;
	crypto_pair_make(&node);
	make(&node, "v", 1, &s);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = {0};
		auto_json *j = sealed_json(&s);
		if (bad[i].value)
			json_object_set_new(j, bad[i].key, json_string(bad[i].value));
		else
			json_object_del(j, bad[i].key);
		assert_int_equal(sealed_parse(j, &t, &err), -EINVAL);
	}
	sealed_done(&s);
}

static void too_large(void **state)
{
	(void)state;
	struct crypto_pair node;
	struct sealed s, t;
	struct err err = {0};
	size_t n = (500 << 10) + 1;
	auto_free char *value = xcalloc(1, n + 2);
	crypto_pair_make(&node);
	make(&node, value, n - 1, &s);
	auto_json *fits = sealed_json(&s);
	assert_int_equal(sealed_parse(fits, &t, &err), 0);
	sealed_done(&s);
	sealed_done(&t);
	make(&node, value, n + 2, &s);
	auto_json *big = sealed_json(&s);
	assert_int_equal(sealed_parse(big, &t, &err), -EINVAL);
	assert_non_null(strstr(err_text(&err), "500 KiB"));
	sealed_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(versions),
		cmocka_unit_test(nothing_passes_for_another),
		cmocka_unit_test(refused),
		cmocka_unit_test(too_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
