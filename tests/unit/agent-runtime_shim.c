/* SPDX-License-Identifier: Apache-2.0
 * carrack-shim as a program, with a shell script in the place of the OCI runtime: what it records,
 * logs and survives. Needs no rights. CARRACK_SHIM, or the release build; skipped without. */
#include "base/fd.h"
#include "base/str.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char *shim;
static char dir[64];

static int setup(void **state)
{
	(void)state;
	shim = getenv("CARRACK_SHIM") ?: "build/release/carrack-shim";
	if (access(shim, X_OK) < 0)
		shim = NULL;
	snprintf(dir, sizeof(dir), "/tmp/carrack-shim-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return dir_remove(dir, NULL);
}

static char *path_in(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static char *text_of(const char *name)
{
	auto_free char *path = path_in(name);
	char *text = NULL;
	return file_read(path, 1 << 20, &text, NULL, NULL) < 0 ? NULL : text;
}

/* The OCI runtime as a shell script. */
static void write_runtime(const char *body)
{
	auto_free char *path = path_in("crun");
	auto_free char *text = xasprintf("#!/bin/sh\n%s\n", body);
	assert_int_equal(file_replace(path, text, strlen(text), 0755, NULL), 0);
}

/* A runtime that starts a script as the container and ends: this program, because a shell may reap
 * what it started, and a runtime does not. */
static void write_container(const char *script)
{
	char self[PATH_MAX] = "";
	auto_free char *path = path_in("script");
	assert_int_equal(file_replace(path, script, strlen(script), 0644, NULL), 0);
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	auto_free char *body = xasprintf("exec '%s' runtime script", self);
	write_runtime(body);
}

static int runtime_main(const char *script)
{
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", script, NULL);
		_exit(127);
	}
	auto_free char *text = xasprintf("%d", pid);
	return file_replace("pid", text, strlen(text), 0600, NULL) < 0;
}

/* Runs the shim to the end of its fork; returns the report pipe. */
static int run_shim(const char *flags)
{
	auto_free char *crun = path_in("crun"), *lock_path = path_in("shim.pid");
	int report[2];
	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		int run = fcntl(open(dir, O_PATH | O_DIRECTORY), F_DUPFD, 20);
		int lock = fcntl(open(lock_path, O_RDWR | O_CREAT, 0600), F_DUPFD, 20);
		int told = fcntl(report[1], F_DUPFD, 20), null = open("/dev/null", O_RDWR);
		flock(lock, LOCK_EX);
		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
		dup2(told, 3);
		dup2(run, 4);
		dup2(run, 5);
		dup2(lock, 6);
		execl(shim, "carrack-shim", "run", "id", crun, "/none", "100000", "3", flags, NULL);
		_exit(99);
	}
	int status;
	close(report[1]);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	return report[0];
}

static char *wait_exit(void)
{
	for (int i = 0; i < 2000; i++) {
		char *text = text_of("exit");
		if (text)
			return text;
		usleep(5000);
	}
	fail_msg("the shim wrote no exit file");
	return NULL;
}

static void clean(void)
{
	static const char *const names[] = {"exit", "log", "pid", "script", "shim.pid", "stdin"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		auto_free char *path = path_in(names[i]);
		unlink(path);
	}
}

static void test_exit_and_log(void **state)
{
	(void)state;
	if (!shim)
		skip();
	clean();
	write_container("echo out; echo err >&2; exit 5");
	int report = run_shim("-");
	char byte = 0;
	assert_int_equal(read(report, &byte, 1), 1);
	close(report);
	auto_free char *text = wait_exit(), *log = text_of("log");
	assert_int_equal(strncmp(text, "5 0 1", 5), 0);
	assert_non_null(strstr(log, "Z stdout F out\n"));
	assert_non_null(strstr(log, "Z stderr F err\n"));
}

static void test_signalled(void **state)
{
	(void)state;
	if (!shim)
		skip();
	clean();
	write_container("kill -SEGV $$");
	close(run_shim("-"));
	auto_free char *text = wait_exit();
	assert_int_equal(strncmp(text, "139 11 ", 7), 0);
}

/* A runtime that takes the container's status for itself: the end is still recorded. */
static void test_reaped(void **state)
{
	(void)state;
	if (!shim)
		skip();
	clean();
	write_runtime("sleep 0 & echo $! >pid; wait");
	close(run_shim("-"));
	auto_free char *text = wait_exit();
	assert_int_equal(strncmp(text, "255 0 ", 6), 0);
}

static void test_runtime_fails(void **state)
{
	(void)state;
	if (!shim)
		skip();
	clean();
	write_runtime("printf 'it broke:\\n\\033[1mbadly\\n' >&2; exit 1");
	int report = run_shim("-");
	char byte = 0;
	assert_int_equal(read(report, &byte, 1), 0); /* closed without a word */
	close(report);
	auto_free char *text = wait_exit();
	assert_non_null(strstr(text, " it broke:  [1mbadly\n"));
	clean();
	auto_free char *crun = path_in("crun");
	unlink(crun);
	close(run_shim("-"));
	auto_free char *none = wait_exit();
	assert_non_null(strstr(none, "is crun installed"));
}

/* Signals do not end it; a child left behind with the pipe does not hold it up for ever. */
static void test_survives(void **state)
{
	(void)state;
	if (!shim)
		skip();
	clean();
	write_container("sleep 30 & read x; echo got $x; exit 2");
	int report = run_shim("-i");
	char byte;
	assert_int_equal(read(report, &byte, 1), 1);
	close(report);
	auto_free char *pids = text_of("shim.pid");
	pid_t pid = (pid_t)atoi(pids);
	assert_true(pid > 1);
	kill(pid, SIGHUP);
	kill(pid, SIGTERM);
	kill(pid, SIGINT);
	kill(pid, SIGPIPE);
	auto_free char *fifo = path_in("stdin");
	int in = open(fifo, O_WRONLY | O_CLOEXEC);
	assert_true(in >= 0);
	assert_int_equal(write(in, "hello\n", 6), 6);
	close(in);
	auto_free char *text = wait_exit();
	assert_int_equal(strncmp(text, "2 0 ", 4), 0);
	auto_free char *log = text_of("log");
	assert_non_null(strstr(log, "got hello\n"));
}

static int run_init(const char *script)
{
	pid_t pid = fork();
	if (pid == 0) {
		execl(shim, "carrack-shim", "init", "--", "sh", "-c", script, NULL);
		_exit(99);
	}
	int status = 0;
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void test_init(void **state)
{
	(void)state;
	if (!shim)
		skip();
	assert_int_equal(run_init("exit 7"), 7);
	assert_int_equal(run_init("kill -KILL $$"), 137);
	assert_int_equal(run_init("trap 'exit 8' USR1; kill -USR1 $PPID; sleep 5 & wait"), 8);
}

int main(int argc, char **argv)
{
	if (argc == 3 && streq(argv[1], "runtime"))
		return runtime_main(argv[2]);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_and_log), cmocka_unit_test(test_signalled),
		cmocka_unit_test(test_reaped),       cmocka_unit_test(test_runtime_fails),
		cmocka_unit_test(test_survives),     cmocka_unit_test(test_init),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
