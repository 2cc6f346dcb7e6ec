/* SPDX-License-Identifier: Apache-2.0
 * Numbers and truth values without quotes where text is wanted: what Compose makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* needs the four above, so it stands apart */
#include <cmocka.h>

#include "base/str.h"
#include "manifests/plain.h"

static void becomes(void **state)
{
	static const struct {
		const char *written, *text; /* NULL: stays */
	} cases[] = {
		{"True", "true"},
		{"FALSE", "false"},
		{"true", NULL},
		{"0", NULL},
		{"-1", NULL},
		{"+5", "5"},
		{"-0", "0"},
		{"010", "8"},
		{"-010", "-8"},
		{"08", "8"},
		{"0o17", "15"},
		{"0x1F", "31"},
		{"18446744073709551615", NULL},
		{"18446744073709551616", "18446744073709552000"},
		{"-9223372036854775808", NULL},
		{"24.10", "24.1"},
		{"1.0", "1"},
		{"0.1", NULL},
		{"-.5", "-0.5"},
		{"-0.0", "-0"},
		{"1e3", "1000"},
		{"1.5e-4", "0.00015"},
		{"0.00001", "1e-05"},
		{"1e20", "100000000000000000000"},
		{"1e21", "1e+21"},
		{"123456.789e3", "123456789"},
		{"1.25e100", "1.25e+100"},
		{"1e999", NULL},
		{".inf", "+Inf"},
		{"-.INF", "-Inf"},
		{".nan", "NaN"},
		{"3.141592653589793", NULL},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *text =
			plain_text(node_core_kind(cases[i].written), cases[i].written);
		if (text || cases[i].text) {
			print_message("%s\n", cases[i].written);
			assert_string_equal(text ? text : cases[i].written,
					    cases[i].text ? cases[i].text : cases[i].written);
		}
	}
}

static void forms_of_numbers(void **state)
{
	static const struct {
		const char *written, *text; /* NULL: no such form */
	} cases[] = {
		{"1_000", "1000"},     {"1_", "1"},       {"1__0", "10"},
		{"1_000.5", "1000.5"}, {"0b1010", "10"},  {"-0b11", "-3"},
		{"-0x1F", "-31"},      {"0X1f", "31"},    {"0o_7", "7"},
		{"+0x10", "16"},       {"0_440", "0440"}, {"-0x0", "0"},
		{"-1_0", "-10"},       {"_1", NULL},      {"0b2", NULL},
		{"0b", NULL},          {"0x", NULL},      {"0x1F", NULL},
		{"0o17", NULL},        {"10", NULL},      {"1_a", NULL},
		{"-_", NULL},          {"", NULL},        {"-", NULL},
		{"0x_g", NULL},        {"1E3", NULL},     {"0B-1", NULL},
		{"2_0:3", NULL},       {"0b 1", NULL},    {"-0x8000000000000001", NULL},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *text = plain_number(cases[i].written);
		if (!text && !cases[i].text)
			continue;
		print_message("%s\n", cases[i].written);
		assert_non_null(text);
		assert_non_null(cases[i].text);
		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(becomes),
					   cmocka_unit_test(forms_of_numbers)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
