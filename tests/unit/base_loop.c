/* SPDX-License-Identifier: Apache-2.0
 * Timers, descriptors, signals, children and deferred calls on the loop. */
#include "base/loop.h"
#include "base/mem.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

struct seen {
	struct loop *loop;
	struct timer *timer;
	struct watch *watch;
	char order[64];
	int count, status;
	pid_t pid;
};

static void note(struct seen *s, char c)
{
	size_t n = strlen(s->order);
	if (n + 1 < sizeof(s->order))
		s->order[n] = c;
}

static void stop(void *arg)
{
	struct seen *s = arg;
	note(s, '.');
	loop_stop(s->loop);
}

static void note_a(void *arg)
{
	note(arg, 'a');
}

static void note_b(void *arg)
{
	note(arg, 'b');
}

static void test_timers(void **state)
{
	struct seen s = {.loop = loop_new()};
	(void)state;
	struct timer *a = timer_new(s.loop, note_a, &s), *b = timer_new(s.loop, note_b, &s);
	struct timer *end = timer_new(s.loop, stop, &s), *never = timer_new(s.loop, note_a, &s);
	assert_false(timer_is_set(a));
	timer_set(a, 5000);
	timer_set(a, 20); /* replaces */
	timer_set(b, 5);
	timer_set(never, 1);
	timer_stop(never);
	timer_set(end, 50);
	assert_true(timer_is_set(a));
	uint64_t from = clock_ms();
	loop_run(s.loop);
	assert_in_range(clock_ms() - from, 45, 2000);
	assert_string_equal(s.order, "ba.");
	assert_false(timer_is_set(a));
	timer_free(a);
	timer_free(b);
	timer_free(end);
	timer_free(never);
	timer_free(NULL);
	loop_free(s.loop);
	loop_free(NULL);
}

static void again(void *arg)
{
	struct seen *s = arg;
	note(s, 'a');
	if (++s->count < 3)
		timer_set(s->timer, 1);
	else {
		timer_free(s->timer); /* frees itself */
		loop_stop(s->loop);
	}
}

static void test_timer_sets_and_frees_itself(void **state)
{
	struct seen s = {.loop = loop_new()};
	(void)state;
	s.timer = timer_new(s.loop, again, &s);
	timer_set(s.timer, 1);
	loop_run(s.loop);
	assert_string_equal(s.order, "aaa");
	loop_free(s.loop);
}

static void deferring(void *arg)
{
	struct seen *s = arg;
	note(s, 'd');
	loop_defer(s->loop, note_b, s);
	loop_defer(s->loop, stop, s);
}

static void test_defer(void **state)
{
	struct seen s = {.loop = loop_new()};
	(void)state;
	loop_defer(s.loop, deferring, &s);
	loop_defer(s.loop, note_a, &s);
	loop_run(s.loop);
	assert_string_equal(s.order, "dab.");
	loop_defer(s.loop, note_a, &s); /* never run; freed with the loop */
	loop_free(s.loop);
}

static void on_pipe(int fd, unsigned flags, void *arg)
{
	struct seen *s = arg;
	char c;
	assert_true(flags & WATCH_READ);
	assert_int_equal(read(fd, &c, 1), 1);
	note(s, c);
	if (c != 'z')
		return; /* level-triggered: called again for the rest */
	watch_free(s->watch);
	loop_stop(s->loop);
}

static void test_watch_fd(void **state)
{
	struct seen s = {.loop = loop_new()};
	int ends[2];
	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "xyz", 3), 3);
	s.watch = watch_fd(s.loop, ends[0], WATCH_READ, on_pipe, &s);
	loop_run(s.loop);
	assert_string_equal(s.order, "xyz");
	close(ends[0]);
	close(ends[1]);
	loop_free(s.loop);
}

static void on_signal(int signo, void *arg)
{
	struct seen *s = arg;
	s->status = signo;
	loop_stop(s->loop);
}

static void test_signal(void **state)
{
	struct seen s = {.loop = loop_new()};
	(void)state;
	s.watch = watch_signal(s.loop, SIGUSR1, on_signal, &s);
	raise(SIGUSR1);
	loop_run(s.loop);
	assert_int_equal(s.status, SIGUSR1);
	watch_free(s.watch);
	loop_free(s.loop);
}

static void on_child(pid_t pid, int status, void *arg)
{
	struct seen *s = arg;
	s->pid = pid;
	s->status = status;
	s->count++;
	watch_free(s->watch);
	loop_stop(s->loop);
}

static int run_child(int how)
{
	struct seen s = {.loop = loop_new()};
	pid_t pid = fork();
	if (pid == 0) {
		if (how < 0)
			kill(getpid(), -how);
		_exit(how);
	}
	s.watch = watch_child(s.loop, pid, on_child, &s);
	loop_run(s.loop);
	assert_int_equal(s.pid, pid);
	assert_int_equal(s.count, 1);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1); /* reaped */
	loop_free(s.loop);
	return s.status;
}

static void test_children(void **state)
{
	(void)state;
	assert_int_equal(run_child(0), 0);
	int status = run_child(7);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	status = run_child(-SIGKILL);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_last(void **state)
{
	struct seen s = {.loop = loop_new()};
	(void)state;
	struct loop_last a = {.cb = note_a, .arg = &s}, b = {.cb = note_b, .arg = &s};
	loop_forget(&a); /* was not remembered */
	loop_remember(s.loop, &a);
	loop_remember(s.loop, &b);
	loop_forget(&b);
	loop_free(s.loop);
	assert_string_equal(s.order, "a");
}

static void test_clocks(void **state)
{
	(void)state;
	assert_true(clock_ms() > 0);
	assert_true(clock_wall_ms() > 1500000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers), cmocka_unit_test(test_timer_sets_and_frees_itself),
		cmocka_unit_test(test_defer),  cmocka_unit_test(test_watch_fd),
		cmocka_unit_test(test_signal), cmocka_unit_test(test_children),
		cmocka_unit_test(test_last),   cmocka_unit_test(test_clocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
