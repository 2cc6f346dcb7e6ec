/* SPDX-License-Identifier: Apache-2.0
 * Join tokens and addresses: round trips, and what is refused. */
#include "manifests/jointoken.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_round_trip(void **state)
{
	struct jointoken t = {.ca_digest = DIGEST, .id = "0123456789ab", .secret = SECRET},
			 back = {0};
	auto_free char *text = NULL;

	(void)state;
	strlist_add(&t.addrs, "10.0.0.1:7677");
	strlist_add(&t.addrs, "[fd00::1]:80");
	strlist_add(&t.addrs, "ctl.example-one.org:1");
	text = jointoken_text(&t);
	assert_string_equal(text, "ck1.10_0_0_1:7677,[fd00::1]:80,ctl_example-one_org:1." DIGEST
				  ".0123456789ab." SECRET);
	assert_int_equal(jointoken_parse(text, &back, NULL), 0);
	assert_int_equal(back.addrs.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(back.addrs.v[i], t.addrs.v[i]);
	assert_string_equal(back.ca_digest, DIGEST);
	assert_string_equal(back.id, t.id);
	assert_string_equal(back.secret, SECRET);
	jointoken_done(&t);
	jointoken_done(&back);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"hello",
		"ck1.",
		"ck1....",
		"ck1.h:1." DIGEST ".0123456789ab",
		"ck1.h:1." DIGEST ".0123456789ab." SECRET "0",
		"ck1.h:1." DIGEST ".0123456789ab." SECRET ".x",
		"ck1.h:1.0123.0123456789ab." SECRET,
		"ck1.h." DIGEST ".0123456789ab." SECRET,
		"ck1.h:99999." DIGEST ".0123456789ab." SECRET,
		"ck1.a b:1." DIGEST ".0123456789ab." SECRET,
		"ck1.h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1." DIGEST
		".0123456789ab." SECRET,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct jointoken t = {0};
		struct err err = {0};

		assert_true(jointoken_parse(bad[i], &t, &err) < 0);
		assert_true(err.text[0]);
		assert_int_equal(t.addrs.n, 0);
	}
}

static void check_hostport(const char *text, const char *host, uint16_t port)
{
	char *h = NULL;
	uint16_t p = 0;

	assert_int_equal(hostport_parse(text, 7677, &h, &p, NULL), 0);
	assert_string_equal(h, host);
	assert_int_equal(p, port);
	free(h);
}

static void test_hostport(void **state)
{
	char *h = NULL;
	uint16_t p = 0;

	(void)state;
	check_hostport("10.0.0.1", "10.0.0.1", 7677);
	check_hostport("10.0.0.1:0", "10.0.0.1", 0);
	check_hostport("fd00::1", "fd00::1", 7677);
	check_hostport("[fd00::1]", "fd00::1", 7677);
	check_hostport("[fd00::1]:9", "fd00::1", 9);
	assert_int_equal(hostport_parse("h:", 1, &h, &p, NULL), -EINVAL);
	assert_int_equal(hostport_parse("h:1x", 1, &h, &p, NULL), -EINVAL);
	assert_int_equal(hostport_parse("[::1", 1, &h, &p, NULL), -EINVAL);
	assert_int_equal(hostport_parse("", 1, &h, &p, NULL), -EINVAL);
	assert_null(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_hostport),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
