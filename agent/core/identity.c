/* SPDX-License-Identifier: Apache-2.0
 * Joining, and the identity file. */
#include "agent/core/identity.h"
#include "base/crypto.h"
#include "base/fd.h"
#include "base/http.h"
#include "base/json.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/tls.h"
#include "manifests/jointoken.h"
#include <errno.h>
#include <string.h>
#include <time.h>

#define ORG           "carrack:agent"
#define REQUEST_MS    10000
#define ANSWER_MAX    (256u << 10)
#define JOIN_TRIES_MS 20000 /* a controller that is just starting */
#define JOIN_PAUSE_MS 500

DEFINE_CLEANUP(struct http *, http_free);

void identity_done(struct identity *id)
{
	if (id->key)
		crypto_wipe(id->key, strlen(id->key));
	free(id->node_id);
	free(id->name);
	free(id->key);
	free(id->cert);
	free(id->ca);
	strlist_done(&id->controllers);
	*id = (struct identity){0};
}

static int from_json(const json_t *j, struct identity *out, struct err *err)
{
	const char *node, *key, *cert, *ca;
	int r = json_need_str(j, "node_id", &node, err);
	if (r == 0)
		r = json_need_str(j, "key", &key, err);
	if (r == 0)
		r = json_need_str(j, "cert", &cert, err);
	if (r == 0)
		r = json_need_str(j, "ca", &ca, err);
	if (r < 0)
		return r;
	*out = (struct identity){
		.node_id = xstrdup(node),
		.name = xstrdup(json_str(j, "name")),
		.key = xstrdup(key),
		.cert = xstrdup(cert),
		.ca = xstrdup(ca),
		.issued = json_int(j, "issued", 0),
	};
	json_strlist(j, "controllers", &out->controllers);
	return 0;
}

int identity_load(const char *path, struct identity *out, struct err *err)
{
	struct err inner = {0};
	auto_json *j = json_parse_file(path, &inner);
	if (!j)
		return err_set(err, inner.code ? inner.code : -EINVAL, "%s", err_text(&inner));
	int r = from_json(j, out, err);
	return r < 0 ? err_wrap(err, r, "identity file \"%s\"", path) : 0;
}

static int save(const char *path, const struct identity *id, struct err *err)
{
	auto_json *j = json_object();
	json_put_str(j, "node_id", id->node_id);
	json_put_str(j, "name", id->name);
	json_put_str(j, "key", id->key);
	json_put_str(j, "cert", id->cert);
	json_put_str(j, "ca", id->ca);
	json_put_strlist(j, "controllers", &id->controllers);
	json_object_set_new(j, "issued", json_integer(id->issued));
	auto_free char *text = json_text_pretty(j);
	int r = file_write_atomic(path, text, strlen(text), 0600, err);
	crypto_wipe(text, strlen(text));
	return r;
}

/* A request with a JSON answer; any status but 200 is an error with the controller's sentence. */
static int ask(struct http *h, const struct http_req *req, json_t **ret, struct err *err)
{
	struct http_res res = {0};
	int r = http_do(h, req, &res, err);
	if (r < 0)
		return r;
	json_t *body = res.body.len ? json_parse(res.body.data, res.body.len, NULL) : NULL;
	if (res.status != 200) {
		const char *why = json_str(body, "error");
		r = err_set(err, -EPERM, "the controller answered %ld: %s", res.status,
			    why ? why : "it gave no reason");
	} else if (!json_is_object(body)) {
		r = err_set(err, -EPROTO, "the controller's answer is not JSON");
	} else {
		*ret = json_incref(body);
	}
	json_decref(body);
	http_res_done(&res);
	return r;
}

/* The CA of whoever answers there, believed only if it has the token's digest. */
static int fetch_ca(const char *address, const struct jointoken *t, char **ret, struct err *err)
{
	auto_(http_free) struct http *h = http_new();
	http_trust_anyone(h);
	auto_free char *url = xasprintf("https://%s/v1/ca", address);
	auto_json *body = NULL;
	const char *ca = NULL;
	char digest[TLS_DIGEST_HEX];
	struct http_req req = {.url = url, .timeout_ms = REQUEST_MS, .body_max = ANSWER_MAX};
	int r = ask(h, &req, &body, err);
	if (r == 0)
		r = json_need_str(body, "ca", &ca, err);
	if (r == 0)
		r = tls_cert_digest(ca, digest, err);
	if (r < 0)
		return r;
	if (strlen(t->ca_digest) != strlen(digest) ||
	    !crypto_equal(t->ca_digest, digest, strlen(digest)))
		return err_set(
			err, -EACCES,
			"who answers at \"%s\" is not the controller that made the token; get "
			"a new token, or look who is in between",
			address);
	*ret = xstrdup(ca);
	return 0;
}

static int post_csr(struct http *h, const char *url, const json_t *body, json_t **ret,
		    struct err *err)
{
	auto_strlist headers = {0};
	strlist_add(&headers, "Content-Type: application/json");
	auto_free char *text = json_text(body);
	struct http_req req = {.method = "POST",
			       .url = url,
			       .headers = &headers,
			       .body = text,
			       .body_len = strlen(text),
			       .timeout_ms = REQUEST_MS,
			       .body_max = ANSWER_MAX};
	return ask(h, &req, ret, err);
}

static int join_at(const char *address, const struct jointoken *t, const char *name,
		   struct identity *out, struct err *err)
{
	auto_free char *ca = NULL, *key = NULL, *csr = NULL;
	int r = fetch_ca(address, t, &ca, err);
	if (r == 0)
		r = tls_key_and_csr(ORG, name, &key, &csr, err);
	if (r < 0)
		return r;
	auto_(http_free) struct http *h = http_new();
	r = http_trust(h, ca, TLS_CONTROLLER_NAME, err);
	if (r < 0)
		return r;
	auto_free char *url = xasprintf("https://%s/v1/join", address);
	auto_json *body = json_object();
	json_put_str(body, "id", t->id);
	json_put_str(body, "secret", t->secret);
	json_put_str(body, "csr", csr);
	json_put_str(body, "name", name);
	auto_json *answer = NULL;
	const char *node = NULL, *cert = NULL;
	r = post_csr(h, url, body, &answer, err);
	if (r == 0)
		r = json_need_str(answer, "node_id", &node, err);
	if (r == 0)
		r = json_need_str(answer, "cert", &cert, err);
	if (r < 0)
		return r;
	*out = (struct identity){.node_id = xstrdup(node),
				 .name = xstrdup(name),
				 .key = take_ptr(key),
				 .cert = xstrdup(cert),
				 .ca = take_ptr(ca),
				 .issued = time(NULL)};
	strlist_copy(&out->controllers, &t->addrs);
	return 0;
}

/* Each address in turn; a refusal is final, silence is not. */
static int join_anywhere(const struct jointoken *t, const char *name, struct identity *out,
			 struct err *err)
{
	uint64_t until = clock_ms() + JOIN_TRIES_MS;
	for (;;) {
		int r = -ENOENT;
		for (size_t i = 0; i < t->addrs.n; i++) {
			r = join_at(t->addrs.v[i], t, name, out, err);
			if (r == 0 || r == -EPERM || r == -EACCES)
				return r;
		}
		if (clock_ms() >= until || t->addrs.n == 0)
			return r;
		log_info("agent", "cannot join yet, trying again: %s", err_text(err));
		struct timespec pause = {.tv_nsec = JOIN_PAUSE_MS * 1000000L};
		nanosleep(&pause, NULL);
	}
}

int identity_join(const char *path, const char *token, const char *name, struct identity *out,
		  struct err *err)
{
	struct jointoken t = {0};
	struct identity id = {0};
	int r = jointoken_parse(token, &t, err);
	if (r < 0)
		return r;
	r = join_anywhere(&t, name, &id, err);
	jointoken_done(&t);
	if (r < 0)
		return r;
	r = save(path, &id, err);
	if (r < 0) {
		identity_done(&id);
		return r;
	}
	*out = id;
	return 0;
}

static int renew_at(const char *address, const struct identity *old, const char *csr,
		    char **ret_cert, struct err *err)
{
	auto_(http_free) struct http *h = http_new();
	int r = http_trust(h, old->ca, TLS_CONTROLLER_NAME, err);
	if (r == 0)
		r = http_identity(h, old->key, old->cert, err);
	if (r < 0)
		return r;
	auto_free char *url = xasprintf("https://%s/v1/agent/renew", address);
	auto_json *body = json_object();
	json_put_str(body, "csr", csr);
	auto_json *answer = NULL;
	const char *cert = NULL;
	r = post_csr(h, url, body, &answer, err);
	if (r == 0)
		r = json_need_str(answer, "cert", &cert, err);
	if (r == 0)
		*ret_cert = xstrdup(cert);
	return r;
}

int identity_renew(const char *path, const struct identity *old, struct identity *out,
		   struct err *err)
{
	auto_free char *key = NULL, *csr = NULL, *cert = NULL;
	int r = tls_key_and_csr(ORG, old->node_id, &key, &csr, err);
	if (r < 0)
		return r;
	r = err_set(err, -ENOENT, "no controller address is known");
	for (size_t i = 0; i < old->controllers.n && r < 0; i++)
		r = renew_at(old->controllers.v[i], old, csr, &cert, err);
	if (r < 0)
		return r;
	struct identity id = {.node_id = xstrdup(old->node_id),
			      .name = xstrdup(old->name),
			      .key = take_ptr(key),
			      .cert = take_ptr(cert),
			      .ca = xstrdup(old->ca),
			      .issued = time(NULL)};
	strlist_copy(&id.controllers, &old->controllers);
	r = save(path, &id, err);
	if (r < 0) {
		identity_done(&id);
		return r;
	}
	*out = id;
	return 0;
}

int64_t identity_renew_at(const struct identity *id)
{
	int64_t expiry = 0;
	if (tls_cert_expiry(id->cert, &expiry, NULL) < 0)
		return 0;
	int64_t life = expiry - id->issued;
	return life > 0 ? id->issued + life / 3 * 2 : 0;
}
