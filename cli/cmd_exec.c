/* SPDX-License-Identifier: Apache-2.0
 * `carrack exec`: a command in a container, with its input, output, terminal, signals and status. */
#include "base/http.h"
#include "base/loop.h"
#include "cli/client.h"
#include "cli/cmds.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/resolve.h"
#include "manifests/wire.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define CHUNK        (32 << 10)
#define PENDING_HIGH (256u << 10) /* unsent input at which standard input is left alone */

struct exec_opts {
	bool interactive, tty;
	const char *user, *workdir;
	struct strlist env;
};
struct exec {
	const struct exec_opts *o;
	struct loop *loop;
	struct conn *conn;
	struct watch *input;        /* standard input, where it can be waited for */
	bool input_file, input_end; /* a plain file or device is just read */
	struct watch *signals[5];
	struct termios saved;
	bool raw;
	int status; /* of the command; -1: not known */
};

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static void finish(struct exec *x, int status)
{
	x->status = status;
	loop_stop(x->loop);
}

static void send_size(struct exec *x)
{
	struct winsize w;
	auto_free char *text = NULL;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) != 0)
		return;
	text = xasprintf("{\"rows\":%u,\"cols\":%u}", w.ws_row, w.ws_col);
	conn_frame(x->conn, SESSION_RESIZE, text, strlen(text));
}

static void input_stop(struct exec *x)
{
	watch_free(x->input);
	x->input = NULL;
}

/* One read of standard input; false when there is no more. */
static bool input_read(struct exec *x)
{
	char buf[CHUNK];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0) {
		conn_frame(x->conn, SESSION_STDIN_END, NULL, 0);
		x->input_end = true;
		input_stop(x);
		return false;
	}
	conn_frame(x->conn, SESSION_STDIN, buf, (size_t)n);
	return true;
}

static void on_input(int fd, unsigned flags, void *arg);

static void input_start(struct exec *x)
{
	if (x->input_end || !x->o->interactive)
		return;
	if (x->input_file) {
		while (conn_pending(x->conn) < PENDING_HIGH && input_read(x))
			;
		/* Wait only when there is something to send: on_drain goes on. */
	} else if (!x->input) {
		x->input = watch_fd(x->loop, STDIN_FILENO, WATCH_READ, on_input, x);
	}
}

static void on_input(int fd, unsigned flags, void *arg)
{
	struct exec *x = arg;

	(void)fd, (void)flags;
	if (input_read(x) && conn_pending(x->conn) >= PENDING_HIGH)
		input_stop(x);
}

static void on_drain(struct conn *c, void *arg)
{
	(void)c;
	input_start(arg);
}

static void on_open(struct conn *c, void *arg)
{
	struct exec *x = arg;

	x->conn = c;
	if (x->o->tty)
		send_size(x);
	if (x->o->interactive)
		input_start(x);
	else
		conn_frame(c, SESSION_STDIN_END, NULL, 0);
}

static void on_frame(struct conn *c, uint8_t type, const void *data, size_t len, void *arg)
{
	struct exec *x = arg;
	auto_json *j = NULL;

	(void)c;
	switch ((enum session_type)type) {
	case SESSION_STDOUT:
		if (write_all(STDOUT_FILENO, data, len))
			finish(x, 1);
		return;
	case SESSION_STDERR:
		if (write_all(STDERR_FILENO, data, len))
			finish(x, 1);
		return;
	case SESSION_EXIT:
		j = json_parse(data, len, NULL);
		finish(x, (int)json_int(j, "code", 1) & 0xff);
		return;
	case SESSION_ERROR:
		j = json_parse(data, len, NULL);
		out_error("%s", json_str_or(j, "error", "the agent refused"));
		finish(x, 1);
		return;
	case SESSION_STDIN:
	case SESSION_STDIN_END:
	case SESSION_RESIZE:
	case SESSION_SIGNAL:
	case SESSION_LOG:
		return;
	}
}

static void on_close(struct conn *c, const char *why, void *arg)
{
	struct exec *x = arg;

	(void)c;
	x->conn = NULL;
	if (x->status < 0) {
		out_error("%s", why);
		finish(x, 1);
	}
}

static void on_signal(int signo, void *arg)
{
	struct exec *x = arg;
	auto_free char *text = NULL;

	if (!x->conn)
		return;
	if (signo == SIGWINCH) {
		send_size(x);
		return;
	}
	text = xasprintf("{\"signal\":\"%s\"}", sigabbrev_np(signo));
	conn_frame(x->conn, SESSION_SIGNAL, text, strlen(text));
}

/* With a terminal the keys themselves travel; without one, signals that reach us do. */
static void signals_start(struct exec *x)
{
	static const int forwarded[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP};

	if (x->o->tty) {
		x->signals[0] = watch_signal(x->loop, SIGWINCH, on_signal, x);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(forwarded); i++)
		x->signals[i] = watch_signal(x->loop, forwarded[i], on_signal, x);
}

static void terminal_raw(struct exec *x)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &x->saved) != 0)
		return;
	t = x->saved;
	cfmakeraw(&t);
	x->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &t) == 0;
}

static void input_prepare(struct exec *x)
{
	struct stat st;

	/* Plain files and devices like /dev/null are always ready and cannot be waited for. */
	x->input_file = fstat(STDIN_FILENO, &st) == 0 && !S_ISFIFO(st.st_mode) &&
			!S_ISSOCK(st.st_mode) && !isatty(STDIN_FILENO);
}

static char *exec_path(const json_t *task, const struct strlist *cmd, const struct exec_opts *o)
{
	auto_json *options = json_object();
	auto_free char *text = NULL, *escaped = NULL;
	json_t *args = json_array(), *env = json_object();

	for (size_t i = 0; i < cmd->n; i++)
		json_array_append_new(args, json_string(cmd->v[i]));
	for (size_t i = 0; i < o->env.n; i++) {
		const char *kv = o->env.v[i], *eq = strchr(kv, '=');
		auto_free char *key = xstrndup(kv, eq ? (size_t)(eq - kv) : strlen(kv));
		const char *value = eq ? eq + 1 : getenv(key);

		json_put_str(env, key, value);
	}
	json_object_set_new(options, "cmd", args);
	json_object_set_new(options, "env", env);
	json_object_set_new(options, "tty", json_boolean(o->tty));
	json_object_set_new(options, "stdin", json_boolean(o->interactive));
	json_put_str(options, "user", o->user);
	json_put_str(options, "workdir", o->workdir);
	text = json_text(options);
	escaped = http_escape(text);
	return xasprintf("/v1/tasks/%s/exec?options=%s", json_str_or(task, "id", ""), escaped);
}

static int exec_run(struct client *c, const char *path, const struct exec_opts *o, struct err *err)
{
	static const struct conn_ops ops = {
		.on_open = on_open,
		.on_frame = on_frame,
		.on_drain = on_drain,
		.on_close = on_close,
	};
	struct exec x = {.o = o, .loop = loop_new(), .status = -1};

	input_prepare(&x);
	if (client_dial(c, x.loop, path, &ops, &x, err)) {
		if (o->tty)
			terminal_raw(&x);
		signals_start(&x);
		if (x.status < 0)
			loop_run(x.loop);
		conn_close(x.conn);
	}
	if (x.raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &x.saved);
	input_stop(&x);
	for (size_t i = 0; i < ARRAY_LEN(x.signals); i++)
		watch_free(x.signals[i]);
	loop_free(x.loop);
	return x.status;
}

static int exec_task(const struct strlist *args, const struct exec_opts *o)
{
	auto_(client_free) struct client *c = NULL;
	auto_json *tasks = NULL;
	auto_strlist cmd = {0};
	auto_free char *path = NULL;
	const json_t *task = NULL;
	struct err err = {0};
	int r = client_open(&c, &err), status;

	if (!r)
		r = client_get(c, &tasks, &err, "/v1/tasks");
	if (!r)
		r = resolve_running(tasks, args->v[0], &task, &err);
	if (r) {
		out_error("%s", err_text(&err));
		return 1;
	}
	/* `exec TASK -- COMMAND`, as other tools write it. */
	for (size_t i = args->n > 2 && streq(args->v[1], "--") ? 2 : 1; i < args->n; i++)
		strlist_add(&cmd, args->v[i]);
	path = exec_path(task, &cmd, o);
	status = exec_run(c, path, o, &err);
	if (status >= 0)
		return status;
	out_error("%s", err_text(&err));
	return 1;
}

static int run(int argc, char **argv)
{
	auto_strlist args = {0};
	struct exec_opts eo = {0};
	const struct opt v[] = {
		{'i', "interactive", OPT_FLAG, &eo.interactive},
		{'t', "tty", OPT_FLAG, &eo.tty},
		{'u', "user", OPT_TEXT, &eo.user},
		{'w', "workdir", OPT_TEXT, &eo.workdir},
		{'e', "env", OPT_LIST, &eo.env},
	};
	const struct opts o = {.cmd = &cmd_exec,
			       .v = v,
			       .n = ARRAY_LEN(v),
			       .min_args = 2,
			       .max_args = 10000,
			       .stop_at_first = true};
	int r = opts_parse(&o, argc, argv, &args);

	if (r < 0 && eo.tty && !isatty(STDIN_FILENO))
		r = opts_misuse(&cmd_exec, "option '-t' needs a terminal as standard input");
	if (r < 0)
		r = exec_task(&args, &eo);
	strlist_done(&eo.env);
	return r;
}

const struct cmd cmd_exec = {
	.name = "exec",
	.args = "[-it] [-u USER] [-w DIR] [-e KEY=VALUE] TASK COMMAND [ARG…]",
	.summary = "Run a command in a running container; its exit status is ours.",
	.help = "  -i, --interactive   pass standard input on\n"
		"  -t, --tty           give it a terminal\n"
		"  -u, --user USER     as this user of the container\n"
		"  -w, --workdir DIR   in this folder of the container\n"
		"  -e, --env K=V       with this variable; K alone takes ours\n"
		"\n"
		"TASK is a task's name, the start of its id, or a service with one running task.\n",
	.run = run,
};
