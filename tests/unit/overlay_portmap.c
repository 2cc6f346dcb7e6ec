/* SPDX-License-Identifier: Apache-2.0
 * The texts for published ports, as the kernel's tables understand and list them. */
#include "base/err.h"
#include "base/mem.h"
#include "overlay/elements.h"
#include "overlay/nft.h"
#include "overlay/portmap.h"
#include "overlay/rules.h"
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct ipaddr ip(const char *text)
{
	struct ipaddr a;
	assert_true(ipaddr_parse(text, &a));
	return a;
}

static void test_text(void **state)
{
	(void)state;
	auto_str s = {0};
	struct ov_backend b[2] = {{.ip = ip("10.1.0.2"), .port = 80},
				  {.ip = ip("10.1.0.3"), .ip6 = ip("fd00::3"), .port = 81}};
	struct portmap_entry e = {.port = 8080, .proto = 6, .backends = b, .n = 2};
	portmap_entry(&s, true, &e);
	assert_string_equal(s.data,
			    "add element inet ck_overlay gate4 { 6 . 8080 : goto a4_2 }\n"
			    "add element inet ck_overlay back4_tcp { 8080 . 0 : 10.1.0.2 . 80 }\n"
			    "add element inet ck_overlay back4_tcp { 8080 . 1 : 10.1.0.3 . 81 }\n"
			    "add element inet ck_overlay gate6 { 6 . 8080 : goto a6_1 }\n"
			    "add element inet ck_overlay back6_tcp { 8080 . 0 : fd00::3 . 81 }\n");
	str_clear(&s);
	e.host_ip = ip("192.0.2.1"); /* that address only, and nothing of IPv6 */
	e.n = 1;
	portmap_entry(&s, true, &e);
	assert_string_equal(
		s.data, "add element inet ck_overlay gate4_at { 192.0.2.1 . 6 . 8080 : goto h4_1 "
			"}\n"
			"add element inet ck_overlay back4_tcp_at { 192.0.2.1 . 8080 . 0 : "
			"10.1.0.2 . 80 }\n");
	str_clear(&s);
	e.host_ip = ip("127.0.0.1"); /* loopback is the proxy's */
	portmap_entry(&s, true, &e);
	assert_null(s.data && *s.data ? s.data : NULL);
	e.host_ip = (struct ipaddr){0};
	e.n = 0;
	portmap_entry(&s, true, &e);
	assert_string_equal(s.data, "add element inet ck_overlay gate4 { 6 . 8080 : goto refuse }\n"
				    "add element inet ck_overlay gate6 { 6 . 8080 : goto refuse }\n"
				    "add element inet ck_overlay idle { 6 . 8080 }\n");
}

/* Whatever entries: the kernel takes them, lists them as they were written, and lets go of them. */
static void test_kernel(void **state)
{
	(void)state;
	static const char *const at[] = {NULL, "0.0.0.0", "::", "192.0.2.1", "fd00::1"};
	struct err err = {0};
	struct nft *nft = NULL;
	if (unshare(CLONE_NEWNET) < 0)
		skip();
	assert_int_equal(nft_open(&nft, &err), 0);
	auto_str base = {0}, all = {0}, gone = {0};
	struct ipaddr underlay = ip("192.0.2.1");
	rules_base(&base, 4789, &underlay);
	if (nft_run(nft, base.data, &err) < 0)
		fail_msg("%s", err_text(&err));
	struct ov_backend b[40];
	for (size_t i = 0; i < ARRAY_LEN(b); i++) {
		auto_free char *four = xasprintf("10.1.0.%zu", i + 2);
		auto_free char *six = xasprintf("fd00::%zx", i + 2);
		b[i] = (struct ov_backend){.ip = ip(four), .ip6 = ip(six), .port = 80};
	}
	for (size_t i = 0; i < ARRAY_LEN(at); i++)
		for (size_t n = 0; n <= ARRAY_LEN(b); n = n < 3 ? n + 1 : n < 17 ? n + 7 : n + 23) {
			struct portmap_entry e = {.port = (uint16_t)(1000 + n + 100 * i),
						  .proto = i % 2 ? 6 : 17,
						  .backends = b,
						  .n = n,
						  .far = n % 2};
			if (at[i])
				e.host_ip = ip(at[i]);
			portmap_entry(&all, true, &e);
			portmap_entry(&gone, false, &e);
		}
	if (nft_run(nft, all.data, &err) < 0)
		fail_msg("%s", err_text(&err));
	auto_str listing = {0}, rest = {0}, diff = {0}, empty = {0};
	auto_elements want = {0}, have = {0}, left = {0}, none = {0};
	assert_int_equal(nft_list(nft, "list table inet ck_overlay", &listing, &err), 0);
	elements_of_script(&want, all.data);
	elements_of_listing(&have, listing.data, &rest);
	assert_true(want.all.n > 300);
	if (elements_diff(&want, &have, NULL, &diff))
		fail_msg("%.1000s", diff.data);
	if (nft_run(nft, gone.data, &err) < 0)
		fail_msg("%s", err_text(&err));
	assert_int_equal(nft_list(nft, "list table inet ck_overlay", &empty, &err), 0);
	str_clear(&rest);
	elements_of_listing(&left, empty.data, &rest);
	assert_int_equal(elements_diff(&none, &left, NULL, &diff), 0);
	nft_close(nft);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_kernel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
