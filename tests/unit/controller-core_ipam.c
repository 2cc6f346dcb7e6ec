/* SPDX-License-Identifier: Apache-2.0
 * Subnets and addresses: never one twice, not reused at once, all of them usable. */
#include "base/mem.h"
#include "controller/core/ipam.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_text(void **unused)
{
	(void)unused;
	uint32_t base;
	unsigned prefix;
	char text[IPAM_TEXT], mac[IPAM_MAC_TEXT];
	assert_int_equal(ipam_cidr_parse("10.1.0.0/20", &base, &prefix, NULL), 0);
	assert_int_equal(base, 0x0a010000);
	assert_int_equal(prefix, 20);
	ipam_cidr_text(base, prefix, text);
	assert_string_equal(text, "10.1.0.0/20");
	ipam_mac_text(0x0a010203, mac);
	assert_string_equal(mac, "02:42:0a:01:02:03");
	const char *bad[] = {"10.1.0.1/20", "10.1.0.0",
			     "10.1.0.0/33", "a/8",
			     "/8",          "10.1.0.0/-1",
			     "10.1.0.0/ 8", "10.1.0.0.0.0.0.0.0.0.0/8"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(ipam_cidr_parse(bad[i], &base, &prefix, NULL) < 0);
	assert_true(ipam_overlap(0x0a000000, 8, 0x0a010000, 16));
	assert_false(ipam_overlap(0x0a000000, 16, 0x0a010000, 16));
	assert_true(ipam_overlap(0, 0, 0xffffffff, 32));
}

static void test_pool(void **unused)
{
	(void)unused;
	struct ipam_pool p;
	uint32_t base, first;
	assert_int_equal(ipam_pool_init(&p, "10.128.0.0/16", 20, NULL), 0);
	ipam_pool_mark(&p, 0x0a801100, 24, true); /* a stack's own subnet in the second block */
	ipam_pool_mark(&p, 0xc0a80000, 16, true); /* and one elsewhere */
	assert_int_equal(ipam_pool_take(&p, &first), 0);
	assert_int_equal(first, 0x0a800000);
	assert_int_equal(ipam_pool_take(&p, &base), 0);
	assert_int_equal(base, 0x0a802000);
	ipam_pool_mark(&p, first, 20, false);
	assert_int_equal(ipam_pool_take(&p, &base), 0);
	assert_int_equal(base, 0x0a803000); /* not the one just given back */
	for (int i = 0; i < 13; i++)
		assert_int_equal(ipam_pool_take(&p, &base), 0);
	assert_int_equal(base, first);
	assert_int_equal(ipam_pool_take(&p, &base), -ENOSPC);
	ipam_pool_mark(&p, 0, 0, false); /* a subnet wider than the pool */
	assert_int_equal(ipam_pool_take(&p, &base), 0);
	ipam_pool_done(&p);
	assert_true(ipam_pool_init(&p, "10.0.0.0/24", 20, NULL) < 0);
}

static void test_addresses(void **unused)
{
	(void)unused;
	struct ipam_subnet s = {0};
	uint32_t a, first;
	assert_int_equal(ipam_take(&s, &a), -ENOSPC);
	assert_int_equal(ipam_subnet_init(&s, 0x0a000000, 24, 0, NULL), 0);
	assert_int_equal(s.gateway, 0x0a000001);
	assert_int_equal(ipam_take(&s, &first), 0);
	assert_int_equal(first, 0x0a000002);
	ipam_give(&s, first);
	assert_int_equal(ipam_take(&s, &a), 0);
	assert_int_equal(a, 0x0a000003);
	assert_int_equal(ipam_take_fixed(&s, a), -EADDRINUSE);
	assert_int_equal(ipam_take_fixed(&s, s.gateway), -EADDRINUSE);
	assert_int_equal(ipam_take_fixed(&s, 0x0a0000ff), -ERANGE);
	assert_int_equal(ipam_take_fixed(&s, 0x0b000005), -ERANGE);
	assert_int_equal(ipam_take_fixed(&s, 0x0a000004), 0);
	unsigned n = 2;
	while (ipam_take(&s, &a) == 0)
		n++;
	assert_int_equal(n, 253);
	assert_int_equal(a, first); /* the last one left */
	ipam_give(&s, s.gateway);
	ipam_give(&s, s.base);
	assert_int_equal(ipam_take(&s, &a), -ENOSPC);
	ipam_subnet_done(&s);
}

/* Random takes and gives, against an array. */
static void test_model(void **unused)
{
	(void)unused;
	struct ipam_subnet s;
	static bool used[1 << 12];
	uint64_t x = 42;
	unsigned n = 0;
	assert_int_equal(ipam_subnet_init(&s, 0x0a000000, 20, 0x0a000010, NULL), 0);
	assert_int_equal(ipam_subnet_range(&s, 0x0a000400, 22, NULL), 0);
	for (int i = 0; i < 200000; i++) {
		uint32_t a;
		x = x * 6364136223846793005u + 1442695040888963407u;
		if (x >> 63 || !n) {
			int rc = ipam_take(&s, &a);
			assert_int_equal(rc, n == 1024 ? -ENOSPC : 0);
			assert_int_equal(ipam_free(&s), rc ? 0 : 1024 - n - 1);
			if (rc)
				continue;
			assert_in_range(a, 0x0a000400, 0x0a0007ff);
			assert_false(used[a & 0xfff]);
			used[a & 0xfff] = true;
			n++;
		} else {
			a = 0x400 + (uint32_t)(x >> 40) % 1024;
			n -= used[a];
			used[a] = false;
			ipam_give(&s, 0x0a000000 + a);
		}
		assert_int_equal(s.n_used, n);
	}
	ipam_subnet_done(&s);
	assert_true(ipam_subnet_init(&s, 0x0a000000, 30, 0, NULL) < 0);
	assert_true(ipam_subnet_init(&s, 0x0a000000, 4, 0, NULL) < 0);
	assert_true(ipam_subnet_init(&s, 0x0a000000, 24, 0x0a0000ff, NULL) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
