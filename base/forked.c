/* SPDX-License-Identifier: Apache-2.0
 * Forked work and its output; see forked.h. */
#include "base/forked.h"
#include "base/fd.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BYTES 65536

struct forked {
	struct forked_spec spec;
	pid_t pid; /* 0: has ended */
	int fd;    /* -1: all was read */
	int status;
	struct watch *read, *child;
	struct timer *timer;
	struct str text;
	enum forked_end how; /* FORKED_OK: not ended by us */
};

void forked_free(struct forked *f)
{
	if (!f)
		return;
	watch_free(f->read);
	watch_free(f->child);
	timer_free(f->timer);
	if (f->fd >= 0)
		close(f->fd);
	if (f->pid > 0) {
		kill(f->pid, SIGKILL);
		while (waitpid(f->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	str_done(&f->text);
	free(f);
}

void forked_kill(struct forked *f)
{
	if (f->pid > 0)
		kill(f->pid, SIGKILL);
}

/* Done when the pipe was read to its end and the process was reaped. */
static void settle(struct forked *f)
{
	if (f->fd >= 0 || f->pid)
		return;
	timer_stop(f->timer);
	bool well = WIFEXITED(f->status) && WEXITSTATUS(f->status) == 0;
	enum forked_end how = f->how != FORKED_OK ? f->how : well ? FORKED_OK : FORKED_DIED;
	f->spec.end(how, f->text.data ? f->text.data : "", f->text.len, f->spec.arg);
}

static void stop_reading(struct forked *f)
{
	watch_free(f->read);
	f->read = NULL;
	close(f->fd);
	f->fd = -1;
}

static void take_lines(struct forked *f)
{
	for (char *nl; f->text.len && (nl = memchr(f->text.data, '\n', f->text.len));) {
		size_t len = (size_t)(nl - f->text.data);
		f->spec.line(f->text.data, len, f->spec.arg);
		str_consume(&f->text, len + 1);
	}
}

static void on_read(int fd, unsigned flags, void *arg)
{
	struct forked *f = arg;
	char room[READ_BYTES];
	(void)flags;
	ssize_t n = read(fd, room, sizeof(room));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		str_addn(&f->text, room, (size_t)n);
		if (f->spec.line)
			take_lines(f);
		if (f->text.len <= f->spec.max_bytes)
			return;
		f->how = FORKED_LARGE;
		forked_kill(f);
	}
	stop_reading(f);
	settle(f);
}

static void on_child(pid_t pid, int status, void *arg)
{
	struct forked *f = arg;
	(void)pid;
	f->pid = 0;
	f->status = status;
	settle(f);
}

static void on_late(void *arg)
{
	struct forked *f = arg;
	if (f->how == FORKED_OK)
		f->how = FORKED_LATE;
	forked_kill(f);
}

static _Noreturn void child_main(const struct forked_spec *spec, int out)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	spec->work(out, spec->arg);
	_exit(0);
}

int forked_start(struct loop *l, const struct forked_spec *spec, struct forked **ret,
		 struct err *err)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot make a pipe");
	pid_t pid = fork();
	if (pid == 0)
		child_main(spec, fds[1]);
	int r = -errno;
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return err_sys(err, r, "cannot start a process");
	}
	struct forked *f = xcalloc(1, sizeof(*f));
	*f = (struct forked){.spec = *spec, .pid = pid, .fd = fds[0]};
	(void)fd_set_nonblock(f->fd);
	f->read = watch_fd(l, f->fd, WATCH_READ, on_read, f);
	f->child = watch_child(l, f->pid, on_child, f);
	f->timer = timer_new(l, on_late, f);
	timer_set(f->timer, spec->limit_ms);
	*ret = f;
	return 0;
}
