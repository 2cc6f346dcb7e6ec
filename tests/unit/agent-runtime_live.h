/* SPDX-License-Identifier: Apache-2.0
 * For tests of real containers: a runtime in a folder of its own, and waiting on its loop.
 *
 * Only where tests/cluster/runtime.sh made it safe (own namespaces): CARRACK_LIVE names a folder on
 * tmpfs with a busybox root in layer/, CARRACK_SHIM the shim. Everything is skipped otherwise. */
#pragma once
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
#include <time.h>

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
	char *want_path;
	enum rt_state want_state;
} t;

static inline void on_event(const char *id, const struct rt_status *st, void *arg)
{
	(void)arg;
	t.events++;
	if (t.until)
		timer_set(t.tick, 0);
	t.last = *st;
	snprintf(t.last_error, sizeof(t.last_error), "%s", st->error ?: "");
	if (getenv("CARRACK_LIVE_VERBOSE"))
		fprintf(stderr, "event %s state %d code %d error %s\n", id, st->state,
			st->exit_code, t.last_error);
}

static inline void on_tick(void *arg)
{
	(void)arg;
	t.met = t.until();
	if (t.met || clock_ms() > t.deadline)
		loop_stop(t.loop);
	else
		timer_set(t.tick, 3);
}

#define wait_until(fn) assert_true(wait_for(fn))
static inline bool wait_for(bool (*fn)(void))
{
	t.until = fn;
	t.deadline = clock_ms() + WAIT_MS;
	timer_set(t.tick, 0);
	loop_run(t.loop);
	return t.met;
}

static inline void open_runtime(void)
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

static inline void close_runtime(void)
{
	runtime_close(t.rt);
	timer_free(t.tick);
	loop_free(t.loop);
	t.rt = NULL;
}

static inline int group_setup(void **state)
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

static inline int group_teardown(void **state)
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

static inline bool reached(void)
{
	struct rt_status st;
	return runtime_status(t.rt, t.want_id, &st) == 0 && st.state >= t.want_state;
}

static inline struct rt_status wait_state(const char *id, enum rt_state state)
{
	struct rt_status st = {0};
	t.want_id = id;
	t.want_state = state;
	wait_until(reached);
	assert_int_equal(runtime_status(t.rt, id, &st), 0);
	return st;
}

/* A spec that runs `sh -c script`; spec_done after use. */
static inline struct rt_spec shell(const char *id, const char *script)
{
	struct rt_spec s = {.id = id, .shm_size = -1};
	strlist_add(&s.layers, t.layer);
	strlist_add(&s.args, "sh");
	strlist_add(&s.args, "-c");
	strlist_add(&s.args, script);
	return s;
}

static inline void start_spec(struct rt_spec *s)
{
	struct err err = {0};
	if (runtime_start(t.rt, s, &err) < 0)
		fail_msg("%s", err.text);
	strlist_done(&s->layers);
	strlist_done(&s->args);
}

static inline void start(const char *id, const char *script)
{
	struct rt_spec s = shell(id, script);
	start_spec(&s);
}

static inline bool children_gone(void)
{
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static inline bool is_gone(void)
{
	auto_free char *run = xasprintf("%s/containers/%s", t.run, t.want_id);
	auto_free char *cgroup = xasprintf("/sys/fs/cgroup/memory%s/%s", t.cgroup, t.want_id);
	auto_free char *cgroup2 = xasprintf("/sys/fs/cgroup%s/%s", t.cgroup, t.want_id);
	return !path_exists(run) && !path_exists(cgroup) && !path_exists(cgroup2);
}

static inline void delete (const char *id)
{
	struct err err = {0};
	if (runtime_delete(t.rt, id, true, &err) < 0)
		fail_msg("%s", err.text);
	struct rt_status st;
	assert_int_equal(runtime_status(t.rt, id, &st), -ENOENT);
	t.want_id = id;
	wait_until(is_gone);
}

static inline void on_line(const struct rt_log_line *l, void *arg)
{
	(void)arg;
	str_addf(&t.out, "%d:", l->stream);
	str_addn(&t.out, l->text, l->len);
	str_addc(&t.out, '\n');
}

static inline void on_log_end(void *arg)
{
	(void)arg;
	t.log_done = true;
}

static inline bool log_done(void)
{
	return t.log_done;
}

static inline const char *logs_of(const char *id, bool follow, int64_t tail)
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

static inline void on_exec_output(int stream, const void *data, size_t len, void *arg)
{
	(void)arg;
	str_addn(stream == 1 ? &t.out : &t.err, data, len);
}

static inline void on_exec_exit(int code, void *arg)
{
	(void)arg;
	t.exec_code = code;
	t.exec_done = true;
}

static inline bool exec_done(void)
{
	return t.exec_done;
}

static const struct rt_exec_ops exec_ops = {on_exec_output, on_exec_exit};

static inline struct rt_exec *exec_shell(const char *id, const char *script, bool tty,
					 bool stdin_open)
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

static inline bool saw_ready(void)
{
	return t.out.data && strstr(t.out.data, "ready");
}

static inline bool one_process(void)
{
	auto_free char *path =
		xasprintf("/sys/fs/cgroup/memory%s/%s/cgroup.procs", t.cgroup, t.want_id);
	auto_free char *text = NULL;
	if (file_read(path, 65536, &text, NULL, NULL) < 0)
		return true;
	const char *nl = strchr(text, '\n');
	return nl && !nl[1];
}
