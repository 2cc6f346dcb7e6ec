/* SPDX-License-Identifier: Apache-2.0
 * Threads of a pull: which layers are missing, who works on them, and when all may be seen. */
#include "agent/image/fetch.h"
#include "agent/image/layer_stream.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PARALLEL          3
#define PROGRESS_PAUSE_MS 200

struct task {
	struct layer layer;
	struct unpack_result result;
	bool mine; /* claimed and to be unpacked by this process */
};

struct crew {
	const struct fetch *f;
	struct task *tasks;
	size_t n;
	_Atomic int64_t bytes;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under lock */
	size_t next;
	int running, done;
	struct err err;              /* the first failure */
	struct blob *open[PARALLEL]; /* cancelled on the first failure */
};

struct download {
	struct crew *crew;
	struct blob *blob;
	const char *digest;
	struct err err;
};

static bool crew_enter(struct crew *c, struct blob *b)
{
	pthread_mutex_lock(&c->lock);
	bool ok = c->err.code == 0;
	for (size_t i = 0; ok && i < PARALLEL; i++)
		if (!c->open[i]) {
			c->open[i] = b;
			break;
		}
	pthread_mutex_unlock(&c->lock);
	return ok;
}

static void crew_leave(struct crew *c, struct blob *b)
{
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < PARALLEL; i++)
		if (c->open[i] == b)
			c->open[i] = NULL;
	pthread_mutex_unlock(&c->lock);
}

static void crew_fail(struct crew *c, const struct err *err)
{
	pthread_mutex_lock(&c->lock);
	if (c->err.code == 0) {
		c->err = *err;
		for (size_t i = 0; i < PARALLEL; i++)
			if (c->open[i])
				blob_cancel(c->open[i]);
	}
	pthread_mutex_unlock(&c->lock);
}

static void *download_main(void *arg)
{
	struct download *d = arg;
	struct registry_conn *conn = registry_conn_new();
	if (registry_blob(d->crew->f->registry, conn, d->digest, d->blob, &d->err) < 0) {
		/* what came over a bad line is worth keeping, a lie or a full disk is not */
		bool keep = d->err.code == -EHOSTUNREACH || d->err.code == -ECANCELED;
		blob_fail(d->blob, d->err.code, d->err.text, keep);
	}
	registry_conn_free(conn);
	return NULL;
}

/* Unpacks from the blob while another thread fills it. */
static int task_stream(struct crew *c, size_t i, struct blob *b, struct err *err)
{
	struct task *t = &c->tasks[i];
	struct download d = {.crew = c, .blob = b, .digest = c->f->manifest->layers[i].digest};
	pthread_t thread;
	bool filling = !blob_whole(b);
	int r = filling ? -pthread_create(&thread, NULL, download_main, &d) : 0;
	if (r < 0)
		return err_sys(err, r, "cannot start a thread");
	struct layer_stream s = {.blob = b,
				 .diff_id = c->f->diff_ids->v[i],
				 .root = t->layer.fs,
				 .progress = &c->bytes};
	r = layer_stream_unpack(&s, NULL, &t->result, err);
	bool later = r < 0 && t->result.needs_lowers && i > 0;
	if (r < 0 && !later)
		blob_cancel(b);
	if (filling)
		pthread_join(thread, NULL);
	if (d.err.code < 0 && d.err.code != -ECANCELED)
		return err_set(err, d.err.code, "%s", d.err.text);
	return later ? 0 : r;
}

static int task_run(struct crew *c, size_t i, struct err *err)
{
	struct blob *b = NULL;
	int r = blob_open(c->f->dir, &c->f->manifest->layers[i], &b, err);
	if (r < 0)
		return r;
	if (crew_enter(c, b))
		r = task_stream(c, i, b, err);
	crew_leave(c, b);
	blob_close(b);
	return r;
}

static void *crew_main(void *arg)
{
	struct crew *c = arg;
	for (;;) {
		struct err err = {0};
		pthread_mutex_lock(&c->lock);
		while (c->next < c->n && !c->tasks[c->next].mine)
			c->next++;
		size_t i = c->err.code ? c->n : c->next;
		c->next += i < c->n;
		pthread_mutex_unlock(&c->lock);
		if (i == c->n)
			break;
		if (task_run(c, i, &err) < 0)
			crew_fail(c, &err);
		pthread_mutex_lock(&c->lock);
		c->done++;
		pthread_cond_broadcast(&c->changed);
		pthread_mutex_unlock(&c->lock);
	}
	pthread_mutex_lock(&c->lock);
	c->running--;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void tell(struct crew *c, int64_t total)
{
	struct fetch_progress p = {.layers_done = c->done,
				   .layers_total = (int)c->n,
				   .bytes_done = c->bytes,
				   .bytes_total = total};
	c->f->progress(&p);
}

/* Starts the threads and tells of progress until the last one has ended. */
static void crew_work(struct crew *c)
{
	pthread_t threads[PARALLEL];
	int started = 0;
	int64_t total = 0;
	for (size_t i = 0; i < c->n; i++)
		total += c->tasks[i].mine ? c->f->manifest->layers[i].size : 0;
	c->running = PARALLEL;
	for (; started < PARALLEL; started++)
		if (pthread_create(&threads[started], NULL, crew_main, c) != 0)
			break;
	pthread_mutex_lock(&c->lock);
	c->running -= PARALLEL - started;
	while (c->running > 0) {
		struct timespec until;
		tell(c, total);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += PROGRESS_PAUSE_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&c->changed, &c->lock, &until);
	}
	tell(c, total);
	if (started == 0)
		err_set(&c->err, -EAGAIN, "cannot start a thread");
	pthread_mutex_unlock(&c->lock);
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

/* In order from below, so that two workers never wait for each other. */
static int claim_all(struct crew *c, struct err *err)
{
	char chain[DIGEST_TEXT];
	for (size_t i = 0; i < c->n; i++) {
		struct task *t = &c->tasks[i];
		chain_id(i ? chain : NULL, c->f->diff_ids->v[i], chain);
		int r = layer_claim(c->f->dir, chain, &t->layer, err);
		if (r < 0)
			return r;
		t->mine = !t->layer.ready;
		c->done += t->layer.ready;
	}
	return 0;
}

static int unpack_again(struct crew *c, size_t i, const struct overlayfs_lowers *lowers,
			struct err *err)
{
	struct task *t = &c->tasks[i];
	struct blob *b = NULL;
	int r = layer_empty(&t->layer, err);
	if (r < 0 || (r = blob_open(c->f->dir, &c->f->manifest->layers[i], &b, err)) < 0)
		return r;
	struct layer_stream s = {.blob = b,
				 .diff_id = c->f->diff_ids->v[i],
				 .root = t->layer.fs,
				 .progress = NULL};
	unpack_result_done(&t->result);
	r = blob_whole(b) ? layer_stream_unpack(&s, lowers, &t->result, err)
			  : err_set(err, -EIO, "a blob was removed while it was unpacked");
	blob_close(b);
	bool again = false;
	if (r == 0)
		r = unpack_settle(t->layer.fs, &t->result, lowers, &again, err);
	return r < 0 || !again ? r : err_set(err, -ELOOP, "a layer's links have no end");
}

/* What depends on the layers below, now that they are there. */
static int settle_all(struct crew *c, struct err *err)
{
	auto_free int *fds = xcalloc(c->n + 1, sizeof(*fds));
	for (size_t i = 0; i < c->n; i++) {
		struct task *t = &c->tasks[i];
		const struct overlayfs_lowers lowers = {.fds = fds + c->n - i, .n = i};
		bool redo = t->result.needs_lowers;
		int r = 0;
		if (t->mine && !redo)
			r = unpack_settle(t->layer.fs, &t->result, &lowers, &redo, err);
		if (r == 0 && redo)
			r = unpack_again(c, i, &lowers, err);
		if (r < 0)
			return r;
		fds[c->n - i - 1] = t->layer.fs;
	}
	return 0;
}

/* One sync for all, then the names: a layer that has its name is on the disk. */
static int publish_all(struct crew *c, struct err *err)
{
	bool synced = false;
	for (size_t i = 0; i < c->n; i++) {
		struct task *t = &c->tasks[i];
		if (!t->mine)
			continue;
		if (!synced && syncfs(t->layer.fs) < 0)
			return err_sys(err, -errno, "cannot write the layers to the disk");
		synced = true;
		int r = layer_publish(&t->layer, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int fetch_layers(const struct fetch *f, struct err *err)
{
	struct crew c = {.f = f, .n = f->manifest->n_layers};
	pthread_mutex_init(&c.lock, NULL);
	pthread_cond_init(&c.changed, NULL);
	c.tasks = xcalloc(c.n + 1, sizeof(*c.tasks));
	for (size_t i = 0; i < c.n; i++)
		c.tasks[i].layer.lock = c.tasks[i].layer.fs = -1;
	int r = claim_all(&c, err);
	if (r == 0) {
		crew_work(&c);
		if (c.err.code < 0)
			r = err_set(err, c.err.code, "%s", c.err.text);
	}
	if (r == 0)
		r = settle_all(&c, err);
	if (r == 0)
		r = publish_all(&c, err);
	for (size_t i = 0; i < c.n; i++) {
		layer_done(&c.tasks[i].layer);
		unpack_result_done(&c.tasks[i].result);
	}
	free(c.tasks);
	pthread_mutex_destroy(&c.lock);
	pthread_cond_destroy(&c.changed);
	return r;
}

int fetch_document(const char *dir, struct registry *r, struct registry_conn *c,
		   const struct blob_desc *desc, char **ret, size_t *ret_len, struct err *err)
{
	struct blob *b = NULL;
	int code = blob_open(dir, desc, &b, err);
	if (code < 0)
		return code;
	if (!blob_whole(b) && (code = registry_blob(r, c, desc->digest, b, err)) < 0)
		blob_fail(b, code, "", false);
	blob_close(b);
	return code < 0 ? code : blob_load(dir, desc->digest, ret, ret_len, err);
}
