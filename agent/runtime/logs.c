/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading what the shim wrote: "TIME STREAM F|P text" lines in log.N … log.1, log. The files are
 * opened oldest first before anything is read, so that a rotation meanwhile loses nothing; when
 * following, inotify tells of more, and a file that was rotated is left only at its end.
 */
#include "agent/runtime/internal.h"
#include "agent/runtime/logline.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define READ_BYTES (64 << 10)
#define FILES_MAX  128

struct rt_logs {
	struct runtime *r;
	struct rt_logs *next;
	const struct rt_logs_ops *ops;
	void *arg;
	char *id, *dir, *since;
	int files[FILES_MAX]; /* open, oldest first; at is the one being read */
	size_t n, at;
	int notify;
	struct watch *watch;
	struct timer *step;
	struct str buf;
	struct logline_joiner joiner;
	int64_t skip; /* lines to leave out, for tail */
	bool follow, paused, told;
	bool *freed;
};

static int open_log(const struct rt_logs *l, int number)
{
	auto_free char *path =
		number ? xasprintf("%s/log.%d", l->dir, number) : xasprintf("%s/log", l->dir);
	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static bool same_file(int a, int b)
{
	struct stat sa, sb;
	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_ino == sb.st_ino &&
	       sa.st_dev == sb.st_dev;
}

static void open_files(struct rt_logs *l)
{
	for (int number = FILES_MAX - 1; number >= 0; number--) {
		int fd = open_log(l, number);
		if (fd < 0)
			continue;
		/* A rotation between two opens shows the same file again. */
		if (l->n && same_file(l->files[l->n - 1], fd)) {
			close(fd);
			continue;
		}
		l->files[l->n++] = fd;
	}
}

/* The number of lines that the reader would be told, for tail. */
static int64_t count_lines(struct rt_logs *l)
{
	int64_t count = 0;
	auto_free char *chunk = xmalloc(READ_BYTES);
	struct logline_joiner joiner = {0};
	for (size_t i = 0; i < l->n; i++) {
		auto_str buf = {0};
		ssize_t n;
		while ((n = read(l->files[i], chunk, READ_BYTES)) > 0) {
			str_addn(&buf, chunk, (size_t)n);
			size_t used = 0;
			for (struct rt_log_line line; logline_next(&joiner, &buf, &used, &line);)
				count += !l->since || strcmp(line.ts, l->since) >= 0;
			str_consume(&buf, used);
		}
		lseek(l->files[i], 0, SEEK_SET);
	}
	logline_joiner_done(&joiner);
	return count;
}

/* Tells the complete lines in buf; false when the caller freed the reader. */
static bool tell_lines(struct rt_logs *l)
{
	size_t used = 0;
	bool freed = false;
	struct rt_log_line line;
	while (!l->paused && logline_next(&l->joiner, &l->buf, &used, &line)) {
		if (l->since && strcmp(line.ts, l->since) < 0)
			continue;
		if (l->skip > 0) {
			l->skip--;
			continue;
		}
		l->freed = &freed;
		l->ops->line(&line, l->arg);
		if (freed)
			return false;
		l->freed = NULL;
	}
	str_consume(&l->buf, used);
	return true;
}

/* At the end of the current file: opens what came after it. False: there is nothing yet. */
static bool next_file(struct rt_logs *l)
{
	if (l->at + 1 < l->n) {
		close(l->files[l->at]);
		l->files[l->at++] = -1;
		return true;
	}
	int current = l->at < l->n ? l->files[l->at] : -1, newer = -1;
	for (int number = 0; number < FILES_MAX; number++) {
		int fd = open_log(l, number);
		if (fd < 0)
			break;
		if (current >= 0 && same_file(fd, current)) {
			close(fd);
			break;
		}
		if (newer >= 0)
			close(newer);
		newer = fd;
	}
	if (newer < 0)
		return false;
	if (current >= 0)
		close(current);
	l->files[0] = newer;
	l->n = 1;
	l->at = 0;
	return true;
}

static bool will_grow(const struct rt_logs *l)
{
	const struct container *c = container_find(l->r, l->id);
	return l->follow && c && c->state != RT_ENDED;
}

static void finish(struct rt_logs *l)
{
	l->told = true;
	l->ops->end(l->arg);
}

/* Reads one piece; a timer brings the next, so that other work of the loop goes on. */
static void on_step(void *arg)
{
	struct rt_logs *l = arg;
	if (l->paused || l->told || !tell_lines(l) || l->paused)
		return;
	/* Asked before reading: whatever was written until then is seen by the read. */
	bool more = will_grow(l);
	char chunk[READ_BYTES];
	ssize_t n = l->at < l->n ? read(l->files[l->at], chunk, sizeof(chunk)) : 0;
	if (n > 0) {
		str_addn(&l->buf, chunk, (size_t)n);
		if (tell_lines(l) && !l->paused)
			timer_set(l->step, 0);
		return;
	}
	/* A line cut off by a full disk ends with its file. */
	if (next_file(l)) {
		str_clear(&l->buf);
		timer_set(l->step, 0);
		return;
	}
	if (!more)
		finish(l);
}

static void on_notify(int fd, unsigned flags, void *arg)
{
	(void)flags;
	struct rt_logs *l = arg;
	char events[4096];
	while (read(fd, events, sizeof(events)) > 0)
		;
	if (!l->paused)
		timer_set(l->step, 0);
}

void logs_wake(struct runtime *r, const char *id)
{
	for (struct rt_logs *l = r->readers; l; l = l->next)
		if (streq(l->id, id) && !l->paused)
			timer_set(l->step, 0);
}

static int watch_folder(struct rt_logs *l, struct err *err)
{
	l->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (l->notify < 0 || inotify_add_watch(l->notify, l->dir, IN_MODIFY | IN_CREATE) < 0)
		return err_sys(err, -errno, "cannot follow the log of '%s'", l->id);
	l->watch = watch_fd(l->r->loop, l->notify, WATCH_READ, on_notify, l);
	return 0;
}

int runtime_logs(struct runtime *r, const char *id, bool follow, int64_t tail, const char *since,
		 const struct rt_logs_ops *ops, void *arg, struct rt_logs **ret, struct err *err)
{
	struct container *c;
	int code = container_need(r, id, &c, err);
	if (code < 0)
		return code;
	struct rt_logs *l = xcalloc(1, sizeof(*l));
	l->r = r;
	l->ops = ops;
	l->arg = arg;
	l->id = xstrdup(id);
	l->dir = xstrdup(c->data);
	/* Without the Z, a shorter fraction compares before all longer ones that begin with it. */
	l->since = since ? xstrndup(since, strcspn(since, "Z")) : NULL;
	l->follow = follow;
	l->notify = -1;
	l->step = timer_new(r->loop, on_step, l);
	l->next = r->readers;
	r->readers = l;
	if (follow && (code = watch_folder(l, err)) < 0) {
		rt_logs_free(l);
		return code;
	}
	open_files(l);
	if (tail >= 0) {
		int64_t there = count_lines(l);
		l->skip = there > tail ? there - tail : 0;
	}
	timer_set(l->step, 0);
	*ret = l;
	return 0;
}

void rt_logs_pause(struct rt_logs *l, bool paused)
{
	l->paused = paused;
	if (!paused)
		timer_set(l->step, 0);
}

void rt_logs_free(struct rt_logs *l)
{
	if (!l)
		return;
	if (l->freed)
		*l->freed = true;
	struct rt_logs **link = &l->r->readers;
	while (*link != l)
		link = &(*link)->next;
	*link = l->next;
	for (size_t i = l->at; i < l->n; i++)
		close(l->files[i]);
	watch_free(l->watch);
	if (l->notify >= 0)
		close(l->notify);
	timer_free(l->step);
	str_done(&l->buf);
	logline_joiner_done(&l->joiner);
	free(l->id);
	free(l->dir);
	free(l->since);
	free(l);
}
