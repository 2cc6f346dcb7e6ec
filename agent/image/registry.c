/* SPDX-License-Identifier: Apache-2.0
 * A repository on its registry and mirrors: which address to ask, when to ask again, and what an
 * answer means. */
#include "agent/image/registry.h"
#include "agent/image/endpoint.h"
#include "base/num.h"
#include "manifests/limits.h"
#include <errno.h>
#include <string.h>
#include <time.h>

#define ENDPOINTS_MAX     3 /* a mirror, the registry by TLS, the registry without */
#define TRIES_MAX         5
#define TRIES_UNREACHABLE 2 /* for a manifest, when nobody answers at all */
#define BACKOFF_MS        300
#define RETRY_AFTER_MAX_S 30

struct registry {
	char *host, *repo, *scope;
	struct endpoint endpoints[ENDPOINTS_MAX];
	size_t n;
	size_t mirrors; /* of them, in front */
	bool hurry;
};

struct registry_conn {
	struct http *verified, *unverified;
};

struct registry_conn *registry_conn_new(void)
{
	return xcalloc(1, sizeof(struct registry_conn));
}

void registry_conn_free(struct registry_conn *c)
{
	if (!c)
		return;
	if (c->verified)
		http_free(c->verified);
	if (c->unverified)
		http_free(c->unverified);
	free(c);
}

static struct http *conn_http(struct registry_conn *c, bool insecure)
{
	struct http **h = insecure ? &c->unverified : &c->verified;
	if (!*h) {
		*h = http_new();
		if (insecure)
			http_trust_anyone(*h);
	}
	return *h;
}

static void add_endpoint(struct registry *r, const char *base, bool insecure, const char *auth)
{
	if (endpoint_init(&r->endpoints[r->n], base, insecure, auth))
		r->n++;
}

static bool is_insecure(const struct registry_config *rc, const char *host)
{
	size_t n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	auto_free char *bare = xstrndup(host, n);
	return strlist_has(&rc->insecure, host) || strlist_has(&rc->insecure, bare) ||
	       host_is_loopback(bare);
}

struct registry *registry_new(const struct registry_config *rc, const struct ref *ref)
{
	struct registry *r = xcalloc(1, sizeof(*r));
	const char *mirror = kvlist_get(&rc->mirrors, ref->host);
	const char *auth = kvlist_get(&rc->auth, ref->host);
	r->host = xstrdup(ref_registry(ref));
	r->repo = xstrdup(ref->repo);
	r->scope = xasprintf("repository:%s:pull", ref->repo);
	if (mirror) {
		struct url u;
		if (url_parse(mirror, &u)) {
			auto_free char *at =
				u.port ? xasprintf("%s:%s", u.host, u.port) : xstrdup(u.host);
			add_endpoint(r, mirror, is_insecure(rc, at), kvlist_get(&rc->auth, at));
			r->mirrors = r->n;
			url_done(&u);
		}
	}
	bool insecure = is_insecure(rc, r->host);
	auto_free char *tls = xasprintf("https://%s", r->host);
	auto_free char *plain = xasprintf("http://%s", r->host);
	add_endpoint(r, tls, insecure, auth);
	if (insecure)
		add_endpoint(r, plain, true, auth);
	return r;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		endpoint_done(&r->endpoints[i]);
	free(r->host);
	free(r->repo);
	free(r->scope);
	free(r);
}

void registry_hurry(struct registry *r)
{
	r->hurry = true;
}

static bool worth_again(long status)
{
	return status == 429 || status == 408 || status >= 500;
}

static void back_off(int tries, const struct http_res *res)
{
	long ms = (long)BACKOFF_MS << tries;
	const char *after = http_header(res, "retry-after");
	int64_t seconds;
	char random[3];
	unsigned char byte = 0;
	if (after && num_parse_i64(after, 0, RETRY_AFTER_MAX_S, &seconds))
		ms = seconds * 1000;
	random_hex(random, 2);
	hex_decode(random, &byte, 1);
	ms += ms * byte / 1024; /* up to a quarter, so that a cluster does not come back as one */
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&pause, NULL);
}

/* What a final answer that is no success means, as a sentence. */
static int refusal(const struct registry *r, long status, const char *what, struct err *err)
{
	if (status == 404)
		return err_set(err, -ENOENT,
			       "the registry '%s' has no '%s%s%s'; check the name of the image",
			       r->host, r->repo, strchr(what, ':') ? "@" : ":", what);
	if (status == 401 || status == 403)
		return err_set(
			err, -EACCES,
			"the registry '%s' does not let us read '%s'; check the name, and the "
			"user and password in the agent's configuration",
			r->host, r->repo);
	if (status == 429)
		return err_set(
			err, -EBUSY,
			"the registry '%s' allows no more requests for now; try again later or "
			"use a mirror",
			r->host);
	return err_set(err, -EPROTO, "the registry '%s' answered '%s' with status %ld", r->host,
		       what, status);
}

static bool is_dead(struct endpoint *e)
{
	pthread_mutex_lock(&e->lock);
	bool dead = e->dead;
	pthread_mutex_unlock(&e->lock);
	return dead;
}

static void mark_dead(struct endpoint *e)
{
	pthread_mutex_lock(&e->lock);
	e->dead = true;
	pthread_mutex_unlock(&e->lock);
}

/* Nobody answered at e. */
static void give_up(struct registry *r, struct endpoint *e, int code)
{
	mark_dead(e);
	/* Who is silent by TLS is so in the clear. */
	if (r->hurry && code == -ETIMEDOUT && e >= &r->endpoints[r->mirrors])
		mark_dead(&r->endpoints[r->n - 1]);
}

static int manifest_from(struct registry *r, struct registry_conn *c, struct endpoint *e,
			 const char *version, struct http_res *res, struct err *err)
{
	auto_free char *path = xasprintf("/v2/%s/manifests/%s", r->repo, version);
	struct endpoint_ask q = {.path = path,
				 .accept = MANIFEST_ACCEPT,
				 .scope = r->scope,
				 .hurry = r->hurry,
				 .body_max = LIMIT_MANIFEST_BYTES};
	bool last = e == &r->endpoints[r->n - 1];
	int tries_max = last && !r->hurry ? TRIES_UNREACHABLE : 1;
	for (int tries = 0;; tries++) {
		int code = endpoint_get(e, conn_http(c, e->insecure), &q, res, err);
		bool unreachable = code < 0 && res->status == 0 && code != -EACCES;
		if (unreachable && tries + 1 >= tries_max) {
			give_up(r, e, code);
			return code == -EFBIG ? code
					      : err_wrap(err, -EHOSTUNREACH,
							 "cannot reach the registry '%s'", r->host);
		}
		if (code < 0 && !unreachable)
			return code;
		if (code == 0 && (!worth_again(res->status) || tries + 1 >= TRIES_MAX))
			return res->status == 200 ? 0 : refusal(r, res->status, version, err);
		back_off(tries, res);
		http_res_done(res);
		*res = (struct http_res){0};
	}
}

static int doc_take(struct registry *r, struct http_res *res, const char *version,
		    struct registry_doc *ret, struct err *err)
{
	struct registry_doc d = {.len = res->body.len};
	sha256_text(res->body.data ? res->body.data : "", res->body.len, d.digest);
	if (strchr(version, ':') && !streq(d.digest, version))
		return err_set(
			err, -EBADMSG,
			"the registry '%s' sent another manifest than the digest '%.19s' names",
			r->host, version);
	d.content_type = xstrdup(http_header(res, "content-type"));
	d.text = str_take(&res->body);
	*ret = d;
	return 0;
}

int registry_manifest(struct registry *r, struct registry_conn *c, const char *version,
		      struct registry_doc *ret, struct err *err)
{
	int code = -EHOSTUNREACH;
	struct err why = {0};
	for (size_t i = 0; i < r->n; i++) {
		struct http_res res = {0};
		if (is_dead(&r->endpoints[i]))
			continue;
		code = manifest_from(r, c, &r->endpoints[i], version, &res, &why);
		if (code == 0)
			code = doc_take(r, &res, version, ret, &why);
		http_res_done(&res);
		if (code == 0)
			return 0;
		if (i >= r->mirrors && code != -EHOSTUNREACH)
			break; /* the registry itself has spoken: nothing is sent in the clear after it */
	}
	return err_set(err, code, "%s", why.code ? why.text : "no registry answers");
}

void registry_doc_done(struct registry_doc *d)
{
	free(d->text);
	free(d->content_type);
	*d = (struct registry_doc){0};
}

struct sink {
	struct blob *blob;
	struct http_res *res;
	int64_t skip; /* of an answer that does not start where we asked it to */
	bool begun;
	struct err err;
};

/* Where an answer begins: registries and caches may ignore a range, or round it. */
static int64_t answer_start(const struct http_res *res)
{
	const char *range = http_header(res, "content-range");
	int64_t start;
	if (!range || !str_starts(range, "bytes "))
		return 0;
	range += strlen("bytes ");
	auto_free char *first = xstrndup(range, strspn(range, "0123456789"));
	return num_parse_i64(first, 0, INT64_MAX, &start) ? start : 0;
}

static int on_blob(const void *data, size_t n, void *arg)
{
	struct sink *s = arg;
	if (!s->begun)
		s->skip = blob_have(s->blob) - answer_start(s->res);
	s->begun = true;
	if (s->skip < 0)
		return err_set(&s->err, -EBADMSG,
			       "the registry sent another part than was asked for");
	size_t skip = (int64_t)n < s->skip ? n : (size_t)s->skip;
	s->skip -= (int64_t)skip;
	if (n == skip)
		return 0;
	return blob_append(s->blob, (const char *)data + skip, n - skip, &s->err);
}

/* One try: 0 whole, -EAGAIN worth another, else final. */
static int blob_try(struct registry *r, struct registry_conn *c, struct endpoint *e,
		    const char *digest, struct blob *b, int tries, struct err *err)
{
	auto_free char *path = xasprintf("/v2/%s/blobs/%s", r->repo, digest);
	struct http_res res = {0};
	struct sink s = {.blob = b, .res = &res};
	struct endpoint_ask q = {.path = path,
				 .scope = r->scope,
				 .offset = blob_have(b),
				 .on_body = on_blob,
				 .arg = &s};
	int code = endpoint_get(e, conn_http(c, e->insecure), &q, &res, err);
	if (s.err.code < 0)
		code = err_set(err, s.err.code, "%s", s.err.text);
	else if (code < 0 && code != -EACCES)
		code = -EAGAIN;
	else if (code == 0 && res.status != 200 && res.status != 206)
		code = worth_again(res.status) ? (refusal(r, res.status, digest, err), -EAGAIN)
					       : refusal(r, res.status, digest, err);
	else if (code == 0 && !blob_full(b))
		code = (err_set(err, -EAGAIN, "the registry '%s' ended a blob too early", r->host),
			-EAGAIN);
	if (code == -EAGAIN && tries + 1 < TRIES_MAX)
		back_off(tries, &res);
	http_res_done(&res);
	return code;
}

static int blob_from(struct registry *r, struct registry_conn *c, struct endpoint *e,
		     const char *digest, struct blob *b, struct err *err)
{
	int code = -EAGAIN;
	for (int tries = 0; code == -EAGAIN && tries < TRIES_MAX; tries++) {
		int64_t before = blob_have(b);
		code = blob_try(r, c, e, digest, b, tries, err);
		if (blob_have(b) > before)
			tries = -1; /* it moves: go on as long as it does */
	}
	return code;
}

int registry_blob(struct registry *r, struct registry_conn *c, const char *digest, struct blob *b,
		  struct err *err)
{
	int code = -EHOSTUNREACH;
	struct err why = {0};
	if (blob_full(b)) /* left whole by a writer that was killed, or empty */
		return blob_finish(b, err);
	for (size_t i = 0; i < r->n; i++) {
		if (is_dead(&r->endpoints[i]))
			continue;
		code = blob_from(r, c, &r->endpoints[i], digest, b, &why);
		if (code == 0)
			return blob_finish(b, err);
		if (i >= r->mirrors || why.code == -ENOSPC || why.code == -ECANCELED ||
		    why.code == -EBADMSG)
			break;
	}
	return err_set(err, code == -EAGAIN ? -EHOSTUNREACH : code, "%s",
		       why.code ? why.text : "no registry answers");
}
