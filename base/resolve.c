/* SPDX-License-Identifier: Apache-2.0
 *
 * Name lookups off the loop; see resolve.h. A lookup cannot be interrupted, so a cancelled one is
 * left to its thread: job is shared by both and the last of the two frees it.
 */
#include "base/resolve.h"
#include "base/mem.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct job {
	atomic_int users; /* the thread and the resolve */
	int done_fd;      /* the thread's end of the pipe; closing it says that it is done */
	char *host;
	char port[8];
	struct addrinfo *res;
	int code; /* of getaddrinfo */
};

struct resolve {
	struct job *job;
	struct watch *watch;
	int fd;
	resolve_cb cb;
	void *arg;
};

static void job_release(struct job *j)
{
	if (atomic_fetch_sub(&j->users, 1) != 1)
		return;
	if (j->res)
		freeaddrinfo(j->res);
	free(j->host);
	free(j);
}

static void *look_up(void *arg)
{
	struct job *j = arg;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	j->code = getaddrinfo(j->host, j->port, &hints, &j->res);
	int fd = j->done_fd;
	job_release(j);
	close(fd);
	return NULL;
}

static void resolve_free(struct resolve *r)
{
	watch_free(r->watch);
	close(r->fd);
	job_release(r->job);
	free(r);
}

static void on_done(int fd, unsigned flags, void *arg)
{
	(void)fd;
	(void)flags;
	struct resolve *r = arg;
	struct addrinfo *res = take_ptr(r->job->res);
	const char *why = r->job->code ? gai_strerror(r->job->code) : NULL;
	resolve_cb cb = r->cb;
	void *cb_arg = r->arg;
	resolve_free(r);
	cb(res, why, cb_arg);
}

static void start_thread(struct job *j)
{
	pthread_attr_t attr;
	pthread_t thread;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, look_up, j) != 0) {
		j->code = EAI_AGAIN;
		close(j->done_fd);
		job_release(j);
	}
	pthread_attr_destroy(&attr);
}

struct resolve *resolve_start(struct loop *l, const char *host, uint16_t port, resolve_cb cb,
			      void *arg)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return NULL;
	struct resolve *r = xcalloc(1, sizeof(*r));
	struct job *j = xcalloc(1, sizeof(*j));
	atomic_init(&j->users, 2);
	j->host = xstrdup(host);
	j->done_fd = ends[1];
	snprintf(j->port, sizeof(j->port), "%u", port);
	*r = (struct resolve){.job = j, .fd = ends[0], .cb = cb, .arg = arg};
	r->watch = watch_fd(l, r->fd, WATCH_READ, on_done, r);
	start_thread(j);
	return r;
}

void resolve_cancel(struct resolve *r)
{
	if (r)
		resolve_free(r);
}
