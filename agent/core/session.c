/* SPDX-License-Identifier: Apache-2.0
 * One session: a connection on one side, an exec or a log reader on the other. */
#include "agent/core/session.h"
#include "agent/core/netcheck.h"
#include "agent/core/nettrace.h"
#include "agent/core/taskset.h"
#include "agent/core/tunnelkey.h"
#include "agent/core/uplink.h"
#include "base/conn.h"
#include "base/log.h"
#include "base/mem.h"
#include "manifests/wire.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>

#define ARGS_MAX 4096

struct session {
	struct sessions *all;
	struct session *next, **link;
	struct conn *conn;
	json_t *msg;
	struct rt_exec *exec;
	struct rt_logs *logs;
	struct nodeask *ask;
	bool paused;
};
struct sessions {
	struct core *core;
	struct session *first;
	size_t n;
};

/* Ends the work; the connection is the caller's matter. */
static void session_drop(struct session *s)
{
	rt_exec_free(s->exec);
	rt_logs_free(s->logs);
	nodeask_free(s->ask);
	json_decref(s->msg);
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	s->all->n--;
	free(s);
}

static void send_json(struct session *s, uint8_t type, json_t *j_taken)
{
	auto_json *j = j_taken;
	auto_free char *text = json_text(j);
	conn_frame(s->conn, type, text, strlen(text));
}

static void session_finish(struct session *s)
{
	conn_flush_close(s->conn);
	session_drop(s);
}

static void session_fail(struct session *s, const struct err *err)
{
	send_json(s, SESSION_ERROR, json_pack("{s:s}", "error", err_text(err)));
	session_finish(s);
}

static void pause_output(struct session *s, bool paused)
{
	if (s->paused == paused)
		return;
	s->paused = paused;
	if (s->exec)
		rt_exec_pause(s->exec, paused);
	if (s->logs)
		rt_logs_pause(s->logs, paused);
}

static void after_output(struct session *s)
{
	if (conn_pending(s->conn) > SESSION_PENDING)
		pause_output(s, true);
}

static void on_exec_output(int stream, const void *data, size_t len, void *arg)
{
	struct session *s = arg;
	conn_frame(s->conn, stream == 2 ? SESSION_STDERR : SESSION_STDOUT, data, len);
	after_output(s);
}

static void on_exec_exit(int code, void *arg)
{
	struct session *s = arg;
	send_json(s, SESSION_EXIT, json_pack("{s:i}", "code", code));
	session_finish(s);
}

static int start_exec(struct session *s, const char *task, struct err *err)
{
	static const struct rt_exec_ops ops = {.output = on_exec_output, .exit = on_exec_exit};
	struct rt_exec_spec spec = {
		.cwd = json_str(s->msg, "workdir"),
		.user = json_str(s->msg, "user"),
		.tty = json_bool(s->msg, "tty", false),
		.stdin_open = json_bool(s->msg, "stdin", false),
	};
	auto_strlist args = {0}, env = {0};
	json_strlist(s->msg, "cmd", &args);
	if (args.n == 0 || args.n > ARGS_MAX)
		return err_set(err, -EINVAL, "exec needs a command of 1 to %d words", ARGS_MAX);
	struct kvlist vars = {0};
	json_kvlist(s->msg, "env", &vars);
	for (size_t i = 0; i < vars.n; i++)
		strlist_addf(&env, "%s=%s", vars.v[i].k, vars.v[i].v ? vars.v[i].v : "");
	kvlist_done(&vars);
	spec.args = args; /* borrowed during the call */
	spec.env = env;
	return runtime_exec(s->all->core->runtime, task, &spec, &ops, s, &s->exec, err);
}

static void on_log_line(const struct rt_log_line *l, void *arg)
{
	struct session *s = arg;
	json_t *j = json_object();
	json_put_str(j, "ts", l->ts);
	json_put_str(j, "stream", l->stream == 2 ? "stderr" : "stdout");
	/* Containers may write anything; what is not UTF-8 becomes U+FFFD. */
	json_t *text = json_stringn(l->text, l->len);
	if (!text) {
		auto_str clean = {0};
		for (size_t i = 0; i < l->len; i++) {
			if ((unsigned char)l->text[i] < 0x80)
				str_addc(&clean, l->text[i]);
			else
				str_add(&clean, "\xef\xbf\xbd");
		}
		text = json_stringn(clean.data ? clean.data : "", clean.len);
	}
	json_object_set_new(j, "text", text);
	send_json(s, SESSION_LOG, j);
	after_output(s);
}

static void on_log_end(void *arg)
{
	struct session *s = arg;
	send_json(s, SESSION_EXIT, json_pack("{s:i}", "code", 0));
	session_finish(s);
}

static int start_logs(struct session *s, const char *task, struct err *err)
{
	static const struct rt_logs_ops ops = {.line = on_log_line, .end = on_log_end};
	int64_t tail = json_int(s->msg, "tail", -1);
	return runtime_logs(s->all->core->runtime, task, json_bool(s->msg, "follow", false),
			    tail < 0 ? -1 : tail, json_str(s->msg, "since"), &ops, s, &s->logs,
			    err);
}

static void on_check_line(json_t *finding_taken, void *arg)
{
	send_json(arg, SESSION_LOG, finding_taken);
}

static void on_check_end(int code, void *arg)
{
	on_exec_exit(code, arg);
}

static int rotate_key(struct session *s, struct err *err)
{
	struct core *c = s->all->core;
	if (!c->tunnelkey)
		return err_set(err, -EOPNOTSUPP,
			       "this node cannot encrypt, so it has no key; see carrack doctor");
	int r = tunnelkey_rotate(c->tunnelkey, err);
	if (r == 0)
		on_exec_exit(0, s);
	return r;
}

/* *known: the kind is one of a node's. */
static int start_of_node(struct session *s, const char *kind, bool *known, struct err *err)
{
	static const struct nodeask_ops ops = {.line = on_check_line, .end = on_check_end};
	struct core *c = s->all->core;
	*known = true;
	if (streq(kind, "rotate-key"))
		return rotate_key(s, err);
	if (streq(kind, "net-repair")) {
		if (c->uplink)
			uplink_send(c->uplink, WIRE_RESYNC, json_object());
		return netcheck_repair(c, s->msg, &ops, s, err);
	}
	nodeask_fn fn = streq(kind, "net-check")   ? netcheck_work
			: streq(kind, "net-trace") ? nettrace_work
						   : NULL;
	if (fn)
		return nodeask_start(c, fn, s->msg, &ops, s, &s->ask, err);
	*known = false;
	return 0;
}

static int session_start(struct session *s, struct err *err)
{
	const char *task = json_str_or(s->msg, "task", "");
	const char *kind = json_str_or(s->msg, "kind", "");
	bool of_node = false;
	int r = start_of_node(s, kind, &of_node, err);
	if (of_node)
		return r;
	const struct nodetask *t = taskset_find(s->all->core->tasks, task);
	if (!t)
		return err_set(err, -ENOENT, "task \"%s\" is not on this node", task);
	if (streq(kind, "logs"))
		return start_logs(s, task, err);
	if (!streq(kind, "exec"))
		return err_set(err, -EINVAL, "sessions of kind \"%s\" are unknown here", kind);
	if (nodetask_state_now(t) != TASK_RUNNING)
		return err_set(err, -EINVAL, "task \"%s\" is %s, not running", task,
			       task_state_name(nodetask_state_now(t)));
	return start_exec(s, task, err);
}

static void on_open(struct conn *c, void *arg)
{
	struct session *s = arg;
	(void)c;
	struct err err = {0};
	if (session_start(s, &err) < 0)
		session_fail(s, &err);
}

static void on_signal(struct session *s, const json_t *msg)
{
	const char *name = json_str_or(msg, "signal", "");
	for (const char *p = name; *p; p++) {
		if (!isalnum((unsigned char)*p) && *p != '+')
			return;
	}
	if (*name && strlen(name) < 32)
		rt_exec_signal(s->exec, name);
}

static void on_frame(struct conn *c, uint8_t type, const void *data, size_t len, void *arg)
{
	struct session *s = arg;
	(void)c;
	if (!s->exec)
		return;
	if (type == SESSION_STDIN) {
		rt_exec_write(s->exec, data, len);
	} else if (type == SESSION_STDIN_END) {
		rt_exec_close_stdin(s->exec);
	} else if (type == SESSION_RESIZE || type == SESSION_SIGNAL) {
		auto_json *msg = json_parse(data, len, NULL);
		if (type == SESSION_SIGNAL)
			on_signal(s, msg);
		else
			rt_exec_resize(s->exec, (unsigned)json_int(msg, "rows", 0) & 0xffff,
				       (unsigned)json_int(msg, "cols", 0) & 0xffff);
	}
}

static void on_drain(struct conn *c, void *arg)
{
	(void)c;
	pause_output(arg, false);
}

static void on_close(struct conn *c, const char *why, void *arg)
{
	(void)c;
	log_debug("agent", "a session ended: %s", why);
	session_drop(arg);
}

struct sessions *sessions_new(struct core *c)
{
	struct sessions *all = xcalloc(1, sizeof(*all));
	all->core = c;
	return all;
}

void sessions_free(struct sessions *all)
{
	if (!all)
		return;
	while (all->first) {
		conn_close(all->first->conn);
		session_drop(all->first);
	}
	free(all);
}

static bool id_valid(const char *id)
{
	if (!id || !*id || strlen(id) > 64)
		return false;
	for (const char *p = id; *p; p++) {
		if (!isalnum((unsigned char)*p))
			return false;
	}
	return true;
}

void sessions_begin(struct sessions *all, const json_t *msg)
{
	static const struct conn_ops ops = {.on_open = on_open,
					    .on_frame = on_frame,
					    .on_drain = on_drain,
					    .on_close = on_close};
	const char *id = json_str(msg, "session");
	if (!id_valid(id) || !all->core->uplink)
		return;
	if (all->n >= SESSION_MAX) {
		log_warn("agent", "%d sessions are open; another was refused", SESSION_MAX);
		return;
	}
	struct session *s = xcalloc(1, sizeof(*s));
	s->all = all;
	s->msg = json_deep_copy(msg);
	s->next = all->first;
	s->link = &all->first;
	if (s->next)
		s->next->link = &s->next;
	all->first = s;
	all->n++;
	auto_free char *path = xasprintf("/v1/agent/session/%s", id);
	s->conn = uplink_dial(all->core->uplink, path, &ops, s);
}
