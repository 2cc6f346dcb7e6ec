/* SPDX-License-Identifier: Apache-2.0
 * Requests to the controller. */
#include "cli/client.h"
#include "base/fd.h"
#include "base/http.h"
#include "base/tls.h"
#include "manifests/conf.h"
#include "manifests/jointoken.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LOCAL_CONTEXT "/var/lib/carrack/controller/operator.json"
#define REQUEST_MS    60000
#define DIAL_MS       5000
#define ANSWER_MAX    (512u << 20) /* a listing of a million tasks */

struct client {
	struct http *http;
	struct tls *tls;
	struct strlist addrs;
	size_t current; /* the address that answered last */
};

static char *context_path(struct err *err)
{
	const char *given = getenv("CARRACK_CONTEXT"), *home = getenv("HOME");
	auto_free char *own = NULL;

	if (given && *given)
		return xstrdup(given);
	own = home && *home ? xasprintf("%s/.config/carrack/context.json", home) : NULL;
	if (own && path_exists(own))
		return take_ptr(own);
	if (access(LOCAL_CONTEXT, F_OK) == 0)
		return xstrdup(LOCAL_CONTEXT);
	err_set(err, -ENOENT,
		"no context file: neither '%s' nor '" LOCAL_CONTEXT
		"' is there (or may be read); copy operator.json from the controller, or name it "
		"with "
		"--context",
		own ? own : "~/.config/carrack/context.json");
	return NULL;
}

static int context_fail(const char *path, int code, struct err *err)
{
	return err_wrap(err, code,
			"cannot use the context '%s', which must be a copy of the controller's "
			"operator.json",
			path);
}

static int context_read(struct client *c, const char *path, struct err *err)
{
	auto_json *j = json_parse_file(path, err);
	const char *ca, *cert, *key;
	int r;

	if (!j)
		return context_fail(path, -EINVAL, err);
	r = json_need_str(j, "ca", &ca, err);
	if (!r)
		r = json_need_str(j, "cert", &cert, err);
	if (!r)
		r = json_need_str(j, "key", &key, err);
	if (r)
		return context_fail(path, r, err);
	json_strlist(j, "controller", &c->addrs);
	if (!c->addrs.n)
		return err_set(err, -EINVAL, "context '%s' names no controller address", path);
	r = http_trust(c->http, ca, TLS_CONTROLLER_NAME, err);
	if (!r)
		r = http_identity(c->http, key, cert, err);
	if (r)
		return context_fail(path, r, err);
	c->tls = tls_client(key, cert, ca, err);
	return c->tls ? 0 : context_fail(path, -EINVAL, err);
}

int client_open(struct client **ret, struct err *err)
{
	struct err why = {0};
	auto_free char *path = context_path(err);
	struct client *c;
	int r;

	if (!path)
		return -ENOENT;
	c = xcalloc(1, sizeof(*c));
	c->http = http_new();
	r = context_read(c, path, &why);
	if (r) {
		client_free(c);
		return err_set(err, r, "%s", err_text(&why));
	}
	*ret = c;
	return 0;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	http_free(c->http);
	tls_free(c->tls);
	strlist_done(&c->addrs);
	free(c);
}

static int answer_read(const struct http_res *res, const char *path, json_t **ret, struct err *err)
{
	struct err why = {0};
	auto_json *j = res->body.len ? json_parse(res->body.data, res->body.len, &why) : NULL;
	const char *sentence = json_str(j, "error");

	if (res->status >= 200 && res->status < 300) {
		if (res->body.len && !j)
			return err_set(err, -EPROTO,
				       "the controller's answer to '%s' is no JSON: %s", path,
				       err_text(&why));
		if (ret)
			*ret = j ? take_ptr(j) : json_object();
		return 0;
	}
	int r = err_set(err, res->status == 404 ? -ENOENT : -EREMOTEIO, "%s",
			sentence ? sentence : "the controller refused without a reason");
	const char *about = json_str(j, "path");

	return about ? err_at(err, r, "%s", about) : r;
}

int client_do(struct client *c, const char *method, const char *path, const json_t *body,
	      json_t **ret, struct err *err)
{
	auto_free char *text = body ? json_text(body) : NULL;
	struct err why = {0};
	auto_str tried = {0};

	for (size_t i = 0; i < c->addrs.n; i++) {
		size_t at = (c->current + i) % c->addrs.n;
		auto_free char *url = xasprintf("https://%s%s", c->addrs.v[at], path);
		struct http_req req = {
			.method = method,
			.url = url,
			.body = text,
			.body_len = text ? strlen(text) : 0,
			.timeout_ms = REQUEST_MS,
			.body_max = ANSWER_MAX,
		};
		struct http_res res = {0};
		int r = http_do(c->http, &req, &res, &why);

		if (r == 0) {
			c->current = at;
			r = answer_read(&res, path, ret, err);
			http_res_done(&res);
			return r;
		}
		http_res_done(&res);
		str_addf(&tried, "%s%s", i ? "; " : "", err_text(&why));
	}
	return err_set(err, -EHOSTUNREACH, "%s", tried.data);
}

int client_get(struct client *c, json_t **ret, struct err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	auto_free char *path = xvasprintf(fmt, ap);
	va_end(ap);
	return client_do(c, "GET", path, NULL, ret, err);
}

int client_list(struct client *c, const char *noun, const char *stack, json_t **ret,
		struct err *err)
{
	if (!stack)
		return client_get(c, ret, err, "/v1/%s", noun);
	auto_free char *name = http_escape(stack);
	int r = client_get(c, NULL, err, "/v1/stacks/%s", name);

	return r ? r : client_get(c, ret, err, "/v1/%s?stack=%s", noun, name);
}

struct conn *client_dial(struct client *c, struct loop *l, const char *path,
			 const struct conn_ops *ops, void *arg, struct err *err)
{
	auto_free char *host = NULL;
	uint16_t port;

	if (hostport_parse(c->addrs.v[c->current], CONF_DEFAULT_PORT, &host, &port, err))
		return NULL;
	return conn_dial(l, c->tls, host, port, path, DIAL_MS, ops, arg);
}
