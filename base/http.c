/* SPDX-License-Identifier: Apache-2.0
 *
 * The blocking HTTP client over libcurl's easy handles; see http.h. Redirects are followed here and
 * not by libcurl, so that credentials of any form stay with the host they were meant for.
 */
#include "base/http.h"
#include "base/curl.h"
#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CONNECT_MS    5000
#define STALL_SEC     30
#define REDIRECTS_MAX 5
#define HEADERS_MAX   (64u << 10)
#define BODY_MAX      (64u << 20)
#define ERROR_MAX     (64u << 10) /* of an error's body when the body is streamed */

struct http {
	CURL *curl;
	char *ca, *name; /* http_trust */
	char *key, *cert;
	bool anyone;
};

/* One exchange: what the callbacks of libcurl fill. */
struct exchange {
	struct http *http;
	const struct http_req *req;
	struct http_res *res;
	char cause[CURL_ERROR_SIZE];
	size_t headers_len;
	const char *why; /* we ended it ourselves: for this reason */
	int code;        /* and with this code; on_body's when why is NULL */
};

struct http *http_new(void)
{
	struct http *h = xcalloc(1, sizeof(*h));
	h->curl = curl_easy_init();
	if (!h->curl)
		abort();
	return h;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->curl);
	free(h->ca);
	free(h->name);
	free(h->key);
	free(h->cert);
	free(h);
}

int http_trust(struct http *h, const char *ca_pem, const char *server_name, struct err *err)
{
	if (!strstr(ca_pem, "-----BEGIN CERTIFICATE-----"))
		return err_set(err, -EINVAL, "the CA's certificate is not in PEM form");
	free(h->ca);
	free(h->name);
	h->ca = xstrdup(ca_pem);
	h->name = xstrdup(server_name);
	return 0;
}

void http_trust_anyone(struct http *h)
{
	h->anyone = true;
}

int http_identity(struct http *h, const char *key_pem, const char *cert_pem, struct err *err)
{
	if (!strstr(key_pem, "PRIVATE KEY-----"))
		return err_set(err, -EINVAL, "the key is not in PEM form");
	if (!strstr(cert_pem, "-----BEGIN CERTIFICATE-----"))
		return err_set(err, -EINVAL, "the certificate is not in PEM form");
	free(h->key);
	free(h->cert);
	h->key = xstrdup(key_pem);
	h->cert = xstrdup(cert_pem);
	return 0;
}

/* --- callbacks ---------------------------------------------------------------------------- */

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	n *= size;
	x->headers_len += n;
	if (x->headers_len > HEADERS_MAX) {
		x->why = "the answer's head is too long";
		x->code = -EMSGSIZE;
		return 0;
	}
	if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* another response: 100, then 200 */
		kvlist_done(&x->res->headers);
		return n;
	}
	const char *colon = memchr(line, ':', n);
	if (!colon)
		return n;
	auto_free char *name = xstrndup(line, (size_t)(colon - line));
	for (char *p = name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	const char *v = colon + 1, *end = line + n;
	while (v < end && isspace((unsigned char)*v))
		v++;
	while (end > v && isspace((unsigned char)end[-1]))
		end--;
	auto_free char *value = xstrndup(v, (size_t)(end - v));
	kvlist_set(&x->res->headers, name, value);
	return n;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	struct str *body = &x->res->body;
	long status = 0;
	n *= size;
	curl_easy_getinfo(x->http->curl, CURLINFO_RESPONSE_CODE, &status);
	if (x->req->on_body && status / 100 == 2) {
		int r = x->req->on_body(data, n, x->req->arg);
		x->code = r > 0 ? -ECANCELED : r;
		return x->code ? 0 : n;
	}
	if (x->req->on_body) {
		size_t room = body->len < ERROR_MAX ? ERROR_MAX - body->len : 0;
		str_addn(body, data, n < room ? n : room);
		return n;
	}
	if (body->len + n > (x->req->body_max ? x->req->body_max : BODY_MAX)) {
		x->why = "the answer is too large";
		x->code = -EFBIG;
		return 0;
	}
	str_addn(body, data, n);
	return n;
}

/* --- one request -------------------------------------------------------------------------- */

static void set_blob(CURL *curl, CURLoption option, const char *pem)
{
	struct curl_blob blob = {(void *)(uintptr_t)pem, strlen(pem), CURL_BLOB_COPY};
	curl_easy_setopt(curl, option, &blob);
}

static void set_tls(struct http *h)
{
	if (h->anyone) {
		curl_easy_setopt(h->curl, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(h->curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (h->ca) {
		set_blob(h->curl, CURLOPT_CAINFO_BLOB, h->ca);
		curl_easy_setopt(h->curl, CURLOPT_CAPATH, NULL);
	}
	if (h->key) {
		set_blob(h->curl, CURLOPT_SSLKEY_BLOB, h->key);
		set_blob(h->curl, CURLOPT_SSLCERT_BLOB, h->cert);
	}
}

static void set_method(CURL *curl, const struct http_req *req)
{
	const char *method = req->method ? req->method : "GET";
	if (req->body || !strcmp(method, "POST") || !strcmp(method, "PUT") ||
	    !strcmp(method, "PATCH")) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, req->body ? req->body : "");
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_len);
	}
	if (!strcmp(method, "HEAD"))
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

static bool is_credential(const char *header)
{
	static const char *const names[] = {"authorization:", "cookie:", "proxy-authorization:"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strncasecmp(header, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static struct curl_slist *header_list(const struct http_req *req, bool trusted)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");
	if (!list)
		abort();
	for (size_t i = 0; req->headers && i < req->headers->n; i++) {
		if (!trusted && is_credential(req->headers->v[i]))
			continue;
		if (!curl_slist_append(list, req->headers->v[i]))
			abort();
	}
	return list;
}

static void set_limits(CURL *curl, const struct http_req *req)
{
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
			 req->connect_ms ? req->connect_ms : (long)CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, req->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SEC);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 128L << 10);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "carrack/" CARRACK_VERSION);
}

/* The URL to ask and, where the name to check is not the URL's, where its name leads. */
static char *pinned_url(struct http *h, const char *url, struct curl_slist **connect_to)
{
	if (!h->name)
		return xstrdup(url);
	CURLU *u = curl_url();
	auto_free char *ret = NULL;
	char *host = NULL, *port = NULL, *out = NULL;
	if (u && !curl_url_set(u, CURLUPART_URL, url, 0) &&
	    !curl_url_get(u, CURLUPART_HOST, &host, 0) &&
	    !curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) &&
	    !curl_url_set(u, CURLUPART_HOST, h->name, 0) &&
	    !curl_url_get(u, CURLUPART_URL, &out, 0)) {
		auto_free char *to = xasprintf("%s:%s:%s:%s", h->name, port, host, port);
		*connect_to = curl_slist_append(NULL, to);
		ret = xstrdup(out);
	}
	curl_free(host);
	curl_free(port);
	curl_free(out);
	curl_url_cleanup(u);
	return take_ptr(ret);
}

/* "host:port" of a URL for people; "the server" when it has none. */
static char *origin_text(const char *url)
{
	CURLU *u = curl_url();
	char *host = NULL, *port = NULL, *ret;
	if (u && !curl_url_set(u, CURLUPART_URL, url, 0) &&
	    !curl_url_get(u, CURLUPART_HOST, &host, 0) &&
	    !curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
		ret = xasprintf("%s:%s", host, port);
	else
		ret = xstrdup("the server");
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return ret;
}

static int failure_code(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_COULDNT_RESOLVE_HOST:
		return -EHOSTUNREACH;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return -EINVAL;
	default:
		return -EIO;
	}
}

static int explain(const struct exchange *x, CURLcode code, const char *url, struct err *err)
{
	auto_free char *origin = origin_text(url);
	long e = 0;
	curl_easy_getinfo(x->http->curl, CURLINFO_OS_ERRNO, &e);
	if (x->why)
		return err_set(err, x->code, "%s: %s", origin, x->why);
	if (x->code)
		return err_set(err, x->code, "%s: the transfer was ended", origin);
	int r = failure_code(code);
	if (r == -EINVAL)
		return err_set(err, r, "'%s' is not a URL that can be asked", url);
	if (code == CURLE_COULDNT_CONNECT && e == ECONNREFUSED)
		return err_set(err, r,
			       "cannot reach %s: connection refused; is it running, and is this "
			       "its address?",
			       origin);
	if (code == CURLE_COULDNT_RESOLVE_HOST)
		return err_set(err, r, "cannot reach %s: the name has no address", origin);
	if (code == CURLE_COULDNT_CONNECT && e)
		return err_set(err, r, "cannot reach %s: %s", origin, strerror((int)e));
	if (code == CURLE_OPERATION_TIMEDOUT && !strstr(x->cause, "received"))
		return err_set(err, r, "cannot reach %s: no answer in time; is its host up?",
			       origin);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return err_set(err, -EACCES, "the certificate of %s is not to be trusted: %s",
			       origin, *x->cause ? x->cause : curl_easy_strerror(code));
	return err_set(err, r, "asking %s failed: %s", origin,
		       *x->cause ? x->cause : curl_easy_strerror(code));
}

static int ask(struct exchange *x, const char *url, bool trusted, struct err *err)
{
	CURL *curl = x->http->curl;
	const struct http_req *req = x->req;
	struct curl_slist *connect_to = NULL;
	auto_free char *target = pinned_url(x->http, url, &connect_to);
	if (!target)
		return err_set(err, -EINVAL, "'%s' is not a URL that can be asked", url);
	struct curl_slist *headers = header_list(req, trusted);
	curl_easy_reset(curl); /* keeps the connections */
	curl_easy_setopt(curl, CURLOPT_URL, target);
	curl_easy_setopt(curl, CURLOPT_CONNECT_TO, connect_to);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, x->cause);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
	if (x->http->name) /* the cluster's own; no proxy stands between */
		curl_easy_setopt(curl, CURLOPT_PROXY, "");
	set_limits(curl, req);
	set_tls(x->http);
	set_method(curl, req);
	if (trusted && req->user) {
		curl_easy_setopt(curl, CURLOPT_USERNAME, req->user);
		curl_easy_setopt(curl, CURLOPT_PASSWORD, req->password ? req->password : "");
	}
	CURLcode code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &x->res->status);
	int r = code == CURLE_OK ? 0 : explain(x, code, url, err);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
	curl_slist_free_all(headers);
	curl_slist_free_all(connect_to);
	return r;
}

/* Where a redirect leads; NULL when the answer is none, or leads nowhere. */
static char *redirect_target(const struct http_res *res, const char *url)
{
	const char *to = http_header(res, "location");
	if (!to || (res->status != 301 && res->status != 302 && res->status != 303 &&
		    res->status != 307 && res->status != 308))
		return NULL;
	CURLU *u = curl_url();
	char *out = NULL, *ret = NULL;
	if (u && !curl_url_set(u, CURLUPART_URL, url, 0) &&
	    !curl_url_set(u, CURLUPART_URL, to, 0) && !curl_url_get(u, CURLUPART_URL, &out, 0))
		ret = xstrdup(out);
	curl_free(out);
	curl_url_cleanup(u);
	return ret;
}

static bool same_scheme_and_origin(const char *a, const char *b)
{
	auto_free char *left = origin_text(a), *right = origin_text(b);
	return !strcasecmp(left, right) && strncasecmp(a, b, 6) == 0;
}

int http_do(struct http *h, const struct http_req *req, struct http_res *res, struct err *err)
{
	auto_free char *url = xstrdup(req->url);
	bool trusted = true;
	for (int hops = 0;; hops++) {
		struct exchange x = {.http = h, .req = req, .res = res};
		int r = ask(&x, url, trusted, err);
		if (r < 0)
			return r;
		auto_free char *next = req->no_redirects ? NULL : redirect_target(res, url);
		if (!next)
			return 0;
		if (hops == REDIRECTS_MAX)
			return err_set(err, -ELOOP, "'%s' redirects more than %d times", req->url,
				       REDIRECTS_MAX);
		if (str_starts(url, "https:") && !str_starts(next, "https:"))
			return err_set(err, -EACCES, "'%s' redirects to '%s', which is not HTTPS",
				       url, next);
		trusted = trusted && same_scheme_and_origin(url, next);
		str_clear(&res->body);
		free(url);
		url = take_ptr(next);
	}
}

const char *http_header(const struct http_res *res, const char *lower_name)
{
	return kvlist_get(&res->headers, lower_name);
}

void http_res_done(struct http_res *res)
{
	str_done(&res->body);
	kvlist_done(&res->headers);
	*res = (struct http_res){0};
}

char *http_escape(const char *text)
{
	auto_str out = {0};
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;
		if (isalnum(c) || strchr("-._~", c))
			str_addc(&out, *p);
		else
			str_addf(&out, "%%%02X", c);
	}
	return str_take(&out);
}
