/* SPDX-License-Identifier: Apache-2.0
 * The thread and the timer of certificate renewal. */
#include "agent/core/renew.h"
#include "base/log.h"
#include "base/mem.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>

struct renew {
	struct loop *loop;
	char *path;
	struct identity *id;
	void (*renewed)(void *arg);
	void *arg;
	struct timer *check;
	struct watch *watch;
	pthread_t thread;
	bool running;
	int fd; /* the thread says here that it is done */
	/* Written by the thread, read after it was joined. */
	struct identity fresh;
	struct err err;
	int result;
};

static void *work(void *arg)
{
	struct renew *r = arg;
	r->result = identity_renew(r->path, r->id, &r->fresh, &r->err);
	uint64_t one = 1;
	if (write(r->fd, &one, sizeof(one)) < 0)
		log_error("agent", "the end of a renewal was not noted");
	return NULL;
}

static void collect(struct renew *r)
{
	pthread_join(r->thread, NULL);
	r->running = false;
	if (r->result < 0) {
		log_warn("agent", "the certificate was not renewed, trying again in an hour: %s",
			 err_text(&r->err));
		return;
	}
	identity_done(r->id);
	*r->id = r->fresh;
	r->fresh = (struct identity){0};
	log_info("agent", "the node's certificate was renewed");
	r->renewed(r->arg);
}

static void on_done(int fd, unsigned flags, void *arg)
{
	struct renew *r = arg;
	uint64_t n;
	(void)flags;
	if (read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n) && r->running)
		collect(r);
}

static void on_check(void *arg)
{
	struct renew *r = arg;
	timer_set(r->check, RENEW_CHECK_MS);
	if (r->running || time(NULL) < identity_renew_at(r->id))
		return;
	r->running = pthread_create(&r->thread, NULL, work, r) == 0;
	if (!r->running)
		log_warn("agent", "no thread could be had for renewing the certificate");
}

struct renew *renew_new(struct loop *l, const char *path, struct identity *id,
			void (*renewed)(void *arg), void *arg)
{
	struct renew *r = xcalloc(1, sizeof(*r));
	r->loop = l;
	r->path = xstrdup(path);
	r->id = id;
	r->renewed = renewed;
	r->arg = arg;
	r->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->watch = r->fd < 0 ? NULL : watch_fd(l, r->fd, WATCH_READ, on_done, r);
	r->check = timer_new(l, on_check, r);
	if (r->watch)
		timer_set(r->check, 0);
	return r;
}

void renew_free(struct renew *r)
{
	if (!r)
		return;
	if (r->running) {
		pthread_join(r->thread, NULL);
		identity_done(&r->fresh); /* it is in the file; the next run reads it */
	}
	timer_free(r->check);
	watch_free(r->watch);
	if (r->fd >= 0)
		close(r->fd);
	free(r->path);
	free(r);
}
