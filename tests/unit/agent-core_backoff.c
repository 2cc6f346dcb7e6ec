/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/restart.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool next(struct restart *r, const struct spec_service *s, bool failed, uint64_t ran_ms,
		 uint64_t now_ms, uint64_t *delay)
{
	struct restart_end e = {.failed = failed, .ran_ms = ran_ms, .now_ms = now_ms};
	return restart_decide(r, s, &e, delay);
}

static void test_no(void **state)
{
	(void)state;
	struct spec_service s = {.restart = RESTART_NO, .restart_max = -1};
	struct restart r = {0};
	uint64_t d;
	assert_false(next(&r, &s, true, 0, 0, &d));
	assert_int_equal(r.count, 0);
}

static void test_doubles_and_resets(void **state)
{
	(void)state;
	struct spec_service s = {.restart = RESTART_ALWAYS, .restart_max = -1};
	struct restart r = {0};
	uint64_t d = 0;
	uint64_t want[] = {100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000};
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		assert_true(next(&r, &s, false, 5, 0, &d));
		assert_int_equal(d, want[i]);
	}
	assert_true(next(&r, &s, false, 10000, 0, &d));
	assert_int_equal(d, 100);
	assert_int_equal(r.count, 13);
}

static void test_on_failure(void **state)
{
	(void)state;
	struct spec_service s = {.restart = RESTART_ON_FAILURE, .restart_max = 2};
	struct restart r = {0};
	uint64_t d;
	assert_false(next(&r, &s, false, 0, 0, &d));
	assert_true(next(&r, &s, true, 0, 0, &d));
	assert_true(next(&r, &s, true, 0, 0, &d));
	assert_false(next(&r, &s, true, 0, 0, &d));
}

static void test_policy_wins(void **state)
{
	(void)state;
	struct spec_service s = {.restart = RESTART_ALWAYS,
				 .restart_policy = {.set = true,
						    .condition = RESTART_ON_FAILURE,
						    .delay = -1,
						    .window = 1000000000,
						    .max_attempts = 2}};
	struct restart r = {0};
	uint64_t d = 0;
	assert_false(next(&r, &s, false, 0, 0, &d));
	assert_true(next(&r, &s, true, 0, 100, &d));
	assert_int_equal(d, 5000);
	assert_true(next(&r, &s, true, 0, 200, &d));
	assert_false(next(&r, &s, true, 0, 300, &d));
	assert_true(next(&r, &s, true, 0, 1200, &d)); /* another window */
	s.restart_policy.condition = RESTART_NO;
	assert_false(next(&r, &s, true, 0, 1200, &d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no),
		cmocka_unit_test(test_doubles_and_resets),
		cmocka_unit_test(test_on_failure),
		cmocka_unit_test(test_policy_wins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
