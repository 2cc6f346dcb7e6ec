/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/health.h"
#include "tests/unit/agent-core_fakes.h"

struct seen {
	int n;
	enum task_health last;
	char why[200];
};
static void on_change(enum task_health h, const char *why, void *arg)
{
	struct seen *s = arg;
	s->n++;
	s->last = h;
	snprintf(s->why, sizeof(s->why), "%s", why ? why : "");
}

static struct health *begin(struct seen *s, uint64_t start_period_ms, uint64_t ran_ms)
{
	struct plan_health cfg = {.on = true,
				  .interval_ms = 1000,
				  .timeout_ms = 300,
				  .start_period_ms = start_period_ms,
				  .start_interval_ms = 100,
				  .retries = 2};
	strlist_add(&cfg.args, "true");
	*s = (struct seen){0};
	struct health *h = health_new(NULL, NULL, "c", &cfg, ran_ms);
	health_listen(h, on_change, s);
	return h;
}

static void test_healthy_then_not(void **state)
{
	(void)state;
	struct seen s;
	struct health *h = begin(&s, 0, 0);
	assert_int_equal(health_now(h), HEALTH_STARTING);
	fake_advance(99);
	assert_int_equal(fake.execs, 0);
	fake_advance(1);
	fake_exec_end(0, NULL);
	assert_int_equal(s.last, HEALTH_HEALTHY);
	fake_advance(1000);
	fake_exec_end(1, "refused\n");
	assert_int_equal(s.n, 1); /* one failure is none */
	fake_advance(1000);
	fake_exec_end(1, "refused\n");
	assert_int_equal(s.last, HEALTH_UNHEALTHY);
	assert_string_equal(s.why, "health check ended with status 1: refused");
	fake_advance(1000);
	fake_exec_end(0, NULL);
	assert_int_equal(s.last, HEALTH_HEALTHY);
	health_free(h);
	fake_done();
}

static void test_start_period(void **state)
{
	(void)state;
	struct seen s;
	struct health *h = begin(&s, 1000, 0);
	for (int i = 0; i < 9; i++) {
		fake_advance(100);
		fake_exec_end(1, NULL);
	}
	assert_int_equal(s.n, 0);
	fake_advance(100);
	fake_exec_end(1, NULL); /* the period is over: counts */
	fake_advance(1000);
	fake_exec_end(1, NULL);
	assert_int_equal(s.last, HEALTH_UNHEALTHY);
	health_free(h);
	fake_done();
}

/* Quick checks after a start find what is ready early; their failures do not count. */
static void test_early(void **state)
{
	(void)state;
	struct seen s;
	struct health *h = begin(&s, 0, 0);
	static const unsigned at[] = {100, 200, 400, 300};
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		fake_advance(at[i] - 1);
		assert_int_equal(fake.execs, i);
		fake_advance(1);
		assert_int_equal(fake.execs, i + 1);
		fake_exec_end(1, NULL);
	}
	assert_int_equal(s.n, 0); /* the one at 1000 ms was the first that counts */
	fake_advance(1000);
	fake_exec_end(1, NULL);
	assert_int_equal(s.last, HEALTH_UNHEALTHY);
	health_free(h);
	fake_done();
}

static void test_timeout(void **state)
{
	(void)state;
	struct seen s;
	struct health *h = begin(&s, 0, 0);
	fake_advance(1300);
	assert_null(fake.exec_ops); /* ended by the limit */
	fake_advance(1300);
	assert_int_equal(s.last, HEALTH_UNHEALTHY);
	assert_string_equal(s.why, "health check took longer than 300 ms");
	health_free(h);
	fake_done();
}

static void test_adopted(void **state)
{
	(void)state;
	struct seen s;
	fake.now = 100000;
	struct health *h = begin(&s, 1000, 50000);
	assert_int_equal(health_now(h), HEALTH_HEALTHY);
	fake_advance(0);
	assert_int_equal(fake.execs, 1);
	health_free(h);
	assert_null(fake.exec_ops);
	fake_done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_healthy_then_not),
		cmocka_unit_test(test_start_period),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_adopted),
	};
	fake_unused();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
