/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's side of images: requests, one pull for all that want the same image, at most WORKERS_MAX
 * worker processes, and the index of what is there. Knows neither registries nor archives.
 */
#include "agent/image/blob.h"
#include "agent/image/layers.h"
#include "agent/image/local.h"
#include "agent/image/manifest.h"
#include "agent/image/pull.h"
#include "agent/image/refs.h"
#include "base/map.h"
#include "base/mem.h"
#include <errno.h>
#include <string.h>

#define WORKERS_MAX 3

struct image_request {
	struct image_store *store;
	struct image_request *next; /* of the same pull, or of those answered soon */
	struct pull *pull;          /* NULL: answered from here, by the timer */
	struct timer *timer;
	char *ref, *platform;
	char *why; /* said by the timer; NULL: the local image */
	enum image_policy policy;
	const struct image_ops *ops;
	void *arg;
};

struct pull {
	struct image_store *store;
	char *key;
	struct image_request *requests;
	struct pull_worker *worker; /* NULL: waits for its turn */
	bool ended;                 /* its requests are being answered */
};

struct image_store {
	struct loop *loop;
	char *dir;
	struct registry_config config;
	struct refs refs;
	struct map pulls; /* key -> struct pull, oldest first */
	int running;
	struct image_request *soon; /* answered by their timers */
	struct pull_worker *dying;
};

static void start_waiting(struct image_store *s);

static void config_copy(struct registry_config *dst, const struct registry_config *src)
{
	strlist_copy(&dst->insecure, &src->insecure);
	kvlist_copy(&dst->mirrors, &src->mirrors);
	kvlist_copy(&dst->auth, &src->auth);
}

int image_store_open(struct loop *l, const char *dir, const struct registry_config *rc,
		     struct image_store **ret, struct err *err)
{
	int r;
	struct refs refs = {0};
	if ((r = blob_dirs_make(dir, err)) < 0 || (r = layers_dirs_make(dir, err)) < 0 ||
	    (r = refs_open(dir, &refs, err)) < 0)
		return r;
	struct image_store *s = xcalloc(1, sizeof(*s));
	s->loop = l;
	s->dir = xstrdup(dir);
	s->refs = refs;
	if (rc)
		config_copy(&s->config, rc);
	*ret = s;
	return 0;
}

static void request_free(struct image_request *q)
{
	timer_free(q->timer);
	free(q->ref);
	free(q->platform);
	free(q->why);
	free(q);
}

static void pull_free(struct pull *p)
{
	free(p->key);
	free(p);
}

void image_store_close(struct image_store *s)
{
	if (!s)
		return;
	map_each(&s->pulls, e)
	{
		struct pull *p = e->val;
		pull_worker_kill(p->worker, &s->dying);
		while (p->requests) {
			struct image_request *q = p->requests;
			p->requests = q->next;
			request_free(q);
		}
		pull_free(p);
	}
	map_clear(&s->pulls);
	pull_workers_reap(&s->dying);
	while (s->soon) {
		struct image_request *q = s->soon;
		s->soon = q->next;
		request_free(q);
	}
	refs_done(&s->refs);
	strlist_done(&s->config.insecure);
	kvlist_done(&s->config.mirrors);
	kvlist_done(&s->config.auth);
	free(s->dir);
	free(s);
}

static struct image *local_by_key(struct image_store *s, const char *key, const char *ref,
				  struct err *err)
{
	const char *digest = refs_digest(&s->refs, key);
	if (!digest) {
		err_set(err, -ENOENT, "the image '%s' is not on this node", ref);
		return NULL;
	}
	struct image *i = local_image(s->dir, ref, digest, NULL, err);
	if (!i)
		err_wrap(err, -ENOENT, "the image '%s' is not whole on this node", ref);
	return i;
}

static bool local_is_whole(struct image_store *s, const char *key, const char *ref)
{
	struct image *i = local_by_key(s, key, ref, NULL);
	image_free(i);
	return i != NULL;
}

struct image *image_local(struct image_store *s, const char *ref, struct err *err)
{
	auto_free char *key = NULL;
	if (refs_key(ref, NULL, &key, err) < 0)
		return NULL;
	return local_by_key(s, key, ref, err);
}

/* Ends the request: its owner has it no more. */
static void answer(struct image_request *q, struct image *i, const char *why)
{
	q->ops->done(i, why, q->arg);
	request_free(q);
}

/* Takes a request out of the list it is in. */
static void unlink_request(struct image_request *q)
{
	struct image_request **at = q->pull ? &q->pull->requests : &q->store->soon;
	while (*at && *at != q)
		at = &(*at)->next;
	if (*at)
		*at = q->next;
}

static void on_timer(void *arg)
{
	struct image_request *q = arg;
	auto_free char *key = NULL;
	struct err err = {0};
	struct image *i = NULL;
	if (!q->why && refs_key(q->ref, q->platform, &key, &err) == 0)
		i = local_by_key(q->store, key, q->ref, &err);
	unlink_request(q);
	answer(q, i, i ? NULL : q->why ? q->why : err_text(&err));
}

/* The answer comes with the next turn, so that done is never called from within image_get. */
static void answer_soon(struct image_request *q, const char *why)
{
	q->why = xstrdup(why);
	q->next = q->store->soon;
	q->store->soon = q;
	q->timer = timer_new(q->store->loop, on_timer, q);
	timer_set(q->timer, 0);
}

static void on_pull_progress(const struct image_progress *progress, void *arg)
{
	struct pull *p = arg;
	struct image_request *next;
	for (struct image_request *q = p->requests; q; q = next) {
		next = q->next;
		if (q->ops->progress)
			q->ops->progress(progress, q->arg);
	}
}

/* Whether an image that is there answers for a registry that cannot be reached. */
static bool old_one_will_do(const struct image_request *q, int code)
{
	return q->policy != IMAGE_NEVER && code == -EHOSTUNREACH;
}

static void answer_pulled(struct image_request *q, const char *key, int code, const char *why)
{
	struct err err = {0};
	struct image *i = NULL;
	if (code == 0 || old_one_will_do(q, code))
		i = local_by_key(q->store, key, q->ref, &err);
	if (i)
		answer(q, i, NULL);
	else
		answer(q, NULL, code < 0 ? why : err_text(&err));
}

static int remember(struct image_store *s, const char *key, const char *digest, struct err *err)
{
	int64_t size;
	struct image *i = local_image(s->dir, key, digest, &size, err);
	if (!i)
		return -ENOENT;
	image_free(i);
	return refs_set(&s->refs, key, digest, size, err);
}

static void on_pull_ended(const char *digest, int code, const char *why, void *arg)
{
	struct pull *p = arg;
	struct image_store *s = p->store;
	struct err err = {0};
	s->running--;
	p->ended = true;
	map_del(&s->pulls, p->key);
	if (digest && (code = remember(s, p->key, digest, &err)) < 0)
		why = err_text(&err);
	while (p->requests) {
		struct image_request *q = p->requests;
		p->requests = q->next;
		q->pull = NULL;
		answer_pulled(q, p->key, code, why);
	}
	pull_free(p);
	start_waiting(s);
}

static const struct pull_ops pull_ops = {.progress = on_pull_progress, .ended = on_pull_ended};

static int pull_start(struct pull *p, struct err *err)
{
	struct image_store *s = p->store;
	auto_json *job = json_object();
	json_put_str(job, "dir", s->dir);
	json_put_str(job, "ref", p->requests->ref);
	json_put_str(job, "platform", p->requests->platform);
	json_put_new(job, "have", json_boolean(local_is_whole(s, p->key, p->requests->ref)));
	json_put_strlist(job, "insecure", &s->config.insecure);
	json_put_kvlist(job, "mirrors", &s->config.mirrors);
	json_put_kvlist(job, "auth", &s->config.auth);
	int r = pull_worker_start(s->loop, job, &pull_ops, p, &p->worker, err);
	s->running += r == 0;
	return r;
}

/* A pull that cannot start answers its requests in the next turn. */
static void pull_refuse(struct pull *p, const struct err *err)
{
	map_del(&p->store->pulls, p->key);
	while (p->requests) {
		struct image_request *q = p->requests;
		p->requests = q->next;
		q->pull = NULL;
		answer_soon(q, err_text(err));
	}
	pull_free(p);
}

static struct pull *next_waiting(struct image_store *s)
{
	map_each(&s->pulls, e)
	{
		struct pull *p = e->val;
		if (!p->worker)
			return p;
	}
	return NULL;
}

static void start_waiting(struct image_store *s)
{
	struct pull *p;
	while (s->running < WORKERS_MAX && (p = next_waiting(s))) {
		struct err err = {0};
		if (pull_start(p, &err) < 0)
			pull_refuse(p, &err);
	}
}

static void join_pull(struct image_store *s, const char *key, struct image_request *q)
{
	struct pull *p = map_get(&s->pulls, key);
	if (!p) {
		p = xcalloc(1, sizeof(*p));
		p->store = s;
		p->key = xstrdup(key);
		map_set(&s->pulls, key, p);
	}
	q->pull = p;
	q->next = p->requests;
	p->requests = q;
	start_waiting(s);
}

struct image_request *image_get(struct image_store *s, const char *ref, const char *platform,
				enum image_policy policy, const struct image_ops *ops, void *arg)
{
	auto_free char *key = NULL;
	struct err err = {0};
	struct image_request *q = xcalloc(1, sizeof(*q));
	q->store = s;
	q->ref = xstrdup(ref);
	q->platform = xstrdup(platform && *platform ? platform : NULL);
	q->policy = policy;
	q->ops = ops;
	q->arg = arg;
	if (refs_key(ref, q->platform, &key, &err) < 0)
		answer_soon(q, err_text(&err));
	else if (policy == IMAGE_NEVER || (policy == IMAGE_MISSING && local_is_whole(s, key, ref)))
		answer_soon(q, NULL);
	else
		join_pull(s, key, q);
	return q;
}

void image_cancel(struct image_request *r)
{
	if (!r)
		return;
	struct pull *p = r->pull;
	unlink_request(r);
	request_free(r);
	if (!p || p->requests || p->ended)
		return;
	struct image_store *s = p->store;
	s->running -= p->worker != NULL;
	pull_worker_kill(p->worker, &s->dying);
	map_del(&s->pulls, p->key);
	pull_free(p);
	start_waiting(s);
}

unsigned image_changes(const struct image_store *s)
{
	return s->refs.changes;
}

json_t *image_list(struct image_store *s)
{
	return refs_list(&s->refs);
}
