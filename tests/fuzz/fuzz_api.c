/* SPDX-License-Identifier: Apache-2.0
 * Bodies and paths into the API's handlers: the first byte picks a route, a line its argument, the
 * rest is the body. The HTTP server is replaced by the few functions below. */
#include "base/fd.h"
#include "controller/api/api.h"
#include "controller/api/routes.h"
#include "controller/api/server.h"
#include <string.h>

struct httpd_req {
	const char *method, *path, *role, *body;
	size_t len;
	bool replied;
};
struct httpd {
	int unused;
};

static struct httpd fake_httpd;

struct httpd *httpd_new(struct loop *l, struct tls *tls, httpd_handler handler, void *arg)
{
	(void)l, (void)tls, (void)handler, (void)arg;
	return &fake_httpd;
}
int httpd_listen(struct httpd *h, const char *addr, uint16_t port, struct err *err)
{
	(void)h, (void)addr, (void)port, (void)err;
	return 0;
}
uint16_t httpd_port(const struct httpd *h)
{
	(void)h;
	return 7677;
}
void httpd_free(struct httpd *h)
{
	(void)h;
}
const char *httpd_method(const struct httpd_req *req)
{
	return req->method;
}
const char *httpd_path(const struct httpd_req *req)
{
	return req->path;
}
const char *httpd_query(const struct httpd_req *req, const char *key)
{
	(void)key;
	return req->len && req->body[0] == '?' ? req->body + 1 : NULL;
}
const char *httpd_body(struct httpd_req *req, size_t *ret_len)
{
	*ret_len = req->len;
	return req->body;
}
const char *httpd_peer_role(const struct httpd_req *req)
{
	return req->role;
}
const char *httpd_peer_name(const struct httpd_req *req)
{
	(void)req;
	return "000000000001";
}
const char *httpd_peer_addr(const struct httpd_req *req)
{
	(void)req;
	return "127.0.0.1";
}
bool httpd_wants_upgrade(const struct httpd_req *req)
{
	(void)req;
	return false;
}
static void replied(struct httpd_req *req)
{
	/* Every request is answered once and only once. */
	if (req->replied)
		abort();
	req->replied = true;
}
void httpd_reply_json(struct httpd_req *req, int status, json_t *body_taken)
{
	(void)status;
	replied(req);
	json_decref(body_taken);
}
void httpd_reply_text(struct httpd_req *req, int status, const char *content_type, const char *body)
{
	(void)status, (void)content_type, (void)body;
	replied(req);
}
json_t *httpd_error_body(const char *text)
{
	json_t *j = json_object();
	json_put_str(j, "error", text);
	return j;
}
void httpd_reply_error(struct httpd_req *req, int status, const char *fmt, ...)
{
	(void)status, (void)fmt;
	replied(req);
}
struct conn *httpd_upgrade(struct httpd_req *req, const struct conn_ops *ops, void *arg)
{
	(void)req, (void)ops, (void)arg;
	abort();
}
void httpd_on_close(struct httpd_req *req, void (*closed)(void *arg), void *arg)
{
	(void)req, (void)closed, (void)arg;
}

static struct server *new_server(void)
{
	char dir[] = "/tmp/carrack-fuzz-api.XXXXXX";
	struct server_config c = {.listen = "127.0.0.1:0"};
	struct server *s = NULL;
	struct err err = {0};

	c.data_dir = mkdtemp(dir);
	if (!c.data_dir || server_new(loop_new(), &c, &s, &err))
		abort();
	dir_remove(dir, NULL);
	return s;
}

/* What a turn does, without the disk; then the stacks go, so that runs do not depend on earlier ones. */
static void settle(struct server *s)
{
	auto_json *stacks = cluster_stacks_json(s->cluster);
	struct cluster_out out = {0};
	const json_t *it;
	size_t i;

	cluster_step(s->cluster, 1, 1, &out);
	json_array_foreach(stacks, i, it)
		cluster_stack_del(s->cluster, json_str_or(it, "name", ""), NULL);
	cluster_step(s->cluster, 2, 2, &out);
	cluster_out_done(&out);
	for (i = 0; i < s->n_replies; i++) {
		httpd_reply_json(s->replies[i]->req, s->replies[i]->status, s->replies[i]->body);
		free(s->replies[i]);
	}
	s->n_replies = 0;
	for (i = 0; i < s->n_puts; i++) {
		free(s->puts[i].key);
		free(s->puts[i].value);
	}
	s->n_puts = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct server *s;
	const struct route *r;
	const uint8_t *line;
	auto_free char *arg = NULL, *body = NULL;
	auto_str path = {0};
	struct httpd_req req = {0};

	if (!s)
		s = new_server();
	if (size < 2 || !(line = memchr(data + 1, '\n', size - 1)))
		return 0;
	r = &routes[data[0] % routes_n];
	/* Plans are answered later, by a process of their own; their file has a target, fuzz_planfile. */
	if (r->upgrade || strstr(r->pattern, "/*/plan") || strstr(r->pattern, "/*/apply"))
		return 0;
	arg = xstrndup((const char *)data + 1, (size_t)(line - data) - 1);
	for (const char *p = r->pattern; *p; p++) {
		if (*p == '*')
			str_add(&path, arg);
		else
			str_addc(&path, *p);
	}
	req.len = size - (size_t)(line - data) - 1;
	body = xmalloc(req.len + 1);
	memcpy(body, line + 1, req.len);
	body[req.len] = 0;
	req.method = r->method;
	req.path = path.data;
	req.role = r->role == ROLE_AGENT ? "carrack:agent" : "carrack:operator";
	req.body = body;
	route_dispatch(&req, s);
	settle(s);
	if (!req.replied)
		abort();
	return 0;
}
