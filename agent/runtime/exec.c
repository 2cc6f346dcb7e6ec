/* SPDX-License-Identifier: Apache-2.0
 *
 * A command in a running container: `crun exec` as a child of the agent, with pipes or a terminal.
 * Its files are RUN/containers/ID/exec-NAME.{json,pid,sock}; those of an agent that died tell the
 * next one what to kill.
 */
#include "agent/runtime/bundle.h"
#include "agent/runtime/internal.h"
#include "base/fd.h"
#include "base/num.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#define READ_BYTES    (32 << 10)
#define COMPLAINT_MAX 256 /* bytes of stderr that are looked at for crun's own words */
#define GRACE_MS      300 /* for output when something else still holds the pipe after the end */

struct exec_stream {
	struct rt_exec *e;
	int fd, number;
	struct watch *watch;
};
struct rt_exec {
	struct runtime *r;
	const struct rt_exec_ops *ops;
	void *arg;
	char *base; /* RUN/containers/ID/exec-NAME, without a suffix */
	pid_t pid;  /* of crun */
	struct watch *child, *writable, *console_watch;
	struct exec_stream out, err; /* with a terminal, out is its master */
	int in, console;
	struct str input;
	struct timer *grace;
	bool tty, paused, close_stdin, ended, told;
	int code;
	unsigned rows, cols;
	struct str complaint; /* the first of stderr: why crun could not start the command */
	bool *freed;          /* set when a callback frees the object */
};

static void drop(int *fd, struct watch **w)
{
	watch_free(*w);
	*w = NULL;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static char *file_of(const struct rt_exec *e, const char *suffix)
{
	return xasprintf("%s.%s", e->base, suffix);
}

/* As shells say it, when crun ended without having started the command (it wrote no pid). */
static int exit_code(const struct rt_exec *e)
{
	auto_free char *path = file_of(e, "pid");
	if (e->code == 0 || exec_read_pid(path))
		return e->code;
	const char *why = e->complaint.data ?: "";
	return strstr(why, "not found") || strstr(why, "No such file") ? 127 : 126;
}

static void tell_exit(struct rt_exec *e)
{
	if (!e->ended || e->told || e->paused || e->out.fd >= 0 || e->err.fd >= 0)
		return;
	e->told = true;
	timer_stop(e->grace);
	drop(&e->in, &e->writable);
	e->ops->exit(exit_code(e), e->arg);
}

static void stream_end(struct exec_stream *s)
{
	struct rt_exec *e = s->e;
	if (e->tty && s == &e->out && e->in == s->fd) {
		watch_free(e->writable);
		e->writable = NULL;
		e->in = -1;
	}
	drop(&s->fd, &s->watch);
	tell_exit(e);
}

static void on_output(int fd, unsigned flags, void *arg)
{
	(void)flags;
	struct exec_stream *s = arg;
	struct rt_exec *e = s->e;
	char buf[READ_BYTES];
	ssize_t n = read(fd, buf, sizeof(buf));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* a terminal says EIO when its last user is gone */
		stream_end(s);
		return;
	}
	if (s == &e->err && e->complaint.len < COMPLAINT_MAX)
		str_addn(&e->complaint, buf, (size_t)n < COMPLAINT_MAX ? (size_t)n : COMPLAINT_MAX);
	bool freed = false;
	e->freed = &freed;
	e->ops->output(s->number, buf, (size_t)n, e->arg);
	if (freed)
		return;
	e->freed = NULL;
	if (timer_is_set(e->grace))
		timer_set(e->grace, GRACE_MS);
}

static void stream_watch(struct exec_stream *s)
{
	struct rt_exec *e = s->e;
	if (s->fd >= 0 && !s->watch && !e->paused)
		s->watch = watch_fd(e->r->loop, s->fd, WATCH_READ, on_output, s);
}

static void stream_open(struct exec_stream *s, int fd)
{
	fd_set_nonblock(fd);
	s->fd = fd;
	stream_watch(s);
}

static void flush_input(struct rt_exec *e);

static void on_writable(int fd, unsigned flags, void *arg)
{
	(void)fd;
	(void)flags;
	flush_input(arg);
}

static void input_gone(struct rt_exec *e)
{
	str_clear(&e->input);
	watch_free(e->writable);
	e->writable = NULL;
	if (!e->tty)
		drop(&e->in, &e->writable);
}

static void flush_input(struct rt_exec *e)
{
	while (e->input.len && e->in >= 0) {
		ssize_t n = write(e->in, e->input.data, e->input.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			input_gone(e);
			return;
		}
		str_consume(&e->input, (size_t)n);
	}
	if (e->in < 0)
		return;
	if (e->input.len && !e->writable)
		e->writable = watch_fd(e->r->loop, e->in, WATCH_WRITE, on_writable, e);
	if (e->input.len)
		return;
	watch_free(e->writable);
	e->writable = NULL;
	if (!e->close_stdin)
		return;
	e->close_stdin = false;
	if (e->tty) /* what a user types to say it */
		(void)!write(e->in, "\x04", 1);
	else
		drop(&e->in, &e->writable);
}

static void set_size(struct rt_exec *e)
{
	struct winsize size = {.ws_row = (unsigned short)e->rows,
			       .ws_col = (unsigned short)e->cols};
	if (e->tty && e->out.fd >= 0 && e->rows && e->cols)
		ioctl(e->out.fd, TIOCSWINSZ, &size);
}

/* crun made a terminal and sends its master. */
static void on_console(int fd, unsigned flags, void *arg)
{
	(void)flags;
	struct rt_exec *e = arg;
	int master = console_take(fd);
	if (master == -EAGAIN)
		return;
	drop(&e->console, &e->console_watch);
	if (master < 0)
		return;
	e->in = master;
	stream_open(&e->out, master);
	set_size(e);
	flush_input(e);
}

static void on_grace(void *arg)
{
	struct rt_exec *e = arg;
	drop(&e->err.fd, &e->err.watch);
	stream_end(&e->out);
}

static void on_child(pid_t pid, int status, void *arg)
{
	(void)pid;
	struct rt_exec *e = arg;
	e->code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	e->ended = true;
	watch_free(e->child);
	e->child = NULL;
	e->pid = 0;
	if (e->console >= 0) { /* the terminal may lie in the socket still */
		on_console(e->console, WATCH_READ, e);
		drop(&e->console, &e->console_watch);
	}
	if (!e->paused)
		timer_set(e->grace, GRACE_MS);
	tell_exit(e);
}

static int write_process(const struct container *c, const struct rt_exec_spec *s,
			 const struct rt_exec *e, struct err *err)
{
	auto_free char *config_path = xasprintf("%s/config.json", c->run);
	auto_json *config = json_parse_file(config_path, err);
	if (!config)
		return -EINVAL;
	struct rt_user user = {0};
	bool other = s->user && *s->user;
	if (other) {
		auto_close int root = open(c->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
		int r = user_lookup(root, s->user, NULL, &user, err);
		if (r < 0)
			return r;
	}
	auto_json *process = bundle_exec_process(config, s, other ? &user : NULL, err);
	user_done(&user);
	if (!process)
		return -EINVAL;
	auto_free char *text = json_text(process), *path = file_of(e, "json");
	return file_replace(path, text, strlen(text), 0600, err);
}

static int listen_console(struct rt_exec *e, const struct container *c, struct err *err)
{
	auto_free char *path = file_of(e, "sock");
	e->console = console_listen(c->run, strrchr(path, '/') + 1);
	if (e->console < 0)
		return err_sys(err, e->console, "cannot make a terminal for '%s'", c->id);
	e->console_watch = watch_fd(e->r->loop, e->console, WATCH_READ, on_console, e);
	return 0;
}

static int run_crun(struct rt_exec *e, const struct container *c, const struct spawn_fd *fds,
		    size_t n)
{
	struct runtime *r = e->r;
	const char *name = strrchr(e->base, '/') + 1;
	auto_free char *json = xasprintf("%s.json", name), *pid = xasprintf("%s.pid", name);
	auto_free char *sock = xasprintf("%s.sock", name);
	const char *argv[20];
	size_t k = 0;
	if (r->cgroups.hybrid) {
		argv[k++] = r->shim;
		argv[k++] = "crun";
	}
	const char *const fixed[] = {r->crun,     "--root", r->crun_root, "exec",
				     "--process", json,     "--pid-file", pid};
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		argv[k++] = fixed[i];
	if (e->tty) {
		argv[k++] = "--console-socket";
		argv[k++] = sock;
	}
	argv[k++] = c->id;
	argv[k] = NULL;
	pid_t child = spawn(argv, fds, n, c->run);
	if (child < 0)
		return child;
	e->pid = child;
	e->child = watch_child(r->loop, child, on_child, e);
	return 0;
}

static int start_exec(struct rt_exec *e, const struct container *c, bool stdin_open,
		      struct err *err)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, errors[2] = {-1, -1};
	bool piped = stdin_open && !e->tty;
	int r = 0;
	if ((piped && pipe2(in, O_CLOEXEC) < 0) || (!e->tty && pipe2(out, O_CLOEXEC) < 0) ||
	    pipe2(errors, O_CLOEXEC) < 0)
		r = err_sys(err, -errno, "cannot make pipes");
	struct spawn_fd fds[3] = {{errors[1], 2}};
	size_t n = 1;
	if (!e->tty)
		fds[n++] = (struct spawn_fd){out[1], 1};
	if (piped)
		fds[n++] = (struct spawn_fd){in[0], 0};
	if (r == 0 && e->tty)
		r = listen_console(e, c, err);
	if (r == 0 && (r = run_crun(e, c, fds, n)) < 0)
		err_sys(err, r, "cannot run '%s'", e->r->crun);
	const int theirs[] = {in[0], out[1], errors[1]};
	for (size_t i = 0; i < ARRAY_LEN(theirs); i++)
		if (theirs[i] >= 0)
			close(theirs[i]);
	e->in = in[1];
	if (e->in >= 0)
		fd_set_nonblock(e->in);
	if (out[0] >= 0)
		stream_open(&e->out, out[0]);
	if (errors[0] >= 0)
		stream_open(&e->err, errors[0]);
	return r;
}

int runtime_exec(struct runtime *r, const char *id, const struct rt_exec_spec *s,
		 const struct rt_exec_ops *ops, void *arg, struct rt_exec **ret, struct err *err)
{
	struct container *c;
	int code = container_need(r, id, &c, err);
	if (code < 0)
		return code;
	if (c->state != RT_RUNNING)
		return err_set(err, -ESRCH, "the container '%s' is not running", id);
	char name[13];
	random_hex(name, 12);
	struct rt_exec *e = xcalloc(1, sizeof(*e));
	e->r = r;
	e->ops = ops;
	e->arg = arg;
	e->tty = s->tty;
	e->base = xasprintf("%s/exec-%s", c->run, name);
	e->in = e->console = -1;
	e->out = (struct exec_stream){.e = e, .fd = -1, .number = 1};
	e->err = (struct exec_stream){.e = e, .fd = -1, .number = 2};
	e->grace = timer_new(r->loop, on_grace, e);
	code = write_process(c, s, e, err);
	if (code == 0)
		code = start_exec(e, c, s->stdin_open, err);
	if (code < 0) {
		rt_exec_free(e);
		return code;
	}
	*ret = e;
	return 0;
}

void rt_exec_write(struct rt_exec *e, const void *data, size_t len)
{
	if (e->in < 0 && !(e->tty && e->console >= 0))
		return;
	str_addn(&e->input, data, len);
	flush_input(e);
}

size_t rt_exec_pending(const struct rt_exec *e)
{
	return e->input.len;
}

void rt_exec_close_stdin(struct rt_exec *e)
{
	e->close_stdin = true;
	flush_input(e);
}

void rt_exec_resize(struct rt_exec *e, unsigned rows, unsigned cols)
{
	e->rows = rows > 10000 ? 10000 : rows;
	e->cols = cols > 10000 ? 10000 : cols;
	set_size(e);
}

/* The command stays crun's child, or its zombie, until crun ends: checked on both sides of taking
 * the pidfd, a pid that was used again is never hit. */
static int signal_child(const struct rt_exec *e, pid_t pid, int signo)
{
	if (!is_child_of(pid, e->pid))
		return -ESRCH;
	auto_close int fd = pidfd_of(pid);
	if (fd < 0 || !is_child_of(pid, e->pid))
		return -ESRCH;
	return pidfd_signal(fd, signo);
}

static int signal_command(const struct rt_exec *e, int signo)
{
	auto_free char *path = file_of(e, "pid");
	pid_t pid = e->pid ? exec_read_pid(path) : 0;
	if (!e->pid)
		return -ESRCH;
	return pid ? signal_child(e, pid, signo) : -EAGAIN;
}

/* Kills crun and what it started, whether it has told the pid or not: stopped, it starts no more. */
static void kill_all(const struct rt_exec *e)
{
	kill(e->pid, SIGSTOP); /* our own child, not reaped: the pid is its */
	/* Twice: what a child of crun started becomes crun's child by its death. */
	for (int pass = 0; pass < 2; pass++) {
		DIR *d = opendir("/proc");
		for (struct dirent *entry; d && (entry = readdir(d));) {
			int64_t pid;
			if (num_parse_i64(entry->d_name, 2, INT32_MAX, &pid) &&
			    parent_of((pid_t)pid) == e->pid)
				signal_child(e, (pid_t)pid, SIGKILL);
		}
		if (d)
			closedir(d);
	}
	kill(e->pid, SIGKILL);
}

int rt_exec_signal(struct rt_exec *e, const char *signal)
{
	int signo, r = signal_parse(signal, &signo, NULL);
	return r < 0 ? r : signal_command(e, signo);
}

void rt_exec_pause(struct rt_exec *e, bool paused)
{
	e->paused = paused;
	struct exec_stream *const streams[] = {&e->out, &e->err};
	for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
		if (!paused) {
			stream_watch(streams[i]);
			continue;
		}
		watch_free(streams[i]->watch);
		streams[i]->watch = NULL;
	}
	if (!e->ended || e->told)
		return;
	/* The end is told from the loop, never from within this call. */
	if (paused)
		timer_stop(e->grace);
	else
		timer_set(e->grace, GRACE_MS);
}

void rt_exec_free(struct rt_exec *e)
{
	if (!e)
		return;
	if (e->freed)
		*e->freed = true;
	watch_free(e->child);
	if (e->pid) {
		kill_all(e);
		background_reap(e->r, e->pid);
	}
	if (e->in == e->out.fd)
		e->in = -1; /* one descriptor for both */
	drop(&e->in, &e->writable);
	drop(&e->console, &e->console_watch);
	drop(&e->out.fd, &e->out.watch);
	drop(&e->err.fd, &e->err.watch);
	timer_free(e->grace);
	str_done(&e->input);
	str_done(&e->complaint);
	exec_remove_files(e->base);
	free(e->base);
	free(e);
}
