/* SPDX-License-Identifier: Apache-2.0
 * Output for people: harmless text, ages, sizes, aligned tables; and options. */
#include "cli/opts.h"
#include "cli/out.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

static void check_clean(const char *in, const char *out)
{
	auto_free char *got = out_clean(in, strlen(in));

	assert_string_equal(got, out);
}

static void test_clean(void **state)
{
	(void)state;
	check_clean("plain\ttext", "plain\ttext");
	check_clean("\033[31mred\033[0m", "\\x1b[31mred\\x1b[0m");
	check_clean("a\rb\nc\x7f", "a\\x0db\\x0ac\\x7f");
	check_clean("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
	check_clean("\xff\xc3", "??");
	/* U+009B, which terminals take for ESC [ */
	check_clean("\xc2\x9b"
		    "31m",
		    "??31m");
	check_clean("\xe0\x80\x80", "???");
	check_clean("\xed\xa0\x80", "???");
	check_clean("\xf4\x90\x80\x80", "????");
	check_clean("\xe2\x82\xac \xf0\x9f\x9a\xa2", "\xe2\x82\xac \xf0\x9f\x9a\xa2");
}

static void test_clean_nul(void **state)
{
	auto_free char *got = out_clean("a\0b", 3);

	(void)state;
	assert_string_equal(got, "a\\x00b");
}

static void check_age(int64_t ms, const char *want)
{
	auto_free char *got = out_age(ms);

	assert_string_equal(got, want);
}

static void test_age_and_bytes(void **state)
{
	auto_free char *small = out_bytes(999), *mega = out_bytes(12340000);

	(void)state;
	check_age(-5, "0s");
	check_age(119000, "119s");
	check_age(120000, "2m");
	check_age(7200000, "2h");
	check_age(3 * 86400000LL, "3d");
	assert_string_equal(small, "999 B");
	assert_string_equal(mega, "12.3 MB");
}

static void test_table(void **state)
{
	static const char *const header[] = {"NAME", "STATE", "WHY"};
	struct table t;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	table_init(&t, header, 3);
	table_cell(&t, COLOR_NONE, "gr\xc3\xbcn");
	table_cell(&t, COLOR_GREEN, "running");
	table_cell(&t, COLOR_NONE, NULL);
	table_cell(&t, COLOR_NONE, "longer-name");
	table_cell(&t, COLOR_NONE, "up");
	table_cellf(&t, COLOR_NONE, "\033%d", 7);
	table_print(&t, f, false);
	fclose(f);
	assert_string_equal(text, "NAME         STATE    WHY\n"
				  "gr\xc3\xbcn         running  -\n"
				  "longer-name  up       \\x1b7\n");
	free(text);
	f = open_memstream(&text, &len);
	table_print(&t, f, true);
	fclose(f);
	assert_non_null(strstr(text, "\033[32mrunning\033[0m  -"));
	free(text);
	table_done(&t);
}

static void test_duration(void **state)
{
	int64_t ms = 0;

	(void)state;
	assert_true(opts_duration("90", &ms) && ms == 90000);
	assert_true(opts_duration("200ms", &ms) && ms == 200);
	assert_true(opts_duration("5m", &ms) && ms == 300000);
	assert_true(opts_duration("24h", &ms) && ms == 86400000);
	assert_true(opts_duration("7d", &ms) && ms == 7 * 86400000LL);
	assert_false(opts_duration("", &ms));
	assert_false(opts_duration("m", &ms));
	assert_false(opts_duration("-1s", &ms));
	assert_false(opts_duration("1w", &ms));
	assert_false(opts_duration("99999999999d", &ms));
}

static const struct cmd verb = {.name = "verb", .args = "ARG", .summary = "x"};

static void test_options(void **state)
{
	bool flag = false, other = false;
	const char *text = NULL;
	int64_t number = 0;
	auto_strlist list = {0}, rest = {0};
	const struct opt v[] = {
		{'i', "interactive", OPT_FLAG, &flag}, {'t', "tty", OPT_FLAG, &other},
		{'u', "user", OPT_TEXT, &text},        {'e', "env", OPT_LIST, &list},
		{'n', "tail", OPT_NUMBER, &number},
	};
	struct opts o = {.cmd = &verb, .v = v, .n = ARRAY_LEN(v), .max_args = 3};
	char *args[] = {(char *)"verb", (char *)"-itu",   (char *)"me", (char *)"-eA=1",
			(char *)"a",    (char *)"--tail", (char *)"5",  (char *)"--env=B=2",
			(char *)"--",   (char *)"-x",     NULL};

	(void)state;
	assert_int_equal(opts_parse(&o, 10, args, &rest), -1);
	assert_true(flag && other);
	assert_string_equal(text, "me");
	assert_int_equal(list.n, 2);
	assert_string_equal(list.v[1], "B=2");
	assert_int_equal(number, 5);
	assert_int_equal(rest.n, 2);
	assert_string_equal(rest.v[1], "-x");
}

static int parse(struct opts *o, struct strlist *rest, const char *a, const char *b, const char *c)
{
	char *args[] = {(char *)"verb", (char *)a, (char *)b, (char *)c, NULL};

	return opts_parse(o, 1 + (a != NULL) + (b != NULL) + (c != NULL), args, rest);
}

static void test_misuse(void **state)
{
	bool flag = false;
	int64_t number = 0;
	auto_strlist rest = {0}, stopped = {0};
	const struct opt v[] = {{'f', "flag", OPT_FLAG, &flag}, {'n', "num", OPT_NUMBER, &number}};
	struct opts o = {.cmd = &verb, .v = v, .n = ARRAY_LEN(v), .min_args = 1, .max_args = 1};

	(void)state;
	assert_int_equal(parse(&o, &rest, NULL, NULL, NULL), 2);
	assert_int_equal(parse(&o, &rest, "--nope", NULL, NULL), 2);
	assert_int_equal(parse(&o, &rest, "-z", NULL, NULL), 2);
	assert_int_equal(parse(&o, &rest, "--num", NULL, NULL), 2);
	assert_int_equal(parse(&o, &rest, "--num", "x", NULL), 2);
	assert_int_equal(parse(&o, &rest, "--flag=1", NULL, NULL), 2);
	assert_int_equal(parse(&o, &rest, "--context", NULL, NULL), 2);
	assert_int_equal(parse(&o, &rest, "a", "b", NULL), 2);
	o.max_args = 9;
	o.stop_at_first = true;
	assert_int_equal(parse(&o, &stopped, "cmd", "-f", "--help"), -1);
	assert_false(flag);
	assert_int_equal(stopped.n, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),         cmocka_unit_test(test_clean_nul),
		cmocka_unit_test(test_age_and_bytes), cmocka_unit_test(test_table),
		cmocka_unit_test(test_duration),      cmocka_unit_test(test_options),
		cmocka_unit_test(test_misuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
