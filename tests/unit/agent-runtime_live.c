/* SPDX-License-Identifier: Apache-2.0
 * Real containers: crun, the shim, cgroups. Only where tests/cluster/runtime.sh made it safe (own
 * namespaces); CARRACK_LIVE names a folder on tmpfs with a busybox root in layer/, CARRACK_SHIM the
 * shim. Skipped otherwise. */
#include "agent/runtime/runtime.h"
#include "base/fd.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define WAIT_MS 20000

static struct {
	const char *dir;
	char *run, *data, *layer, *cgroup;
	struct loop *loop;
	struct runtime *rt;
	int events;
	bool (*until)(void);
	struct timer *tick;
	uint64_t deadline;
	bool met;
	struct rt_status last; /* of the last event */
	char last_error[512];
	struct str out, err; /* of an exec; or log lines in out */
	int exec_code;
	bool exec_done, log_done;
	const char *want_id;
	enum rt_state want_state;
} t;

static void on_event(const char *id, const struct rt_status *st, void *arg)
{
	(void)arg;
	t.events++;
	t.last = *st;
	snprintf(t.last_error, sizeof(t.last_error), "%s", st->error ?: "");
	if (getenv("CARRACK_LIVE_VERBOSE"))
		fprintf(stderr, "event %s state %d code %d error %s\n", id, st->state,
			st->exit_code, t.last_error);
}

static void on_tick(void *arg)
{
	(void)arg;
	t.met = t.until();
	if (t.met || clock_ms() > t.deadline)
		loop_stop(t.loop);
	else
		timer_set(t.tick, 3);
}

#define wait_until(fn) assert_true(wait_for(fn))
static bool wait_for(bool (*fn)(void))
{
	t.until = fn;
	t.deadline = clock_ms() + WAIT_MS;
	timer_set(t.tick, 0);
	loop_run(t.loop);
	return t.met;
}

static void open_runtime(void)
{
	struct err err = {0};
	struct runtime_config c = {
		.run_dir = t.run,
		.data_dir = t.data,
		.shim = getenv("CARRACK_SHIM"),
		.cgroup_parent = t.cgroup,
		.log_max_bytes = 64 << 10,
		.log_files = 3,
	};
	t.loop = loop_new();
	t.tick = timer_new(t.loop, on_tick, NULL);
	if (runtime_open(t.loop, &c, on_event, NULL, &t.rt, &err) < 0)
		fail_msg("%s", err.text);
}

static void close_runtime(void)
{
	runtime_close(t.rt);
	timer_free(t.tick);
	loop_free(t.loop);
	t.rt = NULL;
}

static int group_setup(void **state)
{
	(void)state;
	t.dir = getenv("CARRACK_LIVE");
	if (!t.dir)
		return 0;
	t.run = xasprintf("%s/run", t.dir);
	t.data = xasprintf("%s/data", t.dir);
	t.layer = xasprintf("%s/layer", t.dir);
	t.cgroup = xasprintf("/%s", getenv("CARRACK_CGROUP") ?: "carrack-test");
	open_runtime();
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	if (!t.dir)
		return 0;
	close_runtime();
	str_done(&t.out);
	str_done(&t.err);
	free(t.run);
	free(t.data);
	free(t.layer);
	free(t.cgroup);
	return 0;
}

#define need_live()                                                                                \
	do {                                                                                       \
		if (!t.dir)                                                                        \
			skip();                                                                    \
	} while (0)

static bool reached(void)
{
	struct rt_status st;
	return runtime_status(t.rt, t.want_id, &st) == 0 && st.state >= t.want_state;
}

static struct rt_status wait_state(const char *id, enum rt_state state)
{
	struct rt_status st = {0};
	t.want_id = id;
	t.want_state = state;
	wait_until(reached);
	assert_int_equal(runtime_status(t.rt, id, &st), 0);
	return st;
}

/* A spec that runs `sh -c script`; spec_done after use. */
static struct rt_spec shell(const char *id, const char *script)
{
	struct rt_spec s = {.id = id, .shm_size = -1};
	strlist_add(&s.layers, t.layer);
	strlist_add(&s.args, "sh");
	strlist_add(&s.args, "-c");
	strlist_add(&s.args, script);
	return s;
}

static void start_spec(struct rt_spec *s)
{
	struct err err = {0};
	if (runtime_start(t.rt, s, &err) < 0)
		fail_msg("%s", err.text);
	strlist_done(&s->layers);
	strlist_done(&s->args);
}

static void start(const char *id, const char *script)
{
	struct rt_spec s = shell(id, script);
	start_spec(&s);
}

static bool children_gone(void)
{
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static bool is_gone(void)
{
	auto_free char *run = xasprintf("%s/containers/%s", t.run, t.want_id);
	auto_free char *cgroup = xasprintf("/sys/fs/cgroup/memory%s/%s", t.cgroup, t.want_id);
	auto_free char *cgroup2 = xasprintf("/sys/fs/cgroup%s/%s", t.cgroup, t.want_id);
	return !path_exists(run) && !path_exists(cgroup) && !path_exists(cgroup2);
}

static void delete (const char *id)
{
	struct err err = {0};
	if (runtime_delete(t.rt, id, true, &err) < 0)
		fail_msg("%s", err.text);
	struct rt_status st;
	assert_int_equal(runtime_status(t.rt, id, &st), -ENOENT);
	t.want_id = id;
	wait_until(is_gone);
}

static void on_line(const struct rt_log_line *l, void *arg)
{
	(void)arg;
	str_addf(&t.out, "%d:", l->stream);
	str_addn(&t.out, l->text, l->len);
	str_addc(&t.out, '\n');
}

static void on_log_end(void *arg)
{
	(void)arg;
	t.log_done = true;
}

static bool log_done(void)
{
	return t.log_done;
}

static const char *logs_of(const char *id, bool follow, int64_t tail)
{
	static const struct rt_logs_ops ops = {on_line, on_log_end};
	struct rt_logs *l;
	t.log_done = false;
	str_clear(&t.out);
	str_add(&t.out, "");
	assert_int_equal(runtime_logs(t.rt, id, follow, tail, NULL, &ops, NULL, &l, NULL), 0);
	wait_until(log_done);
	rt_logs_free(l);
	return t.out.data ?: "";
}

static void test_exit_codes(void **state)
{
	(void)state;
	need_live();
	start("exit0", "echo hello; echo oops >&2");
	struct rt_status st = wait_state("exit0", RT_ENDED);
	assert_int_equal(st.exit_code, 0);
	assert_null(st.error);
	assert_true(st.started_ms > 0 && st.ended_ms >= st.started_ms);
	const char *log = logs_of("exit0", false, -1);
	assert_non_null(strstr(log, "1:hello\n"));
	assert_non_null(strstr(log, "2:oops\n"));
	delete ("exit0");
	start("exit7", "exit 7");
	assert_int_equal(wait_state("exit7", RT_ENDED).exit_code, 7);
	delete ("exit7");
	start("killed", "kill -KILL $$; exit 0");
	struct rt_status k = wait_state("killed", RT_ENDED);
	assert_int_equal(k.exit_code, 0); /* the kernel shields PID 1 from itself */
	delete ("killed");
}

static void test_errors(void **state)
{
	(void)state;
	need_live();
	struct rt_spec s = shell("nocmd", "");
	strlist_done(&s.args);
	strlist_add(&s.args, "/no/such/thing");
	start_spec(&s);
	struct rt_status st = wait_state("nocmd", RT_ENDED);
	assert_int_equal(st.exit_code, 127);
	assert_non_null(strstr(st.error, "/no/such/thing"));
	print_message("%s\n", st.error);
	delete ("nocmd");
	struct err err = {0};
	struct rt_spec u = shell("nouser", "true");
	u.user = "ghost";
	assert_int_equal(runtime_start(t.rt, &u, &err), -ENOENT);
	assert_non_null(strstr(err.text, "'ghost'"));
	u.user = NULL;
	u.cwd = "/proc/self/fd/7";
	assert_true(runtime_start(t.rt, &u, &err) < 0);
	strlist_done(&u.layers);
	strlist_done(&u.args);
	t.want_id = "nouser";
	wait_until(is_gone);
}

static void test_view(void **state)
{
	(void)state;
	need_live();
	start("view", "ls -l /proc/self/fd | wc -l; ls /proc/self/fd; cat /etc/hostname; hostname; "
		      "id -u; pwd; grep Seccomp: /proc/self/status; grep CapEff /proc/self/status; "
		      "grep NoNewPrivs /proc/self/status; echo HOME=$HOME PATH=$PATH; "
		      "cat /etc/hosts | head -1; touch /x && echo wrote; "
		      "cat /proc/kcore 2>/dev/null | head -c 1 | wc -c; "
		      "echo 1 > /proc/sys/kernel/panic 2>/dev/null || echo refused; "
		      "unshare -m true 2>/dev/null || echo nounshare");
	assert_int_equal(wait_state("view", RT_ENDED).exit_code, 0);
	const char *log = logs_of("view", false, -1);
	print_message("%s", log);
	assert_non_null(strstr(log, "1:0\n1:1\n1:2\n1:3\n1:view\n1:view\n"));
	assert_non_null(strstr(log, "Seccomp:\t2"));
	assert_non_null(strstr(log, "1:wrote\n"));
	assert_non_null(strstr(log, "1:refused\n"));
	assert_non_null(strstr(log, "1:nounshare\n"));
	delete ("view");
}

static void test_kill_and_stop(void **state)
{
	(void)state;
	need_live();
	start("trap", "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.05; done");
	struct rt_status st = wait_state("trap", RT_RUNNING);
	assert_true(st.pid > 1);
	struct err err = {0};
	assert_int_equal(runtime_delete(t.rt, "trap", false, &err), -EBUSY);
	/* The trap is set when "ready" was written. */
	auto_free char *path = xasprintf("%s/containers/trap/log", t.data);
	for (int i = 0; i < 1000; i++) {
		auto_free char *text = NULL;
		if (file_read(path, 1 << 20, &text, NULL, NULL) == 0 && strstr(text, "ready"))
			break;
		usleep(5000);
	}
	assert_int_equal(runtime_kill(t.rt, "trap", "SIGTERM", &err), 0);
	assert_int_equal(wait_state("trap", RT_ENDED).exit_code, 3);
	delete ("trap");
	start("sleeper", "sleep 1000");
	wait_state("sleeper", RT_RUNNING);
	assert_int_equal(runtime_kill(t.rt, "sleeper", "KILL", &err), 0);
	st = wait_state("sleeper", RT_ENDED);
	assert_int_equal(st.exit_code, 137);
	assert_false(st.oom);
	assert_true(runtime_kill(t.rt, "sleeper", "KILL", &err) < 0);
	delete ("sleeper");
	start("forced", "sleep 1000");
	wait_state("forced", RT_RUNNING);
	delete ("forced");
	start("early", "sleep 1000"); /* taken away before it is known to run */
	delete ("early");
}

static void test_init(void **state)
{
	(void)state;
	need_live();
	struct rt_spec s = shell("inited", "(sleep 0.05 &) ; (sleep 0.1 &); cat /proc/1/comm; "
					   "trap 'exit 5' TERM; kill -TERM 1; sleep 10 & wait");
	s.init = true;
	start_spec(&s);
	assert_int_equal(wait_state("inited", RT_ENDED).exit_code, 5);
	assert_non_null(strstr(logs_of("inited", false, -1), "init"));
	delete ("inited");
}

static void test_limits(void **state)
{
	(void)state;
	need_live();
	struct rt_spec s = shell("limits", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes "
					   "/sys/fs/cgroup/memory.max 2>/dev/null; "
					   "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us "
					   "/sys/fs/cgroup/cpu.max 2>/dev/null;"
					   "cat /sys/fs/cgroup/pids/pids.max "
					   "/sys/fs/cgroup/pids.max 2>/dev/null; ulimit -n; "
					   "df -k /dev/shm | tail -1; id");
	s.memory = 64 << 20;
	s.cpus = 0.5;
	s.pids = 50;
	s.shm_size = 8 << 20;
	s.user = "1000:33";
	struct rt_limit lim = {(char[]){"nofile"}, 777, 1LL << 40};
	s.limits = &lim;
	s.n_limits = 1;
	start_spec(&s);
	assert_int_equal(wait_state("limits", RT_ENDED).exit_code, 0);
	const char *log = logs_of("limits", false, -1);
	print_message("%s", log);
	assert_non_null(strstr(log, "1:67108864\n"));
	assert_non_null(strstr(log, "1:50000"));
	assert_non_null(strstr(log, "1:50\n"));
	assert_non_null(strstr(log, "1:777\n"));
	assert_non_null(strstr(log, " 8192 "));
	assert_non_null(strstr(log, "uid=1000 gid=33"));
	delete ("limits");
}

static void test_oom(void **state)
{
	(void)state;
	need_live();
	struct rt_spec s = shell("oom", "x=a; while :; do x=$x$x; done");
	s.memory = 16 << 20;
	start_spec(&s);
	struct rt_status st = wait_state("oom", RT_ENDED);
	assert_int_equal(st.exit_code, 137);
	assert_true(st.oom);
	delete ("oom");
}

static void test_rotation(void **state)
{
	(void)state;
	need_live();
	start("rotate",
	      "i=0; while [ $i -lt 4000 ]; do echo line-$i-xxxxxxxxxxxxxxxxxxxxxxxxxxxxx; "
	      "i=$((i+1)); done; head -c 9000 /dev/zero | tr '\\0' y; echo; echo -n end");
	const char *log = logs_of("rotate", true, -1); /* follows from the start to the end */
	wait_state("rotate", RT_ENDED);
	const char *last = strstr(log, "line-3999-");
	assert_non_null(last);
	assert_non_null(strstr(log, "1:end\n"));
	const char *long_line = strstr(log, "1:yyyy");
	assert_non_null(long_line);
	assert_int_equal(strspn(long_line + 2, "y"), 9000);
	auto_free char *third = xasprintf("%s/containers/rotate/log.2", t.data);
	auto_free char *fourth = xasprintf("%s/containers/rotate/log.3", t.data);
	struct stat st;
	assert_int_equal(stat(third, &st), 0);
	assert_true(st.st_size <= 64 << 10);
	assert_false(path_exists(fourth));
	assert_string_equal(logs_of("rotate", false, 1), "1:end\n");
	assert_null(strstr(logs_of("rotate", false, 3), "line-3998"));
	assert_non_null(strstr(logs_of("rotate", false, 3), "1:line-3999"));
	delete ("rotate");
}

static void on_exec_output(int stream, const void *data, size_t len, void *arg)
{
	(void)arg;
	str_addn(stream == 1 ? &t.out : &t.err, data, len);
}

static void on_exec_exit(int code, void *arg)
{
	(void)arg;
	t.exec_code = code;
	t.exec_done = true;
}

static bool exec_done(void)
{
	return t.exec_done;
}

static const struct rt_exec_ops exec_ops = {on_exec_output, on_exec_exit};

static struct rt_exec *exec_shell(const char *id, const char *script, bool tty, bool stdin_open)
{
	struct rt_exec_spec s = {.tty = tty, .stdin_open = stdin_open};
	struct rt_exec *e = NULL;
	struct err err = {0};
	strlist_add(&s.args, "sh");
	strlist_add(&s.args, "-c");
	strlist_add(&s.args, script);
	strlist_add(&s.env, "EXTRA=yes");
	str_clear(&t.out);
	str_clear(&t.err);
	t.exec_done = false;
	if (runtime_exec(t.rt, id, &s, &exec_ops, NULL, &e, &err) < 0)
		fail_msg("%s", err.text);
	strlist_done(&s.args);
	strlist_done(&s.env);
	return e;
}

static bool saw_ready(void)
{
	return t.out.data && strstr(t.out.data, "ready");
}

static bool one_process(void)
{
	auto_free char *path =
		xasprintf("/sys/fs/cgroup/memory%s/%s/cgroup.procs", t.cgroup, t.want_id);
	auto_free char *text = NULL;
	if (file_read(path, 65536, &text, NULL, NULL) < 0)
		return true;
	const char *nl = strchr(text, '\n');
	return nl && !nl[1];
}

static void test_exec(void **state)
{
	(void)state;
	need_live();
	start("host", "exec sleep 1000");
	wait_state("host", RT_RUNNING);
	struct rt_exec *e =
		exec_shell("host", "echo out $EXTRA; echo err >&2; exit 9", false, false);
	wait_until(exec_done);
	rt_exec_free(e);
	assert_int_equal(t.exec_code, 9);
	assert_string_equal(t.out.data, "out yes\n");
	assert_string_equal(t.err.data, "err\n");
	e = exec_shell("host", "cat; echo; echo done", false, true);
	rt_exec_write(e, "typed", 5);
	rt_exec_close_stdin(e);
	wait_until(exec_done);
	rt_exec_free(e);
	assert_string_equal(t.out.data, "typed\ndone\n");
	e = exec_shell("host", "tty; stty size; echo ready; read x; echo got-$x; exit 4", true,
		       true);
	rt_exec_resize(e, 33, 99);
	wait_until(saw_ready);
	rt_exec_write(e, "abc\n", 4);
	wait_until(exec_done);
	rt_exec_free(e);
	print_message("%s", t.out.data);
	assert_int_equal(t.exec_code, 4);
	assert_non_null(strstr(t.out.data, "/dev/pts/"));
	assert_non_null(strstr(t.out.data, "got-abc"));
	e = exec_shell("host", "echo ready; exec sleep 500", false, false);
	wait_until(saw_ready);
	int signalled = -EAGAIN;
	for (int i = 0; i < 1000 && signalled == -EAGAIN; i++, usleep(2000))
		signalled = rt_exec_signal(e, "SIGUSR1");
	assert_int_equal(signalled, 0);
	wait_until(exec_done);
	assert_int_equal(t.exec_code, 128 + SIGUSR1);
	rt_exec_free(e);
	e = exec_shell("host", "echo ready; sleep 500", false, false);
	wait_until(saw_ready);
	rt_exec_free(e); /* kills */
	t.want_id = "host";
	wait_until(one_process);
	e = exec_shell("host", "ls /proc/self/fd", false, false);
	wait_until(exec_done);
	rt_exec_free(e);
	assert_string_equal(t.out.data, "0\n1\n2\n3\n");
	struct rt_exec_spec none = {0};
	strlist_add(&none.args, "nosuchprogram");
	t.exec_done = false;
	assert_int_equal(runtime_exec(t.rt, "host", &none, &exec_ops, NULL, &e, NULL), 0);
	wait_until(exec_done);
	print_message("%d %s", t.exec_code, t.err.data);
	rt_exec_free(e);
	strlist_done(&none.args);
	assert_true(t.exec_code != 0);
	delete ("host");
}

static void test_tty(void **state)
{
	(void)state;
	need_live();
	struct rt_spec s = shell("tty", "tty; echo $TERM");
	s.tty = true;
	start_spec(&s);
	assert_int_equal(wait_state("tty", RT_ENDED).exit_code, 0);
	const char *log = logs_of("tty", false, -1);
	assert_non_null(strstr(log, "/dev/"));
	assert_non_null(strstr(log, "xterm"));
	delete ("tty");
}

static void test_volumes(void **state)
{
	(void)state;
	need_live();
	auto_free char *volume = xasprintf("%s/volume", t.dir);
	auto_free char *copied = xasprintf("%s/volume/passwd", t.dir);
	assert_int_equal(dir_make(volume, 0755, NULL), 0);
	struct rt_mount m[] = {
		{.source = volume, .target = (char[]){"/etc"}, .copy_up = true},
		{.target = (char[]){"/scratch"}, .tmpfs = true, .options = (char[]){"size=1m"}},
	};
	struct rt_spec s = shell("vol", "head -1 /etc/passwd; touch /scratch/a && echo tmp; "
					"touch /ro 2>/dev/null || echo readonly; touch /etc/new");
	s.read_only = true;
	s.mounts = m;
	s.n_mounts = 2;
	start_spec(&s);
	assert_int_equal(wait_state("vol", RT_ENDED).exit_code, 0);
	const char *log = logs_of("vol", false, -1);
	assert_non_null(strstr(log, "1:root:"));
	assert_non_null(strstr(log, "1:tmp\n"));
	assert_non_null(strstr(log, "1:readonly\n"));
	assert_true(path_exists(copied));
	delete ("vol");
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_view),
		cmocka_unit_test(test_kill_and_stop),
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_oom),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_tty),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_adoption),
		cmocka_unit_test(test_killed_while_starting),
		cmocka_unit_test(test_shim_killed),
		cmocka_unit_test(test_no_leaks),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
