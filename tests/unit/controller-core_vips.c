/* SPDX-License-Identifier: Apache-2.0
 * Addresses for VIPs: from the end of the subnet. */
#include "controller/core/state.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void test_high(void **state)
{
	(void)state;
	struct err err = {0};
	struct ipam_subnet s;
	uint32_t a, b, low;
	assert_int_equal(ipam_subnet_init(&s, 0x0a000000, 29, 0, &err), 0);
	assert_int_equal(ipam_take_high(&s, &a), 0);
	assert_int_equal(a, 0x0a000006);
	assert_int_equal(ipam_take_high(&s, &b), 0);
	assert_int_equal(b, 0x0a000005);
	ipam_give(&s, a);
	assert_int_equal(ipam_take_high(&s, &a), 0);
	assert_int_equal(a, 0x0a000006);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ipam_take(&s, &low), 0);
	assert_int_equal(ipam_take_high(&s, &a), -ENOSPC);
	ipam_subnet_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_high)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
