/* SPDX-License-Identifier: Apache-2.0
 * Data as YAML: what is written is read back the same, whatever is in it. */
#include "cli/yamlout.h"
#include "manifests/stackfile.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

/* The data under `x-data` of a stack, written and read. */
static void check_data_back(json_t *data_taken)
{
	auto_json *j = json_pack("{s:s, s:{s:{s:s}}, s:o}", "name", "a", "services", "s", "image",
				 "i", "x-data", data_taken);
	auto_free char *yaml = yamlout_text(j);
	struct stackfile_input in = {.file = "f",
				     .text = yaml,
				     .len = strlen(yaml),
				     .no_interpolate = true};
	struct diag d = {0};
	auto_json *back = stackfile_config(&in, &d);
	json_t *got = json_object_get(back, "x-data");

	if (!got || !json_equal(got, json_object_get(j, "x-data")))
		print_error("%s\n%s\n", d.n ? d.v[0].text : "not the same", yaml);
	assert_true(got && json_equal(got, json_object_get(j, "x-data")));
	diag_done(&d);
}

/* A string as a value, a key, in a list, in a list of a list. */
static void check_string_back(const char *text)
{
	const char *key = *text ? text : "k";

	check_data_back(json_pack("{s:s, s:[s, [s, s], {s:s, s:{s:[s]}}]}", key, text, "l", text,
				  text, text, key, text, "z", key, text));
}

static void strings_are_read_back(void **state)
{
	static const char *const texts[] = {
		"",
		"plain",
		"8080",
		"yes",
		"a: b",
		"a #b",
		" x",
		"x ",
		"-",
		"- x",
		"-c",
		"--x",
		"~",
		"1e3",
		"0x1F",
		"1_000",
		"12:30",
		"null",
		"a\"b\\c",
		"caf\xc3\xa9",
		"a\xc2\x85"
		"b",
		"\xc2\x80",
		"\xc2\xa0",
		"\xe2\x80\xa8x",
		"x\xe2\x80\xa9",
		"\xef\xbb\xbf"
		"bom",
		"\xef\xbf\xbe",
		"\xef\xbf\xbf",
		"\xef\xbf\xbd",
		"\xf0\x9f\x90\xb3",
		"%x",
		"@x",
		"`x`",
		"[x",
		"{x",
		"*x",
		"&x",
		"!x",
		"|",
		">",
		"\r\n",
		"\n\nx\n",
		"\tx",
		"? x",
		"x:",
		"=",
		"<<",
		"-c\rx",
		"--x\xe2\x80\xa8",
		"-c\x01",
		"a\nb",
		"a\nb\n",
		"a\n\n b\n",
		"a\n\n\nb\n\n",
		"a \nb",
		"a\n b ",
		"a\n\tb\n",
		"#a\n# b\n",
		"a\n---\n...\nb\n",
		"\n",
		"a\n",
		"a\rb\nc",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		check_string_back(texts[i]);
	for (int c = 1; c < 0x80; c++) {
		char first[] = {(char)c, 'x', 0}, middle[] = {'x', (char)c, 'x', 0},
		     last[] = {'x', (char)c, 0}, alone[] = {(char)c, 0};

		check_string_back(first);
		check_string_back(middle);
		check_string_back(last);
		check_string_back(alone);
	}
}

/* Strings made of what means something to YAML. */
static void random_strings_are_read_back(void **state)
{
	static const char *const parts[] =
		{"a",        "b c",          "\n",      "\n\n", " ", "\t",  "-",  "- ",
		 ":",        ": ",           "#",       " #",   "'", "\"",  "\\", "|",
		 "1",        "0x",           ".",       "~",    "{", "}",   "[",  "]",
		 ",",        "&a",           "*a",      "!",    "%", "@",   "`",  "?",
		 "\r",       "true",         "yes",     "<<",   "$", "---", "e1", "\x01",
		 "\xc2\x85", "\xe2\x80\xa8", "\xc3\xa9"};
	uint64_t seed = 7;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		auto_str s = {0};
		size_t n = 1 + (seed >> 33) % 6;

		for (size_t k = 0; k < n; k++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			str_add(&s, parts[(seed >> 33) % ARRAY_LEN(parts)]);
		}
		check_string_back(s.data);
	}
}

static void long_keys_are_read_back(void **state)
{
	(void)state;
	for (size_t n = 100; n < 5000; n += 97) {
		auto_free char *key = xcalloc(1, n + 1);

		memset(key, n % 2 ? 'k' : '\x02', n);
		check_data_back(json_pack("{s:s, s:[{s:{s:s}, s:i}]}", key, "v", "l", key, key, "v",
					  "z", 1));
	}
}

static void numbers_are_read_back(void **state)
{
	static const double reals[] = {0.1, 0.1 + 0.2, 1.0 / 3, 1e300, 1e-300, -2.5, 1e21, 100.0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(reals); i++)
		check_data_back(json_pack("[f, b, b, n, I, {}, []]", reals[i], 0, 1,
					  (json_int_t)INT64_MIN));
}

/* Several lines stand as they are where they can. */
static void lines_stay_readable(void **state)
{
	auto_json *j = json_pack("{s:s, s:[s], s:s, s:f}", "a", "x\n\n  y: 1\n", "l", "p\nq", "b",
				 "\nz", "f", 0.3);
	auto_free char *text = yamlout_text(j);

	(void)state;
	assert_string_equal(text, "a: |\n  x\n\n    y: 1\nl:\n  - |-\n    p\n    q\nb: \"\\nz\"\n"
				  "f: 0.3\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_read_back),
		cmocka_unit_test(random_strings_are_read_back),
		cmocka_unit_test(long_keys_are_read_back),
		cmocka_unit_test(numbers_are_read_back),
		cmocka_unit_test(lines_stay_readable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
