/* SPDX-License-Identifier: Apache-2.0
 * Work in a forked copy: its lines, its whole text, its ends. */
#include "base/fd.h"
#include "base/forked.h"
#include "base/str.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <string.h>
#include <unistd.h>

struct seen {
	struct loop *loop;
	struct str lines, rest;
	enum forked_end how;
	int ends;
};

static void on_line(const char *text, size_t len, void *arg)
{
	struct seen *s = arg;
	str_addn(&s->lines, text, len);
	str_addc(&s->lines, '|');
}

static void on_end(enum forked_end how, const char *text, size_t len, void *arg)
{
	struct seen *s = arg;
	str_addn(&s->rest, text, len);
	s->how = how;
	s->ends++;
	loop_stop(s->loop);
}

static void say(int out, void *arg)
{
	(void)arg;
	(void)fd_write_all(out, "one\ntwo\nthr", 11);
}

static void fail_after(int out, void *arg)
{
	say(out, arg);
	_exit(3);
}

static void sleep_long(int out, void *arg)
{
	(void)out;
	(void)arg;
	for (;;)
		pause();
}

static void flood(int out, void *arg)
{
	(void)arg;
	static const char much[4096];
	while (fd_write_all(out, much, sizeof(much)) == 0)
		continue;
}

static void run(struct seen *s, struct forked_spec spec)
{
	struct forked *f = NULL;
	struct err err = {0};
	s->loop = loop_new();
	spec.arg = s;
	spec.end = on_end;
	assert_int_equal(forked_start(s->loop, &spec, &f, &err), 0);
	loop_run(s->loop);
	forked_free(f);
	loop_free(s->loop);
	assert_int_equal(s->ends, 1);
}

static void done(struct seen *s)
{
	str_done(&s->lines);
	str_done(&s->rest);
}

static void test_lines(void **state)
{
	(void)state;
	struct seen s = {0};
	run(&s, (struct forked_spec){.work = say,
				     .line = on_line,
				     .limit_ms = 60000,
				     .max_bytes = 100});
	assert_int_equal(s.how, FORKED_OK);
	assert_string_equal(s.lines.data, "one|two|");
	assert_int_equal(s.rest.len, 3);
	done(&s);
}

static void test_text_and_status(void **state)
{
	(void)state;
	struct seen s = {0}, bad = {0};
	run(&s, (struct forked_spec){.work = say, .limit_ms = 60000, .max_bytes = 100});
	assert_int_equal(s.how, FORKED_OK);
	assert_int_equal(s.rest.len, 11);
	run(&bad, (struct forked_spec){.work = fail_after, .limit_ms = 60000, .max_bytes = 100});
	assert_int_equal(bad.how, FORKED_DIED);
	assert_int_equal(bad.rest.len, 11);
	done(&s);
	done(&bad);
}

static void test_limits(void **state)
{
	(void)state;
	struct seen late = {0}, large = {0};
	run(&late, (struct forked_spec){.work = sleep_long, .limit_ms = 1, .max_bytes = 100});
	assert_int_equal(late.how, FORKED_LATE);
	run(&large, (struct forked_spec){.work = flood, .limit_ms = 60000, .max_bytes = 10000});
	assert_int_equal(large.how, FORKED_LARGE);
	done(&late);
	done(&large);
}

/* Freed while it works: the child is gone, nobody is called. */
static void test_freed(void **state)
{
	(void)state;
	struct seen s = {.loop = loop_new()};
	struct forked *f = NULL;
	struct err err = {0};
	const struct forked_spec spec = {.work = sleep_long,
					 .end = on_end,
					 .arg = &s,
					 .limit_ms = 60000,
					 .max_bytes = 100};
	assert_int_equal(forked_start(s.loop, &spec, &f, &err), 0);
	forked_free(f);
	loop_free(s.loop);
	assert_int_equal(s.ends, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_text_and_status),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_freed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
