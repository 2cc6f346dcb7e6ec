/* SPDX-License-Identifier: Apache-2.0
 * Addresses for VIPs: from the end of the subnet. */
#include "tests/unit/cluster_driver.h"

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

static void test_high6(void **state)
{
	(void)state;
	struct err err = {0};
	struct ipam6 s = {0};
	struct ipprefix p;
	struct ipaddr gateway = {0}, a;
	struct ipprefix range = {0};
	char text[IPADDR_TEXT];
	assert_true(ipprefix_parse("fd01::/64", &p));
	assert_int_equal(ipam6_init(&s, &p, &gateway, &range, &err), 0);
	assert_int_equal(ipam6_take_high(&s, &a), 0);
	assert_string_equal(ipaddr_format(&a, text), "fd01::fffe");
	ipam6_give(&s, &a);
	assert_int_equal(ipam6_take_high(&s, &a), 0);
	assert_string_equal(ipaddr_format(&a, text), "fd01::fffe");
	ipam6_done(&s);
}

/* A service has one of each family that its network has; they outlive a restart of the controller. */
static void test_families(void **state)
{
	(void)state;
	struct driver d;
	char text[IPADDR_TEXT];
	drive_init(&d, 1);
	static const char stack[] = "{\"name\":\"s\",\"services\":{\"a\":{\"image\":\"i\","
				    "\"networks\":{\"both\":{},\"six\":{}}}},"
				    "\"networks\":{\"both\":{\"name\":\"s_both\",\"enable_ipv6\":"
				    "true},\"six\":{\"name\":\"s_six\","
				    "\"enable_ipv4\":false,\"enable_ipv6\":true}}}";
	auto_json *j = json_parse(stack, strlen(stack), NULL);
	struct err err = {0};
	json_t *answer = NULL;
	if (cluster_stack_put(d.c, "s", j, &answer, &err) < 0)
		fail_msg("%s", err_text(&err));
	json_decref(answer);
	drive_step(&d);
	const struct service *svc = drive_service(&d, "a");
	assert_int_equal(svc->n_vips, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct vip *v = &svc->vips[i];
		assert_non_null(vips_text(v, AF_INET6, text));
		assert_true(str_ends(text, "::fffe"));
		if (streq(v->net->name, "s_both"))
			assert_string_equal(vips_text(v, AF_INET, text), "10.128.15.254");
		else
			assert_null(vips_text(v, AF_INET, text));
	}
	/* The rows say it all. */
	const char *row = NULL;
	for (size_t i = 0; i < d.out.n_puts; i++)
		if (streq(d.out.puts[i].key, "vips/s/a"))
			row = d.out.puts[i].value;
	assert_non_null(row);
	assert_non_null(strstr(row, "null,\"fd"));
	drive_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_high),
					   cmocka_unit_test(test_high6),
					   cmocka_unit_test(test_families)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
