/* SPDX-License-Identifier: Apache-2.0
 * IPv6 subnets: never one address twice, fixed ones anywhere, the gateway's never. */
#include "controller/core/ipam6.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct ipaddr ip(const char *text)
{
	struct ipaddr a;
	assert_true(ipaddr_parse(text, &a));
	return a;
}

static struct ipam6 subnet(const char *net, const char *gateway, const char *range)
{
	struct ipam6 s = {0};
	struct ipprefix p, r = {0};
	struct ipaddr g = {0};
	struct err err = {0};
	assert_true(ipprefix_parse(net, &p));
	(void)ipaddr_parse(gateway, &g);
	(void)ipprefix_parse(range, &r);
	if (ipam6_init(&s, &p, &g, &r, &err) < 0)
		fail_msg("%s", err_text(&err));
	return s;
}

static void expect(struct ipam6 *s, const char *text)
{
	struct ipaddr a, want = ip(text);
	assert_int_equal(ipam6_take(s, &a), 0);
	assert_true(ipaddr_equal(&a, &want));
}

static void test_order(void **unused)
{
	(void)unused;
	struct ipam6 s = subnet("fd00:1::/64", NULL, NULL);
	struct ipaddr two = ip("fd00:1::2");
	expect(&s, "fd00:1::2");
	expect(&s, "fd00:1::3");
	ipam6_give(&s, &two);
	expect(&s, "fd00:1::4"); /* not the one just given back */
	assert_int_equal(ipam6_take_fixed(&s, &two), 0);
	assert_int_equal(ipam6_take_fixed(&s, &two), -EADDRINUSE);
	ipam6_done(&s);
	s = subnet("fd00:1::/64", "fd00:1::ffff:0:1", "fd00:1::5:0/112");
	expect(&s, "fd00:1::5:1"); /* the gateway is elsewhere */
	ipam6_done(&s);
	s = subnet("fd00:1::/64", "fd00:1::2", NULL);
	expect(&s, "fd00:1::1");
	expect(&s, "fd00:1::3");
	ipam6_done(&s);
}

static void test_fixed(void **unused)
{
	(void)unused;
	struct ipam6 s = subnet("fd00:1::/64", NULL, NULL);
	struct ipaddr far = ip("fd00:1::dead:beef"), gateway = ip("fd00:1::1"),
		      zero = ip("fd00:1::"), out = ip("fd00:2::5"), near = ip("fd00:1::2");
	assert_int_equal(ipam6_take_fixed(&s, &far), 0);
	assert_int_equal(ipam6_take_fixed(&s, &far), -EADDRINUSE);
	ipam6_give(&s, &far);
	assert_int_equal(ipam6_take_fixed(&s, &far), 0);
	assert_int_equal(ipam6_take_fixed(&s, &gateway), -EADDRINUSE);
	assert_int_equal(ipam6_take_fixed(&s, &zero), -ERANGE);
	assert_int_equal(ipam6_take_fixed(&s, &out), -ERANGE);
	assert_int_equal(ipam6_take_fixed(&s, &near), 0);
	expect(&s, "fd00:1::3");
	ipam6_done(&s);
}

static void test_small_is_used_up(void **unused)
{
	(void)unused;
	struct ipam6 s = subnet("fd00:1::/124", NULL, NULL);
	struct ipaddr a, first = ip("fd00:1::2");
	for (int i = 0; i < 13; i++) /* 16, less the first, the gateway and the last */
		assert_int_equal(ipam6_take(&s, &a), 0);
	assert_int_equal(ipam6_take(&s, &a), -ENOSPC);
	ipam6_give(&s, &first);
	expect(&s, "fd00:1::2");
	ipam6_done(&s);
}

static void test_refused(void **unused)
{
	(void)unused;
	static const char *const bad[][3] = {{"fd00::/8", NULL, NULL},
					     {"fd00::/127", NULL, NULL},
					     {"fd00:1::/64", "fd00:2::1", NULL},
					     {"fd00:1::/64", NULL, "fd00:2::/80"},
					     {"fd00:1::/64", NULL, "fd00:1::/48"},
					     {"10.0.0.0/16", NULL, NULL}};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ipam6 s = {0};
		struct ipprefix p, r = {0};
		struct ipaddr g = {0};
		assert_true(ipprefix_parse(bad[i][0], &p));
		(void)ipaddr_parse(bad[i][1], &g);
		(void)ipprefix_parse(bad[i][2], &r);
		assert_int_equal(ipam6_init(&s, &p, &g, &r, NULL), -EINVAL);
		assert_false(ipam6_is_set(&s));
	}
}

static void test_pool(void **unused)
{
	(void)unused;
	char text[IPPREFIX_TEXT];
	struct ipprefix pool, p;
	assert_true(ipprefix_parse("fd12:3456:789a::/48", &pool));
	p = ipam6_pool_nth(&pool, 0x1f2);
	assert_string_equal(ipprefix_format(&p, text), "fd12:3456:789a:1f2::/64");
	p = ipam6_pool_nth(&pool, 0x10000);
	assert_false(ipprefix_is_set(&p));
	p = ipam6_pool_random(0x0102030405060708u);
	assert_int_equal(p.len, 48);
	assert_int_equal(p.addr.bytes[0], 0xfd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_small_is_used_up),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_pool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
