/* SPDX-License-Identifier: Apache-2.0
 *
 * The shim's log files: lines "TIME stdout|stderr F|P text" (P: the line goes on in the next one),
 * rotated by size. Part of carrack-shim only: no stdio, no heap, so that a container costs little.
 */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h> /* renameat */
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 4000 /* of text in one record; longer lines are split into P records */

struct sink {
	int dir, fd;
	long long size, max_bytes;
	bool none; /* nothing is written */
	int files; /* kept, the current one included */
};
struct stream {
	int fd;
	const char *name;
	size_t len; /* bytes of an unfinished line in buf */
	char buf[LINE_BYTES];
};

/* Writes v in base 10, at least width digits, at p; returns the end. */
static char *put_num(char *p, unsigned long long v, int width)
{
	char digits[24];
	int n = 0;
	do
		digits[n++] = (char)('0' + v % 10);
	while ((v /= 10) || n < width);
	while (n)
		*p++ = digits[--n];
	return p;
}

/* RFC 3339, UTC, nanoseconds: 30 bytes. The calendar is computed here since libc's needs a heap. */
static char *put_time(char *p, const struct timespec *ts)
{
	long long days = ts->tv_sec / 86400, secs = ts->tv_sec % 86400;
	long long z = days + 719468, era = z / 146097, doe = z - era * 146097;
	long long yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	long long doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	long long month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);
	p = put_num(p, (unsigned long long)year, 4);
	*p++ = '-';
	p = put_num(p, (unsigned long long)month, 2);
	*p++ = '-';
	p = put_num(p, (unsigned long long)(doy - (153 * mp + 2) / 5 + 1), 2);
	*p++ = 'T';
	p = put_num(p, (unsigned long long)(secs / 3600), 2);
	*p++ = ':';
	p = put_num(p, (unsigned long long)(secs / 60 % 60), 2);
	*p++ = ':';
	p = put_num(p, (unsigned long long)(secs % 60), 2);
	*p++ = '.';
	p = put_num(p, (unsigned long long)ts->tv_nsec, 9);
	*p++ = 'Z';
	return p;
}

static void log_name(char out[32], int n)
{
	memcpy(out, "log", 4);
	if (n > 0) {
		out[3] = '.';
		*put_num(out + 4, (unsigned)n, 1) = '\0';
	}
}

static void sink_open(struct sink *k, int flags)
{
	struct stat st;
	k->fd = openat(k->dir, "log",
		       O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	k->size = k->fd >= 0 && fstat(k->fd, &st) == 0 ? st.st_size : 0;
}

static void sink_rotate(struct sink *k)
{
	char from[32], to[32];
	close(k->fd);
	for (int n = k->files - 1; n > 0; n--) {
		log_name(from, n - 1);
		log_name(to, n);
		renameat(k->dir, from, k->dir, to);
	}
	sink_open(k, k->files > 1 ? 0 : O_TRUNC);
}

/* A full disk loses lines, never the container: errors are dropped. */
static void sink_line(struct sink *k, const char *stream, char tag, const char *text, size_t len)
{
	if (k->none)
		return;
	char head[64], *p = head, nl = '\n';
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	p = put_time(p, &now);
	*p++ = ' ';
	memcpy(p, stream, 6);
	p += 6;
	*p++ = ' ';
	*p++ = tag;
	*p++ = ' ';
	struct iovec iov[] = {
		{head, (size_t)(p - head)},
		{(void *)(unsigned long)text, len},
		{&nl, 1},
	};
	long long total = (p - head) + (long long)len + 1;
	if (k->fd >= 0 && k->size > 0 && k->size + total > k->max_bytes)
		sink_rotate(k);
	if (k->fd < 0)
		sink_open(k, 0);
	ssize_t n = k->fd >= 0 ? writev(k->fd, iov, 3) : -1;
	if (n > 0)
		k->size += n;
}

/* Turns what was read into records; keeps an unfinished line unless the buffer is full. */
static void stream_split(struct stream *s, struct sink *k)
{
	char *at = s->buf, *end = s->buf + s->len, *nl;
	while ((nl = memchr(at, '\n', (size_t)(end - at)))) {
		sink_line(k, s->name, 'F', at, (size_t)(nl - at));
		at = nl + 1;
	}
	s->len = (size_t)(end - at);
	if (s->len == sizeof(s->buf)) {
		sink_line(k, s->name, 'P', at, s->len);
		s->len = 0;
	} else if (at != s->buf) {
		memmove(s->buf, at, s->len);
	}
}

/* Reads once; at the end of the stream writes what is left and closes it. */
static void stream_read(struct stream *s, struct sink *k)
{
	ssize_t n = read(s->fd, s->buf + s->len, sizeof(s->buf) - s->len);
	if (n > 0) {
		s->len += (size_t)n;
		stream_split(s, k);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	close(s->fd);
	s->fd = -1;
}

static void stream_finish(struct stream *s, struct sink *k)
{
	if (s->len)
		sink_line(k, s->name, 'F', s->buf, s->len);
	s->len = 0;
}
