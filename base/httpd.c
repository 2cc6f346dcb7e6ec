/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP server; see httpd.h. A session is one connection: it reads a head, then a body, hands the
 * request to the handler and waits for its reply, then starts over. Owns sessions, their limits and
 * their deadlines; bytes and TLS are conn.c's, the grammar is httphead.c's.
 */
#include "base/httpd.h"
#include "base/conn_private.h"
#include "base/httphead.h"
#include "base/listen.h"
#include "base/map.h"
#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRST_MS      20000       /* from accept to the end of the first head: handshake included */
#define IDLE_MS       60000       /* between requests on one connection */
#define BODY_MS       120000      /* for a body to come, or a reply to be taken */
#define BODY_ANON_MAX (64u << 10) /* of a peer without a certificate: enough to join */
#define PENDING_MAX   (1u << 20)  /* bytes of replies not taken, past which no request is read */

enum stage { STAGE_HEAD, STAGE_BODY, STAGE_HANDLER };

struct session {
	struct httpd *httpd;
	struct session *next, **prev;
	struct conn *conn;
	struct timer *deadline;
	struct str in; /* read and not yet used */
	enum stage stage;
	struct httpd_req *req; /* the request in its body or with its handler */
	char addr[LISTEN_ADDR_MAX];
	char role[TLS_DN_MAX], name[TLS_DN_MAX];
	bool secure;
	bool working, ended; /* ended while working: session_work frees it */
};

struct httpd_req {
	struct session *session; /* NULL: the client has gone */
	struct loop *loop;
	struct httphead head;
	struct str body;
	char addr[LISTEN_ADDR_MAX];
	char role[TLS_DN_MAX], name[TLS_DN_MAX];
	void (*closed)(void *arg);
	void *closed_arg;
};

struct httpd {
	struct loop *loop;
	struct tls *tls;
	httpd_handler handler;
	void *arg;
	struct listener **listeners;
	size_t listeners_n, listeners_cap;
	struct session *sessions;
	size_t sessions_n;
	struct map per_addr; /* address -> number of sessions, as a pointer's value */
};

/* --- sessions ----------------------------------------------------------------------------- */

static void count_addr(struct httpd *h, const char *addr, int change)
{
	intptr_t n = (intptr_t)map_get(&h->per_addr, addr) + change;
	if (n > 0)
		map_set(&h->per_addr, addr, (void *)n);
	else
		map_del(&h->per_addr, addr);
}

static void req_free(struct httpd_req *req)
{
	httphead_done(&req->head);
	str_done(&req->body);
	free(req);
}

/* Parts a session from the server and frees it; its conn is the caller's matter. */
static void session_free(struct session *s)
{
	*s->prev = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->httpd->sessions_n--;
	count_addr(s->httpd, s->addr, -1);
	timer_free(s->deadline);
	str_done(&s->in);
	s->ended = true;
	if (!s->working)
		free(s);
}

/* The client has gone: a request that is with its handler outlives the session, unless somebody
 * asked to be told. */
static void session_lost(struct session *s)
{
	struct httpd_req *req = take_ptr(s->req);
	bool with_handler = s->stage == STAGE_HANDLER;
	session_free(s);
	if (!req)
		return;
	req->session = NULL;
	if (with_handler && !req->closed)
		return;
	void (*closed)(void *arg) = req->closed;
	void *arg = req->closed_arg;
	req_free(req);
	if (closed)
		closed(arg);
}

static void on_close(struct conn *c, const char *why, void *arg)
{
	(void)c;
	(void)why;
	session_lost(arg);
}

static void on_deadline(void *arg)
{
	struct session *s = arg;
	struct conn *c = s->conn;
	session_lost(s);
	conn_close(c);
}

/* --- replies ------------------------------------------------------------------------------ */

static void write_reply(struct conn *c, int status, const char *type, const char *body, size_t len,
			bool keep_alive)
{
	auto_str head = {0};
	str_addf(&head, "HTTP/1.1 %d %s\r\n", status, httphead_reason(status));
	if (type)
		str_addf(&head, "Content-Type: %s\r\n", type);
	str_addf(&head, "Content-Length: %zu\r\nCache-Control: no-store\r\n%s\r\n", len,
		 keep_alive ? "" : "Connection: close\r\n");
	conn_write(c, head.data, head.len);
	conn_write(c, body, len);
}

static void session_work(struct session *s);

/* After a reply: the next request, or the end. */
static void session_next(struct session *s, bool keep_alive)
{
	s->stage = STAGE_HEAD;
	if (!keep_alive) {
		struct conn *c = s->conn;
		session_free(s);
		conn_flush_close(c);
		return;
	}
	timer_set(s->deadline, conn_pending(s->conn) ? BODY_MS : IDLE_MS);
	if (!s->working)
		session_work(s);
}

static void reply(struct httpd_req *req, int status, const char *type, const char *body, size_t len)
{
	struct session *s = req->session;
	bool keep_alive = req->head.keep_alive;
	if (s)
		write_reply(s->conn, status, type, body, len, keep_alive);
	req_free(req); /* and with it the text, where it was the request's own */
	if (!s)
		return;
	s->req = NULL;
	session_next(s, keep_alive);
}

void httpd_reply_text(struct httpd_req *req, int status, const char *content_type, const char *body)
{
	reply(req, status, content_type, body, strlen(body));
}

void httpd_reply_json(struct httpd_req *req, int status, json_t *body_taken)
{
	auto_json *body = body_taken;
	auto_free char *text = json_text(body);
	httpd_reply_text(req, status, "application/json", text);
}

json_t *httpd_error_body(const char *text)
{
	json_t *j = json_object();
	json_put_new(j, "error", json_string(text) ?: json_string("the reason is not text"));
	return j;
}

void httpd_reply_error(struct httpd_req *req, int status, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	auto_free char *text = xvasprintf(fmt, ap);
	va_end(ap);
	httpd_reply_json(req, status, httpd_error_body(text));
}

/* Refuses what cannot become a request; the connection is of no more use after it. */
static void session_refuse(struct session *s, int status, const char *why)
{
	struct conn *c = s->conn;
	auto_json *body = httpd_error_body(why);
	auto_free char *text = json_text(body);
	if (s->req)
		req_free(take_ptr(s->req));
	session_free(s);
	write_reply(c, status, "application/json", text, strlen(text), false);
	conn_flush_close(c);
}

/* --- reading ------------------------------------------------------------------------------ */

static bool method_known(const char *method)
{
	static const char *const known[] = {"GET", "PUT", "POST", "DELETE", "PATCH"};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (streq(method, known[i]))
			return true;
	return false;
}

/* Each step returns whether to go on: false when more bytes are needed, or the session is gone. */
static bool read_head(struct session *s)
{
	size_t len = httphead_length(s->in.data, s->in.len);
	if (len > HTTPD_HEADER_MAX || (!len && s->in.len > HTTPD_HEADER_MAX)) {
		session_refuse(s, 431, "the request's head is too long");
		return false;
	}
	if (!len)
		return false;
	struct httphead head;
	struct err err = {0};
	int r = httphead_request(s->in.data, len, &head, &err);
	if (r < 0) {
		session_refuse(s, -r, err_text(&err));
		return false;
	}
	str_consume(&s->in, len);
	struct httpd_req *req = s->req = xcalloc(1, sizeof(*req));
	req->session = s;
	req->loop = s->httpd->loop;
	req->head = head;
	memcpy(req->addr, s->addr, sizeof(req->addr));
	memcpy(req->role, s->role, sizeof(req->role));
	memcpy(req->name, s->name, sizeof(req->name));
	if (!method_known(head.method)) {
		session_refuse(s, 501, "the method is not known");
		return false;
	}
	if (head.body_len > (s->secure && !*s->role ? BODY_ANON_MAX : HTTPD_BODY_MAX)) {
		session_refuse(s, 413, "the request's body is too large");
		return false;
	}
	if (head.body_len && httphead_has(&head, "expect", "100-continue"))
		conn_write(s->conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	s->stage = STAGE_BODY;
	timer_set(s->deadline, BODY_MS);
	return true;
}

static bool read_body(struct session *s)
{
	struct httpd_req *req = s->req;
	size_t want = (size_t)req->head.body_len - req->body.len;
	size_t n = want < s->in.len ? want : s->in.len;
	if (n) {
		str_addn(&req->body, s->in.data, n);
		str_consume(&s->in, n);
	}
	if (n < want)
		return false;
	s->stage = STAGE_HANDLER;
	timer_stop(s->deadline);
	s->httpd->handler(req, s->httpd->arg);
	return true;
}

static bool step(struct session *s)
{
	switch (s->stage) {
	case STAGE_HEAD:
		return conn_pending(s->conn) <= PENDING_MAX && read_head(s);
	case STAGE_BODY:
		return read_body(s);
	case STAGE_HANDLER:
		return false;
	}
	return false;
}

/* Goes as far as what was read allows. Reading goes on meanwhile, for the news that the client has
 * gone, unless the client sends ahead of its answers. */
static void session_work(struct session *s)
{
	s->working = true;
	while (!s->ended && step(s))
		;
	s->working = false;
	if (s->ended) {
		free(s);
		return;
	}
	if (s->stage != STAGE_BODY && s->in.len > HTTPD_HEADER_MAX)
		conn_pause(s->conn);
	else
		conn_resume(s->conn);
}

static void on_data(struct conn *c, const void *data, size_t len, void *arg)
{
	(void)c;
	struct session *s = arg;
	str_addn(&s->in, data, len);
	session_work(s);
}

static void on_drain(struct conn *c, void *arg)
{
	(void)c;
	struct session *s = arg;
	if (s->stage == STAGE_HEAD)
		session_work(s);
}

static void on_open(struct conn *c, void *arg)
{
	struct session *s = arg;
	conn_peer_subject(c, s->role, s->name);
}

static const struct conn_ops session_ops = {
	.on_open = on_open,
	.on_data = on_data,
	.on_drain = on_drain,
	.on_close = on_close,
};

/* --- the server --------------------------------------------------------------------------- */

static void on_accept(int fd, const char *addr, void *arg)
{
	struct httpd *h = arg;
	if (h->sessions_n >= HTTPD_CONNS_MAX ||
	    (intptr_t)map_get(&h->per_addr, addr) >= HTTPD_CONNS_PER_IP) {
		close(fd);
		return;
	}
	struct session *s = xcalloc(1, sizeof(*s));
	s->httpd = h;
	s->next = h->sessions;
	s->prev = &h->sessions;
	if (s->next)
		s->next->prev = &s->next;
	h->sessions = s;
	h->sessions_n++;
	snprintf(s->addr, sizeof(s->addr), "%s", addr);
	count_addr(h, addr, 1);
	s->secure = h->tls;
	s->deadline = timer_new(h->loop, on_deadline, s);
	timer_set(s->deadline, FIRST_MS);
	s->conn = conn_new(h->loop, &session_ops, s);
	conn_set_peer(s->conn, addr);
	conn_attach(s->conn, h->tls, true, fd);
}

struct httpd *httpd_new(struct loop *l, struct tls *tls, httpd_handler handler, void *arg)
{
	struct httpd *h = xcalloc(1, sizeof(*h));
	h->loop = l;
	h->tls = tls;
	h->handler = handler;
	h->arg = arg;
	return h;
}

int httpd_listen(struct httpd *h, const char *addr, uint16_t port, struct err *err)
{
	struct listener *listener;
	int r = listener_open(h->loop, addr, port, on_accept, h, &listener, err);
	if (r < 0)
		return r;
	h->listeners = vec_grow(h->listeners, h->listeners_n, &h->listeners_cap,
				sizeof(struct listener *));
	h->listeners[h->listeners_n++] = listener;
	return 0;
}

uint16_t httpd_port(const struct httpd *h)
{
	return h->listeners_n ? listener_port(h->listeners[0]) : 0;
}

void httpd_free(struct httpd *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->listeners_n; i++)
		listener_free(h->listeners[i]);
	while (h->sessions) {
		struct conn *c = h->sessions->conn;
		session_lost(h->sessions);
		conn_close(c);
	}
	free(h->listeners);
	map_clear(&h->per_addr);
	free(h);
}

/* --- what a handler asks ------------------------------------------------------------------ */

const char *httpd_method(const struct httpd_req *req)
{
	return req->head.method;
}

const char *httpd_path(const struct httpd_req *req)
{
	return req->head.path;
}

const char *httpd_query(const struct httpd_req *req, const char *key)
{
	return kvlist_get(&req->head.query, key);
}

const char *httpd_body(struct httpd_req *req, size_t *ret_len)
{
	*ret_len = req->body.len;
	return req->body.data ? req->body.data : "";
}

const char *httpd_peer_role(const struct httpd_req *req)
{
	return req->role;
}

const char *httpd_peer_name(const struct httpd_req *req)
{
	return req->name;
}

const char *httpd_peer_addr(const struct httpd_req *req)
{
	return req->addr;
}

bool httpd_wants_upgrade(const struct httpd_req *req)
{
	return httphead_has(&req->head, "upgrade", "carrack") &&
	       httphead_has(&req->head, "connection", "upgrade");
}

struct conn *httpd_upgrade(struct httpd_req *req, const struct conn_ops *ops, void *arg)
{
	static const char switching[] = "HTTP/1.1 101 Switching Protocols\r\n"
					"Connection: Upgrade\r\nUpgrade: carrack\r\n\r\n";
	struct session *s = req->session;
	struct conn *c = s ? s->conn : conn_new(req->loop, ops, arg);
	if (s) {
		conn_write(c, switching, sizeof(switching) - 1);
		conn_set_ops(c, ops, arg);
		conn_resume(c);
		conn_unread(c, s->in.data, s->in.len);
		session_free(s);
	} else {
		conn_set_peer(c, req->addr);
		conn_fail_later(c, "the client has gone");
	}
	req_free(req);
	return c;
}

void httpd_on_close(struct httpd_req *req, void (*closed)(void *arg), void *arg)
{
	req->closed = closed;
	req->closed_arg = arg;
}
