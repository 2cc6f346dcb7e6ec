/* SPDX-License-Identifier: Apache-2.0
 * Limits to silence. */
#include "base/idle.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#define LIMIT_MS 60
#define HEARD_MS 40

struct seen {
	struct loop *loop;
	struct idle idle;
	uint64_t fired_ms;
	int fired, again;
};

static void on_quiet(void *arg)
{
	struct seen *s = arg;
	s->fired++;
	s->fired_ms = clock_ms();
	if (s->again-- > 0)
		idle_again(&s->idle);
	else
		loop_stop(s->loop);
}

static void hear(void *arg)
{
	struct seen *s = arg;
	idle_heard(&s->idle);
}

static void stop(void *arg)
{
	struct seen *s = arg;
	loop_stop(s->loop);
}

static void seen_begin(struct seen *s)
{
	*s = (struct seen){.loop = loop_new()};
	assert_non_null(s->loop);
	idle_set(&s->idle, s->loop, LIMIT_MS, on_quiet, s);
}

static void seen_end(struct seen *s)
{
	idle_done(&s->idle);
	loop_free(s->loop);
}

static void test_silence_is_told(void **state)
{
	(void)state;
	struct seen s;
	seen_begin(&s);
	uint64_t began = clock_ms();
	loop_run(s.loop);
	assert_int_equal(s.fired, 1);
	assert_true(s.fired_ms - began + 1 >= LIMIT_MS);
	seen_end(&s);
}

static void test_hearing_puts_it_off(void **state)
{
	(void)state;
	struct seen s;
	seen_begin(&s);
	struct timer *t = timer_new(s.loop, hear, &s);
	uint64_t began = clock_ms();
	timer_set(t, HEARD_MS);
	loop_run(s.loop);
	assert_int_equal(s.fired, 1);
	assert_true(s.fired_ms - began + 1 >= HEARD_MS + LIMIT_MS);
	timer_free(t);
	seen_end(&s);
}

static void test_waits_again(void **state)
{
	(void)state;
	struct seen s;
	seen_begin(&s);
	s.again = 2;
	loop_run(s.loop);
	assert_int_equal(s.fired, 3);
	seen_end(&s);
}

static void test_off(void **state)
{
	(void)state;
	struct seen s;
	seen_begin(&s);
	idle_set(&s.idle, s.loop, 0, on_quiet, &s);
	struct timer *t = timer_new(s.loop, stop, &s);
	timer_set(t, 2 * LIMIT_MS);
	loop_run(s.loop);
	assert_int_equal(s.fired, 0);
	timer_free(t);
	seen_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_silence_is_told),
		cmocka_unit_test(test_hearing_puts_it_off),
		cmocka_unit_test(test_waits_again),
		cmocka_unit_test(test_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
