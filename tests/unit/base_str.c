/* SPDX-License-Identifier: Apache-2.0
 * Strings, lists, pairs, maps, numbers and errors. */
#include "base/err.h"
#include "base/map.h"
#include "base/num.h"
#include "base/str.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void test_str(void **state)
{
	auto_str s = {0};
	(void)state;
	auto_free char *empty = str_take(&s);
	assert_string_equal(empty, "");
	str_add(&s, "ab");
	str_addc(&s, 'c');
	str_addf(&s, "%d", 42);
	str_addn(&s, "\0z", 2);
	assert_int_equal(s.len, 7);
	assert_memory_equal(s.data, "abc42\0z", 8);
	str_consume(&s, 3);
	assert_int_equal(s.len, 4);
	assert_memory_equal(s.data, "42\0z", 5);
	str_consume(&s, 4);
	assert_int_equal(s.len, 0);
	for (int i = 0; i < 1000; i++)
		str_addf(&s, "%03d,", i);
	assert_int_equal(s.len, 4000);
	str_clear(&s);
	assert_int_equal(s.len, 0);
	assert_true(str_starts("abc", "ab") && str_starts("a", "") && !str_starts("a", "ab"));
	assert_true(str_ends("abc", "bc") && str_ends("a", "") && !str_ends("a", "ba"));
	assert_true(streq(NULL, NULL) && !streq(NULL, "") && !streq("a", NULL) && streq("a", "a"));
}

static void test_lists(void **state)
{
	auto_strlist l = {0}, copy = {0};
	(void)state;
	assert_false(strlist_has(&l, "b"));
	strlist_add(&l, "b");
	strlist_addf(&l, "a%d", 1);
	strlist_take(&l, xstrdup("c"));
	assert_int_equal(l.n, 3);
	assert_null(l.v[3]);
	strlist_sort(&l);
	assert_string_equal(l.v[0], "a1");
	assert_string_equal(l.v[2], "c");
	strlist_copy(&copy, &l);
	assert_true(strlist_has(&copy, "c"));
	struct kvlist kv = {0}, other = {0};
	kvlist_set(&kv, "k", "1");
	kvlist_set(&kv, "none", NULL);
	kvlist_set(&kv, "k", "2");
	assert_int_equal(kv.n, 2);
	assert_string_equal(kvlist_get(&kv, "k"), "2");
	assert_null(kvlist_get(&kv, "none"));
	assert_non_null(kvlist_find(&kv, "none"));
	assert_null(kvlist_find(&kv, "absent"));
	kvlist_set(&other, "none", "now");
	kvlist_copy(&other, &kv);
	assert_int_equal(other.n, 2);
	assert_null(kvlist_get(&other, "none"));
	kvlist_done(&kv);
	kvlist_done(&other);
}

/* Few entries have no index yet: the same from outside. */
static void test_small_map(void **state)
{
	struct map m = {0};
	char key[16];
	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		map_set(&m, key, (void *)(intptr_t)(i + 1));
		assert_int_equal(m.n, i + 1);
		assert_ptr_equal(map_get(&m, "k0"), (void *)1);
		assert_ptr_equal(map_get(&m, key), (void *)(intptr_t)(i + 1));
		assert_null(map_get(&m, "k"));
	}
	map_clear(&m);
	for (int round = 0; round < 30; round++) { /* full of holes when its index is made */
		map_set(&m, "a", &m);
		map_set(&m, "b", &key);
		map_set(&m, "a", &key);
		assert_true(map_del(&m, "a"));
		assert_false(map_del(&m, "a"));
		assert_ptr_equal(map_get(&m, "b"), &key);
		assert_int_equal(m.n, 1);
	}
	map_clear(&m);
}

static void test_map(void **state)
{
	struct map m = {.free_val = free};
	char key[16];
	size_t n = 0;
	(void)state;
	assert_null(map_get(&m, "x"));
	assert_false(map_del(&m, "x"));
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		map_set(&m, key, xstrdup(key));
	}
	map_set(&m, "k7", xstrdup("again"));
	assert_int_equal(m.n, 5000);
	assert_string_equal(map_get(&m, "k7"), "again");
	map_each(&m, e) /* in order, and the current entry may go */
	{
		snprintf(key, sizeof(key), "k%zu", n);
		assert_string_equal(e->key, key);
		if (n++ % 2)
			map_del(&m, key);
	}
	assert_int_equal(n, 5000);
	assert_int_equal(m.n, 2500);
	assert_true(map_has(&m, "k4998"));
	assert_false(map_has(&m, "k4999"));
	for (int i = 0; i < 20000; i++) { /* holes do not grow without bound */
		map_set(&m, "hole", xstrdup("x"));
		assert_true(map_del(&m, "hole"));
	}
	assert_true(m.cap < 20000);
	map_clear(&m);
	assert_int_equal(m.n, 0);
	map_set(&m, "k", xstrdup("v"));
	map_clear(&m);
}

static void test_num(void **state)
{
	int64_t i = 77;
	uint64_t u = 77;
	double d = 7;
	(void)state;
	static const char *const bad[] = {"",     " 1",  "1 ", "+",   "-",
					  "0x10", "1e3", "1.", "--1", "99999999999999999999",
					  "1a"};
	for (size_t n = 0; n < ARRAY_LEN(bad); n++) {
		assert_false(num_parse_i64(bad[n], INT64_MIN, INT64_MAX, &i));
		assert_false(num_parse_u64(bad[n], UINT64_MAX, &u));
	}
	assert_int_equal(i, 77);
	assert_int_equal(u, 77);
	assert_true(num_parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &i));
	assert_true(i == INT64_MIN);
	assert_true(num_parse_i64("65535", 0, 65535, &i) && i == 65535);
	assert_false(num_parse_i64("65536", 0, 65535, &i));
	assert_true(num_parse_u64("18446744073709551615", UINT64_MAX, &u) && u == UINT64_MAX);
	assert_false(num_parse_u64("-1", UINT64_MAX, &u));
	assert_true(num_parse_double("0.5", &d) && d == 0.5);
	assert_false(num_parse_double("nan", &d));
	assert_false(num_parse_double("inf", &d));
	assert_false(num_parse_double("1,5", &d));
	assert_false(num_parse_double("", &d));
}

static void test_hex(void **state)
{
	char text[9], name[65], other[65];
	unsigned char bytes[4] = {0};
	(void)state;
	hex_encode("\x00\xff\x10\xab", 4, text);
	assert_string_equal(text, "00ff10ab");
	assert_true(hex_decode("00FF10ab", bytes, 4));
	assert_memory_equal(bytes, "\x00\xff\x10\xab", 4);
	assert_false(hex_decode("00ff10a", bytes, 4));
	assert_false(hex_decode("00ff10ag", bytes, 4));
	random_hex(name, 64);
	random_hex(other, 64);
	assert_int_equal(strlen(name), 64);
	assert_string_not_equal(name, other);
}

static void test_err(void **state)
{
	struct err e = {0};
	(void)state;
	assert_string_equal(err_text(&e), "unknown error");
	assert_int_equal(err_set(&e, -ENOENT, "no '%s'", "x"), -ENOENT);
	assert_int_equal(err_wrap(&e, -EIO, "stack '%s'", "s"), -EIO);
	assert_int_equal(e.code, -ENOENT);
	assert_string_equal(err_text(&e), "stack 's': no 'x'");
	assert_int_equal(err_sys(&e, -EACCES, "open"), -EACCES);
	assert_string_equal(err_text(&e), "open: Permission denied");
	assert_int_equal(err_set(NULL, -EIO, "dropped"), -EIO);
	assert_int_equal(err_wrap(NULL, -EIO, "dropped"), -EIO);
	auto_free char *big = xcalloc(1, 5000);
	memset(big, 'a', 4999);
	err_set(&e, -EIO, "%s", big);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	assert_true(str_ends(e.text, "..."));
	err_wrap(&e, -EIO, "%s", big);
	assert_true(str_ends(e.text, "..."));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_str),       cmocka_unit_test(test_lists),
		cmocka_unit_test(test_small_map), cmocka_unit_test(test_map),
		cmocka_unit_test(test_num),       cmocka_unit_test(test_hex),
		cmocka_unit_test(test_err),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
