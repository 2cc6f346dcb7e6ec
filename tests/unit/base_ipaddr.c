/* SPDX-License-Identifier: Apache-2.0
 * Addresses and prefixes of both families. */
#include "base/ipaddr.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct ipaddr ip(const char *text)
{
	struct ipaddr a;
	assert_true(ipaddr_parse(text, &a));
	return a;
}

static struct ipprefix net(const char *text)
{
	struct ipprefix p;
	assert_true(ipprefix_parse(text, &p));
	return p;
}

static void test_text(void **state)
{
	(void)state;
	static const char *const same[] = {"0.0.0.0", "192.0.2.1", "::", "::1", "2001:db8::1"};
	static const char *const bad[] = {"",          "1.2.3", "1.2.3.4.5",
					  "1.2.3.4/5", "::g",   "fe80::1%eth0",
					  "[::1]",     " ::1",  "1.2.3.4 "};
	char text[IPADDR_TEXT];
	struct ipaddr a = {0};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		a = ip(same[i]);
		assert_string_equal(ipaddr_format(&a, text), same[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ipaddr before = a;
		assert_false(ipaddr_parse(bad[i], &a));
		assert_true(ipaddr_equal(&a, &before));
	}
	assert_false(ipaddr_parse(NULL, &a));
	a = (struct ipaddr){0};
	assert_string_equal(ipaddr_format(&a, text), "");
}

static void test_kinds(void **state)
{
	(void)state;
	struct ipaddr none = {0}, v4 = ip("10.0.0.1"), v6 = ip("fd00::1"), v;
	assert_false(ipaddr_is_set(&none));
	assert_true(ipaddr_is_any(&none));
	assert_int_equal(ipaddr_len(&none) + ipaddr_bits(&none), 0);
	assert_true(ipaddr_compare(&none, &v4) < 0 && ipaddr_compare(&v4, &v6) < 0);
	assert_int_equal(ipaddr_bits(&v4), 32);
	assert_int_equal(ipaddr_bits(&v6), 128);
	v = ip("127.9.9.9");
	assert_true(ipaddr_is_loopback(&v));
	v = ip("::1");
	assert_true(ipaddr_is_loopback(&v));
	assert_false(ipaddr_is_loopback(&v6) || ipaddr_is_loopback(&v4));
	v = ip("224.0.0.1");
	assert_true(ipaddr_is_multicast(&v));
	v = ip("ff02::1");
	assert_true(ipaddr_is_multicast(&v));
	v = ip("fe80::1");
	assert_true(ipaddr_is_link_local(&v));
	v = ip("febf::1");
	assert_true(ipaddr_is_link_local(&v));
	v = ip("fec0::1");
	assert_false(ipaddr_is_link_local(&v));
	v = ip("169.254.3.4");
	assert_true(ipaddr_is_link_local(&v));
}

static void test_add(void **state)
{
	(void)state;
	struct ipaddr a = ip("10.0.0.255"), b = ip("10.0.1.1");
	a = ipaddr_add(&a, 2);
	assert_true(ipaddr_equal(&a, &b));
	a = ip("fd00::ffff:ffff");
	b = ip("fd00::1:0:0");
	a = ipaddr_add(&a, 1);
	assert_true(ipaddr_equal(&a, &b));
	a = ip("255.255.255.255");
	b = ip("0.0.0.0");
	a = ipaddr_add(&a, 1);
	assert_true(ipaddr_equal(&a, &b));
}

static void test_sockaddr(void **state)
{
	(void)state;
	static const char *const all[] = {"192.0.2.7", "2001:db8::7"};
	for (size_t i = 0; i < 2; i++) {
		struct sockaddr_storage sa;
		struct ipaddr a = ip(all[i]), b;
		uint16_t port;
		assert_int_equal(ipaddr_to_sockaddr(&a, 53, &sa),
				 i ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
		assert_true(ipaddr_of_sockaddr((const struct sockaddr *)&sa, &b, &port));
		assert_true(ipaddr_equal(&a, &b));
		assert_int_equal(port, 53);
	}
	struct sockaddr_storage sa;
	struct ipaddr mapped = ip("::ffff:10.0.0.1"), b, v4 = ip("10.0.0.1");
	ipaddr_to_sockaddr(&mapped, 1, &sa);
	assert_true(ipaddr_of_sockaddr((const struct sockaddr *)&sa, &b, NULL));
	assert_true(ipaddr_equal(&b, &v4));
}

static void test_prefix(void **state)
{
	(void)state;
	static const char *const bad[] = {"10.0.0.0",  "10.0.0.0/33", "fd00::/129",  "/8",
					  "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/ 8", "10/8"};
	char text[IPPREFIX_TEXT];
	struct ipprefix p = net("10.1.2.3/20");
	assert_string_equal(ipprefix_format(&p, text), "10.1.0.0/20");
	p = net("fd12:3456:789a:bcde:f::1/60");
	assert_string_equal(ipprefix_format(&p, text), "fd12:3456:789a:bcd0::/60");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(ipprefix_parse(bad[i], &p));
	struct ipprefix wide = net("10.0.0.0/8"), all = net("0.0.0.0/0"), all6 = net("::/0"),
			one = net("10.1.2.3/32"), none = {0};
	struct ipaddr a = ip("10.255.0.1"), b = ip("11.0.0.1"), c = ip("::1"), zero = {0};
	assert_true(ipprefix_has(&wide, &a));
	assert_false(ipprefix_has(&wide, &b) || ipprefix_has(&wide, &c) ||
		     ipprefix_has(&wide, &zero));
	assert_true(ipprefix_has(&all, &b) && ipprefix_has(&all6, &c));
	assert_false(ipprefix_has(&all, &c) || ipprefix_has(&none, &zero) ||
		     ipprefix_has(&none, &a));
	assert_true(ipprefix_overlap(&wide, &one) && ipprefix_overlap(&one, &wide));
	p = net("11.0.0.0/8");
	assert_false(ipprefix_overlap(&wide, &p) || ipprefix_overlap(&all, &all6) ||
		     ipprefix_overlap(&none, &wide) || ipprefix_overlap(&wide, &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),   cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_add),    cmocka_unit_test(test_sockaddr),
		cmocka_unit_test(test_prefix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
