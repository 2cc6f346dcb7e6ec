/* SPDX-License-Identifier: Apache-2.0
 * Elements of nftables sets as text. */
#include "base/mem.h"
#include "overlay/elements.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char listing[] = "table inet ck_overlay {\n"
			      "\tset members {\n"
			      "\t\ttype ipv4_addr\n"
			      "\t\telements = { 10.0.0.1, 10.0.0.2,\n"
			      "\t\t\t     10.0.0.3 }\n"
			      "\t}\n"
			      "\n"
			      "\tmap ports_any {\n"
			      "\t\telements = { 6 . 80 : 10.1.0.2 . 8080 }\n"
			      "\t}\n"
			      "\tchain c {\n"
			      "\t\tmeta l4proto { 6, 17 } accept\n"
			      "\t}\n"
			      "}\n";

static void test_listing(void **state)
{
	(void)state;
	auto_elements e = {0};
	auto_str rest = {0};
	elements_of_listing(&e, listing, &rest);
	assert_int_equal(e.all.n, 4);
	assert_true(map_has(&e.all, "inet ck_overlay members { 10.0.0.3 }"));
	assert_true(map_has(&e.all, "inet ck_overlay ports_any { 6 . 80 : 10.1.0.2 . 8080 }"));
	assert_null(strstr(rest.data, "elements"));
	assert_non_null(strstr(rest.data, "\t}\n\n\tmap ports_any {\n\t}\n"));
	assert_non_null(strstr(rest.data, "{ 6, 17 } accept"));
}

static void test_script(void **state)
{
	(void)state;
	auto_elements e = {0};
	elements_of_script(&e, "add table inet t\nadd element inet t s { a }\n"
			       "add element inet t s { b }\ndelete element inet t s { a }\n");
	assert_int_equal(e.all.n, 1);
	assert_true(map_has(&e.all, "inet t s { b }"));
	elements_of_script(&e, NULL);
	assert_int_equal(e.all.n, 1);
}

static void test_diff(void **state)
{
	(void)state;
	auto_elements want = {0}, have = {0};
	auto_str script = {0};
	elements_of_script(&want, "add element inet t m { 1 : x }\nadd element inet t s { b }\n");
	elements_of_script(&have, "add element inet t m { 1 : y }\nadd element inet t s { b }\n"
				  "add element inet t kept { z }\n");
	assert_int_equal(elements_diff(&want, &have, "inet t kept", &script), 2);
	assert_string_equal(script.data, "delete element inet t m { 1 : y }\n"
					 "add element inet t m { 1 : x }\n");
	str_clear(&script);
	assert_int_equal(elements_diff(&want, &have, NULL, &script), 3);
	str_clear(&script);
	assert_int_equal(elements_diff(&want, &want, NULL, &script), 0);
	assert_int_equal(script.len, 0);
}

/* Whatever a listing is, reading it ends within its bytes. */
static void test_broken_listings(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(listing); n++) {
		auto_free char *cut = xstrndup(listing, n);
		auto_elements e = {0};
		auto_str rest = {0};
		elements_of_listing(&e, cut, &rest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listing),
		cmocka_unit_test(test_script),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_broken_listings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
