/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to one address of a registry. A password or token goes only to the origin it is for, and
 * the password to token servers of the same site; redirects are followed here, by hand, without them.
 */
#include "agent/image/endpoint.h"
#include "base/json.h"
#include "base/mem.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REDIRECTS_MAX    5
#define TOKEN_BYTES_MAX  (256 << 10)
#define TOKEN_TIMEOUT_MS 30000
#define HEADER_BYTES_MAX 65536
#define HURRY_CONNECT_MS 2000
#define HURRY_MS         10000

bool endpoint_init(struct endpoint *e, const char *base, bool insecure, const char *auth)
{
	*e = (struct endpoint){.insecure = insecure};
	if (!url_parse(base, &e->url))
		return false;
	size_t n = strlen(base);
	while (n > 0 && base[n - 1] == '/')
		n--;
	e->base = xstrndup(base, n);
	const char *colon = auth ? strchr(auth, ':') : NULL;
	if (colon) {
		e->user = xstrndup(auth, (size_t)(colon - auth));
		e->password = xstrdup(colon + 1);
	}
	pthread_mutex_init(&e->lock, NULL);
	return true;
}

static void wipe(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void endpoint_done(struct endpoint *e)
{
	free(e->base);
	url_done(&e->url);
	free(e->user);
	wipe(e->password);
	wipe(e->authorization);
	pthread_mutex_destroy(&e->lock);
}

static bool same_origin(const struct url *a, const struct url *b)
{
	return a->tls == b->tls && streq(a->host, b->host) && streq(a->port, b->port);
}

static char *base64(const char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = (const unsigned char *)text;
	auto_str out = {0};
	for (size_t n = strlen(text), i = 0; i < n; i += 3) {
		unsigned v = (unsigned)s[i] << 16 | (i + 1 < n ? (unsigned)s[i + 1] << 8 : 0) |
			     (i + 2 < n ? s[i + 2] : 0u);
		str_addc(&out, digits[v >> 18]);
		str_addc(&out, digits[v >> 12 & 63]);
		str_addc(&out, i + 1 < n ? digits[v >> 6 & 63] : '=');
		str_addc(&out, i + 2 < n ? digits[v & 63] : '=');
	}
	return str_take(&out);
}

static char *token_url(const struct challenge *c, const char *scope)
{
	auto_str url = {0};
	auto_free char *service = c->service ? http_escape(c->service) : NULL;
	auto_free char *scope_text = http_escape(c->scope ? c->scope : scope);
	str_addf(&url, "%s%sscope=%s", c->realm, strchr(c->realm, '?') ? "&" : "?", scope_text);
	if (service)
		str_addf(&url, "&service=%s", service);
	return str_take(&url);
}

static int token_answer(const struct http_res *res, const char *host, char **ret, struct err *err)
{
	if (res->status == 401 || res->status == 403)
		return err_set(
			err, -EACCES,
			"the token server '%s' refuses the user and password, or wants some; "
			"set them in the agent's configuration",
			host);
	if (res->status != 200)
		return err_set(err, -EPROTO, "the token server '%s' answered with status %ld", host,
			       res->status);
	auto_json *doc = json_parse(res->body.data ? res->body.data : "", res->body.len, err);
	const char *token = json_str(doc, "token");
	if (!token)
		token = json_str(doc, "access_token");
	if (!token || strpbrk(token, "\r\n") || strlen(token) > HEADER_BYTES_MAX)
		return err_set(err, -EPROTO, "the token server '%s' gave no usable token", host);
	*ret = xasprintf("Bearer %s", token);
	return 0;
}

static int fetch_token(struct endpoint *e, struct http *h, const struct challenge *c,
		       const char *scope, char **ret, struct err *err)
{
	struct url realm;
	struct http_res res = {0};
	if (!url_parse(c->realm, &realm))
		return err_set(err, -EPROTO,
			       "the registry '%s' names a token server '%.200s' that "
			       "is no URL",
			       e->url.host, c->realm);
	int r = 0;
	if (!target_allowed(&e->url, &realm) || (e->user && !realm_trusted(&e->url, &realm)))
		r = err_set(err, -EACCES,
			    "the registry '%s' sends its clients for a token to '%s', which is "
			    "refused: it is not of the same site",
			    e->url.host, realm.host);
	if (r == 0) {
		auto_free char *url = token_url(c, scope);
		struct http_req req = {.url = url,
				       .user = e->user,
				       .password = e->password,
				       .timeout_ms = TOKEN_TIMEOUT_MS,
				       .body_max = TOKEN_BYTES_MAX,
				       .no_redirects = true};
		r = http_do(h, &req, &res, err);
	}
	if (r == 0)
		r = token_answer(&res, realm.host, ret, err);
	url_done(&realm);
	if (res.body.data)
		explicit_bzero(res.body.data, res.body.len);
	http_res_done(&res);
	return r;
}

/* As a person wrote it, with the port: two registries may be on one host. */
static const char *endpoint_label(const struct endpoint *e)
{
	const char *sep = strstr(e->base, "://");
	return sep ? sep + 3 : e->base;
}

static int basic_value(const struct endpoint *e, char **ret, struct err *err)
{
	if (!e->user)
		return err_set(err, -EACCES,
			       "the registry '%s' wants a user and a password; set registries.auth "
			       "agent's configuration",
			       endpoint_label(e));
	auto_free char *pair = xasprintf("%s:%s", e->user, e->password);
	auto_free char *text = base64(pair);
	explicit_bzero(pair, strlen(pair));
	*ret = xasprintf("Basic %s", text);
	return 0;
}

/* After a 401 to a request that carried used (or nothing). */
static int authenticate(struct endpoint *e, struct http *h, const char *used, const char *scope,
			const struct http_res *res, struct err *err)
{
	const char *header = http_header(res, "www-authenticate");
	struct challenge c = {0};
	char *value = NULL;
	int r = 0;

	pthread_mutex_lock(&e->lock);
	bool renewed = e->authorization && !streq(e->authorization, used);
	pthread_mutex_unlock(&e->lock);
	if (renewed)
		return 0; /* by another thread */
	if (!header || !challenge_parse(header, &c))
		return err_set(err, -EPROTO,
			       "the registry '%s' wants an authentication that is not known",
			       endpoint_label(e));
	if (c.basic)
		r = basic_value(e, &value, err);
	else
		r = fetch_token(e, h, &c, scope, &value, err);
	challenge_done(&c);
	if (r < 0)
		return r;
	pthread_mutex_lock(&e->lock);
	wipe(e->authorization);
	e->authorization = value;
	pthread_mutex_unlock(&e->lock);
	return 0;
}

/* The URL that a redirect from at leads to, or NULL when it is refused. */
static char *redirect(const struct endpoint *e, const struct url *at, const char *location,
		      struct err *err)
{
	auto_free char *full = NULL;
	struct url to;
	if (location && location[0] == '/' && location[1] != '/')
		full = xasprintf("%s://%s%s%s%s", at->tls ? "https" : "http", at->host,
				 at->port ? ":" : "", at->port ? at->port : "", location);
	else if (location)
		full = xstrdup(location);
	if (!full || !url_parse(full, &to)) {
		err_set(err, -EPROTO, "the registry '%s' redirects to nowhere", e->url.host);
		return NULL;
	}
	bool allowed = target_allowed(&e->url, &to);
	if (!allowed)
		err_set(err, -EACCES, "the registry '%s' redirects to '%s', which is refused",
			e->url.host, to.host);
	url_done(&to);
	return allowed ? take_ptr(full) : NULL;
}

static int one_request(struct endpoint *e, struct http *h, const struct endpoint_ask *q,
		       const char *url, const char *authorization, struct http_res *res,
		       struct err *err)
{
	auto_strlist headers = {0};
	if (q->accept)
		strlist_add(&headers, q->accept);
	if (authorization)
		strlist_addf(&headers, "Authorization: %s", authorization);
	if (q->offset > 0)
		strlist_addf(&headers, "Range: bytes=%" PRId64 "-", q->offset);
	struct http_req req = {.url = url,
			       .headers = &headers,
			       .timeout_ms = q->hurry ? HURRY_MS : 0,
			       .connect_ms = q->hurry ? HURRY_CONNECT_MS : 0,
			       .body_max = q->body_max,
			       .on_body = q->on_body,
			       .arg = q->arg,
			       .no_redirects = true};
	(void)e;
	return http_do(h, &req, res, err);
}

static int follow(struct endpoint *e, struct http *h, const struct endpoint_ask *q,
		  const char *authorization, struct http_res *res, struct err *err)
{
	auto_free char *url = xasprintf("%s%s", e->base, q->path);
	for (int hops = 0;; hops++) {
		struct url at;
		if (!url_parse(url, &at))
			return err_set(err, -EPROTO, "'%.200s' is no URL", url);
		bool own = same_origin(&at, &e->url);
		int r = one_request(e, h, q, url, own ? authorization : NULL, res, err);
		if (r < 0 || res->status < 300 || res->status > 399 || res->status == 304) {
			url_done(&at);
			return r;
		}
		char *next = redirect(e, &at, http_header(res, "location"), err);
		url_done(&at);
		if (!next)
			return -EACCES;
		free(url);
		url = next;
		if (hops == REDIRECTS_MAX)
			return err_set(err, -ELOOP, "the registry '%s' redirects in circles",
				       e->url.host);
		http_res_done(res);
		*res = (struct http_res){0};
	}
}

int endpoint_get(struct endpoint *e, struct http *h, const struct endpoint_ask *q,
		 struct http_res *res, struct err *err)
{
	for (int tries = 0;; tries++) {
		pthread_mutex_lock(&e->lock);
		auto_free char *authorization = xstrdup(e->authorization);
		pthread_mutex_unlock(&e->lock);
		int r = follow(e, h, q, authorization, res, err);
		if (r < 0 || res->status != 401 || tries > 0)
			return r;
		if ((r = authenticate(e, h, authorization, q->scope, res, err)) < 0)
			return r;
		http_res_done(res);
		*res = (struct http_res){0};
	}
}
