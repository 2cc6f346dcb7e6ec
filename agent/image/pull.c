/* SPDX-License-Identifier: Apache-2.0
 * Starts `carrack image-worker` and reads its lines. Knows no names of images. */
#include "agent/image/pull.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_BYTES_MAX 16384

struct pull_worker {
	pid_t pid;
	int out;
	struct watch *read, *child;
	struct str line;
	char digest[DIGEST_TEXT]; /* "" until it said one */
	char *error;
	int code;
	const struct pull_ops *ops; /* NULL: killed */
	void *arg;
	struct pull_worker *next, **dying; /* once killed */
};

static void leave_dying(struct pull_worker *w)
{
	struct pull_worker **at = w->dying;
	while (at && *at && *at != w)
		at = &(*at)->next;
	if (at && *at)
		*at = w->next;
}

static void worker_free(struct pull_worker *w)
{
	watch_free(w->read);
	watch_free(w->child);
	if (w->out >= 0)
		close(w->out);
	str_done(&w->line);
	free(w->error);
	free(w);
}

static void take_line(struct pull_worker *w, const char *text, size_t n)
{
	auto_json *j = json_parse(text, n, NULL);
	const char *digest = json_str(j, "digest"), *error = json_str(j, "error");
	if (digest && digest_valid(digest)) {
		memcpy(w->digest, digest, DIGEST_TEXT);
	} else if (error) {
		free(w->error);
		w->error = xstrdup(error);
		w->code = (int)json_int(j, "code", -EIO);
	} else if (j && w->ops && w->ops->progress) {
		struct image_progress p = {.layers_done = (int)json_int(j, "layers_done", 0),
					   .layers_total = (int)json_int(j, "layers_total", 0),
					   .bytes_done = json_int(j, "bytes_done", 0),
					   .bytes_total = json_int(j, "bytes_total", -1)};
		w->ops->progress(&p, w->arg);
	}
}

/* Takes the lines that are whole; a worker that writes anything else is not believed. */
static void take_lines(struct pull_worker *w)
{
	char *end;
	while (w->line.len && (end = memchr(w->line.data, '\n', w->line.len))) {
		size_t n = (size_t)(end - w->line.data);
		auto_free char *line = xstrndup(w->line.data, n);
		str_consume(&w->line, n + 1);
		take_line(w, line, n);
	}
	if (w->line.len > LINE_BYTES_MAX)
		str_clear(&w->line);
}

/* False at the end of what it says. */
static bool read_some(struct pull_worker *w)
{
	char buf[4096];
	ssize_t n = read(w->out, buf, sizeof(buf));
	if (n < 0)
		return errno == EINTR;
	if (n == 0) {
		watch_free(w->read);
		w->read = NULL;
		return false;
	}
	str_addn(&w->line, buf, (size_t)n);
	take_lines(w);
	return true;
}

static void on_readable(int fd, unsigned flags, void *arg)
{
	(void)fd;
	(void)flags;
	read_some(arg);
}

static void on_child(pid_t pid, int status, void *arg)
{
	struct pull_worker *w = arg;
	const struct pull_ops *ops = w->ops;
	void *ops_arg = w->arg;
	(void)pid;
	while (read_some(w))
		;
	ops = w->ops; /* its last words may have led to its end */
	if (ops && WIFEXITED(status) && WEXITSTATUS(status) == 0 && w->digest[0]) {
		ops->ended(w->digest, 0, NULL, ops_arg);
	} else if (ops && w->error) {
		ops->ended(NULL, w->code, w->error, ops_arg);
	} else if (ops) {
		char why[160];
		snprintf(why, sizeof(why),
			 "the process that pulled the image was ended by %s %d; it is tried again "
			 "with the next start",
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		ops->ended(NULL, -EIO, why, ops_arg);
	}
	leave_dying(w);
	worker_free(w);
}

/* The job as a file in memory, which cannot block the writer. */
static int job_fd(const json_t *job)
{
	auto_free char *text = json_text(job);
	auto_close int fd = memfd_create("image-job", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
	explicit_bzero(text, strlen(text));
	if (r < 0)
		return r;
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : take_fd(fd);
}

static int spawn(int in, int out, pid_t *ret)
{
	static char name[] = "carrack", verb[] = "image-worker";
	char *const argv[] = {name, verb, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, defaults;

	sigemptyset(&none);
	sigfillset(&defaults);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	int r = -posix_spawn(ret, "/proc/self/exe", &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return r;
}

int pull_worker_start(struct loop *l, const json_t *job, const struct pull_ops *ops, void *arg,
		      struct pull_worker **ret, struct err *err)
{
	int pipe_fds[2];
	pid_t pid = -1;
	auto_close int in = job_fd(job);
	if (in < 0)
		return err_sys(err, in, "cannot start an image worker");
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot start an image worker");
	auto_close int out = pipe_fds[1];
	auto_close int from = pipe_fds[0];
	int r = fd_set_nonblock(from);
	if (r == 0)
		r = spawn(in, out, &pid);
	if (r < 0)
		return err_sys(err, r, "cannot start an image worker");
	struct pull_worker *w = xcalloc(1, sizeof(*w));
	w->pid = pid;
	w->out = take_fd(from);
	w->ops = ops;
	w->arg = arg;
	w->read = watch_fd(l, w->out, WATCH_READ, on_readable, w);
	w->child = watch_child(l, pid, on_child, w);
	*ret = w;
	return 0;
}

void pull_worker_kill(struct pull_worker *w, struct pull_worker **dying)
{
	if (!w)
		return;
	w->ops = NULL;
	w->dying = dying;
	w->next = *dying;
	*dying = w;
	kill(w->pid, SIGKILL);
}

void pull_workers_reap(struct pull_worker **dying)
{
	while (*dying) {
		struct pull_worker *w = *dying;
		*dying = w->next;
		watch_free(w->child);
		w->child = NULL;
		while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
			;
		worker_free(w);
	}
}
