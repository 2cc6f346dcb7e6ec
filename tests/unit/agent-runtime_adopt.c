/* SPDX-License-Identifier: Apache-2.0
 * Real containers whose agent or supervisor is killed, and what is left of anything. */
#include "tests/unit/agent-runtime_live.h"

/* An agent that starts containers and is killed; the next finds them unharmed. */
static void test_adoption(void **state)
{
	(void)state;
	need_live();
	close_runtime();
	int ready[2];
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t agent = fork();
	if (agent == 0) {
		open_runtime();
		struct rt_spec s = shell("stays", "while :; do echo beat; sleep 0.02; done");
		kvlist_set(&s.labels, "task", "t1");
		start_spec(&s);
		struct rt_status st = wait_state("stays", RT_RUNNING);
		start("brief", "sleep 0.3; exit 6");
		wait_state("brief", RT_RUNNING);
		exec_shell("stays", "echo ready; sleep 600", false, false);
		wait_until(saw_ready);
		(void)!write(ready[1], &st.pid, sizeof(st.pid));
		for (;;)
			pause();
	}
	pid_t pid = 0;
	assert_int_equal(read(ready[0], &pid, sizeof(pid)), sizeof(pid));
	kill(agent, SIGKILL);
	waitpid(agent, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	usleep(500000);
	t.events = 0;
	open_runtime();
	struct rt_status st = wait_state("stays", RT_RUNNING);
	assert_int_equal(st.pid, pid);
	assert_string_equal(kvlist_get(runtime_labels(t.rt, "stays"), "task"), "t1");
	assert_int_equal(wait_state("brief", RT_ENDED).exit_code, 6);
	assert_true(t.events >= 2);
	delete ("brief");
	delete ("stays");
}

/* The agent is killed at random moments of a start; nothing may be left that a new one cannot
 * account for. */
static void test_killed_while_starting(void **state)
{
	(void)state;
	need_live();
	for (int i = 0; i < 25; i++) {
		close_runtime();
		pid_t agent = fork();
		if (agent == 0) {
			open_runtime();
			start("torn", "exec sleep 1000");
			wait_state("torn", RT_RUNNING);
			_exit(0);
		}
		usleep((useconds_t)(i * 1300));
		kill(agent, SIGKILL);
		waitpid(agent, NULL, 0);
		open_runtime();
		auto_strlist ids = {0};
		runtime_list(t.rt, &ids);
		for (size_t k = 0; k < ids.n; k++)
			delete (ids.v[k]);
		t.want_id = "torn";
		wait_until(is_gone);
	}
}

static size_t count_dir(const char *path)
{
	size_t n = 0;
	DIR *d = opendir(path);
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static void test_no_leaks(void **state)
{
	(void)state;
	need_live();
	wait_until(children_gone);
	size_t fds = count_dir("/proc/self/fd");
	for (int i = 0; i < 10; i++) {
		start("cycle", "true");
		wait_state("cycle", RT_ENDED);
		delete ("cycle");
	}
	wait_until(children_gone);
	assert_int_equal(count_dir("/proc/self/fd"), fds);
	auto_free char *mounts = NULL;
	assert_int_equal(file_read("/proc/self/mounts", 1 << 22, &mounts, NULL, NULL), 0);
	assert_null(strstr(mounts, "/rootfs overlay"));
}

static void test_shim_killed(void **state)
{
	(void)state;
	need_live();
	start("orphan", "sleep 1000");
	struct rt_status st = wait_state("orphan", RT_RUNNING);
	auto_free char *path = xasprintf("%s/containers/orphan/shim.pid", t.run), *text = NULL;
	assert_int_equal(file_read(path, 100, &text, NULL, NULL), 0);
	kill((pid_t)atoi(text), SIGTERM); /* nothing: a shim ignores what it can */
	kill((pid_t)atoi(text), SIGHUP);
	kill((pid_t)atoi(text), SIGKILL);
	struct rt_status end = wait_state("orphan", RT_ENDED);
	assert_int_equal(end.exit_code, 137);
	assert_non_null(end.error);
	delete ("orphan");
	assert_true(kill(st.pid, 0) < 0);
}

static int64_t pss_kb(pid_t pid)
{
	auto_free char *path = xasprintf("/proc/%d/smaps_rollup", (int)pid), *text = NULL;
	if (file_read(path, 1 << 16, &text, NULL, NULL) < 0)
		return -1;
	const char *at = strstr(text, "\nPss:");
	return at ? strtoll(at + 5, NULL, 10) : -1;
}

/* CARRACK_BENCH=N: the time from request to running, and the memory of N shims. */
static void test_bench(void **state)
{
	(void)state;
	const char *count = getenv("CARRACK_BENCH");
	if (!t.dir || !count)
		skip();
	int n = atoi(count);
	uint64_t sum = 0;
	for (int i = 0; i < n; i++) {
		auto_free char *id = xasprintf("bench%d", i);
		struct timespec a, b;
		clock_gettime(CLOCK_MONOTONIC, &a);
		start(id, "exec sleep 1000");
		wait_state(id, RT_RUNNING);
		clock_gettime(CLOCK_MONOTONIC, &b);
		sum += (uint64_t)((b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
	}
	int64_t pss = 0, one = 0;
	for (int i = 0; i < n; i++) {
		auto_free char *path = xasprintf("%s/containers/bench%d/shim.pid", t.run, i);
		auto_free char *text = NULL;
		assert_int_equal(file_read(path, 100, &text, NULL, NULL), 0);
		one = pss_kb((pid_t)atoi(text));
		pss += one;
	}
	print_message("bench start_us %llu shim_pss_kb %lld\n",
		      (unsigned long long)(sum / (uint64_t)n), (long long)(pss / n));
	for (int i = 0; i < n; i++) {
		auto_free char *id = xasprintf("bench%d", i);
		delete (id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adoption),    cmocka_unit_test(test_killed_while_starting),
		cmocka_unit_test(test_shim_killed), cmocka_unit_test(test_no_leaks),
		cmocka_unit_test(test_bench),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
