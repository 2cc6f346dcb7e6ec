/* SPDX-License-Identifier: Apache-2.0
 * The HTTP server with real clients over loopback: requests, roles, upgrades, hostile bytes. */
#include "base/conn.h"
#include "base/http.h"
#include "base/httpd.h"
#include "base/mem.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define BIG (5u << 20)

/* A CA, a server on it and what a client needs, remade for each test. */
struct world {
	struct loop *loop;
	struct httpd *httpd;
	struct tls *server, *client;
	char *ca_key, *ca, *key, *cert;
	struct httpd_req *waiting; /* a request to /wait */
	int closed;                /* calls of on_close of such */
	int server_closes;
	struct timer *guard, *stopper;
	uint16_t port;
};

static void sign(struct world *w, const char *org, const char *cn, const char *dns, char **key,
		 char **cert)
{
	auto_free char *csr = NULL;
	struct err err = {0};
	assert_int_equal(tls_key_and_csr(org, cn, key, &csr, &err), 0);
	assert_int_equal(tls_sign(w->ca_key, w->ca, csr, org, cn, dns, 10, cert, &err), 0);
}

static void echo_frame(struct conn *c, uint8_t type, const void *data, size_t len, void *arg)
{
	(void)arg;
	if (type == 'x') {
		conn_frame(c, 'b', "bye", 3);
		conn_flush_close(c);
		return;
	}
	if (type == 'k') {
		conn_close(c);
		return;
	}
	conn_frame(c, type, data, len);
}

static void echo_closed(struct conn *c, const char *why, void *arg)
{
	struct world *w = arg;
	(void)c;
	(void)why;
	w->server_closes++;
}

static const struct conn_ops echo_ops = {.on_frame = echo_frame, .on_close = echo_closed};

static void on_wait_closed(void *arg)
{
	struct world *w = arg;
	w->closed++;
	w->waiting = NULL;
	loop_stop(w->loop);
}

static void handle(struct httpd_req *req, void *arg)
{
	struct world *w = arg;
	const char *path = httpd_path(req);
	size_t len;
	if (!strcmp(path, "/stop")) {
		httpd_reply_text(req, 200, "text/plain", "");
		timer_set(w->stopper, 100); /* the reply is to leave first */
	} else if (!strcmp(path, "/echo")) {
		httpd_reply_text(req, 200, "text/plain", httpd_body(req, &len));
	} else if (!strcmp(path, "/who")) {
		json_t *j = json_object();
		json_put_str(j, "role", httpd_peer_role(req));
		json_put_str(j, "name", httpd_peer_name(req));
		json_put_str(j, "addr", httpd_peer_addr(req));
		json_put_str(j, "method", httpd_method(req));
		json_put_str(j, "q", httpd_query(req, "q"));
		httpd_reply_json(req, 200, j);
	} else if (!strcmp(path, "/up") && httpd_wants_upgrade(req)) {
		httpd_upgrade(req, &echo_ops, w);
	} else if (!strcmp(path, "/wait")) {
		httpd_on_close(req, on_wait_closed, w);
		w->waiting = req;
	} else if (!strcmp(path, "/orphan")) {
		w->waiting = req;
		loop_stop(w->loop);
	} else {
		httpd_reply_error(req, 404, "there is no '%s'", path);
	}
}

static void stop(void *loop)
{
	loop_stop(loop);
}

static void too_long(void *arg)
{
	(void)arg;
	fail_msg("the test did not end in time");
}

static void world_open(struct world *w, bool secure)
{
	struct err err = {0};
	*w = (struct world){.loop = loop_new()};
	w->guard = timer_new(w->loop, too_long, w);
	timer_set(w->guard, 20000);
	w->stopper = timer_new(w->loop, stop, w->loop);
	assert_int_equal(tls_ca_create("test", 10, &w->ca_key, &w->ca, &err), 0);
	if (secure) {
		sign(w, "carrack:controller", "c1", TLS_CONTROLLER_NAME, &w->key, &w->cert);
		w->server = tls_server(w->key, w->cert, w->ca, &err);
		assert_non_null(w->server);
		free_and_null(&w->key);
		free_and_null(&w->cert);
		sign(w, "carrack:agent", "node-7", NULL, &w->key, &w->cert);
		w->client = tls_client(w->key, w->cert, w->ca, &err);
		assert_non_null(w->client);
	}
	w->httpd = httpd_new(w->loop, w->server, handle, w);
	assert_int_equal(httpd_listen(w->httpd, "127.0.0.1", 0, &err), 0);
	w->port = httpd_port(w->httpd);
	assert_true(w->port > 0);
}

static void world_close(struct world *w)
{
	timer_set(w->stopper,
		  100); /* upgraded conns are their own: they end when told of the end */
	loop_run(w->loop);
	httpd_free(w->httpd);
	timer_free(w->guard);
	timer_free(w->stopper);
	loop_free(w->loop);
	tls_free(w->server);
	tls_free(w->client);
	free(w->ca_key);
	free(w->ca);
	free(w->key);
	free(w->cert);
}

/* --- blocking clients, in a thread of their own while the loop runs in ours --------------- */

static void run_beside(struct world *w, void *(*client)(void *))
{
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, client, w), 0);
	loop_run(w->loop);
	pthread_join(thread, NULL);
}

struct http_seen {
	long status;
	char *body;
};

static struct http_seen ask(struct http *h, struct world *w, const char *method, const char *path,
			    const char *body)
{
	struct err err = {0};
	struct http_res res = {0};
	auto_free char *url =
		xasprintf("http%s://127.0.0.1:%u%s", w->server ? "s" : "", w->port, path);
	struct http_req req = {.method = method,
			       .url = url,
			       .body = body,
			       .body_len = body ? strlen(body) : 0,
			       .timeout_ms = 10000};
	if (http_do(h, &req, &res, &err) < 0)
		fprintf(stderr, "%s: %s\n", path, err_text(&err));
	struct http_seen seen = {res.status, str_take(&res.body)};
	http_res_done(&res);
	return seen;
}

static void expect(struct http *h, struct world *w, const char *method, const char *path,
		   const char *body, long status, const char *text)
{
	struct http_seen seen = ask(h, w, method, path, body);
	assert_int_equal(seen.status, status);
	assert_string_equal(seen.body, text);
	free(seen.body);
}

static void *tls_requests(void *arg)
{
	struct world *w = arg;
	struct http *h = http_new();
	assert_int_equal(http_trust(h, w->ca, TLS_CONTROLLER_NAME, NULL), 0);
	expect(h, w, "GET", "/who?q=a%20b%26", NULL, 200,
	       "{\"role\":\"\",\"name\":\"\",\"addr\":\"127.0.0.1\",\"method\":\"GET\",\"q\":\"a "
	       "b&\"}");
	http_free(h);
	h = http_new();
	assert_int_equal(http_trust(h, w->ca, TLS_CONTROLLER_NAME, NULL), 0);
	assert_int_equal(http_identity(h, w->key, w->cert, NULL), 0);
	static const char *const methods[] = {"GET", "PUT", "POST", "DELETE", "PATCH"};
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		auto_free char *want = xasprintf("{\"role\":\"carrack:agent\",\"name\":\"node-7\","
						 "\"addr\":\"127.0.0.1\",\"method\":\"%s\"}",
						 methods[i]);
		expect(h, w, methods[i], "/who", NULL, 200, want);
	}
	expect(h, w, "GET", "/nothing", NULL, 404, "{\"error\":\"there is no '/nothing'\"}");
	auto_free char *big = xmalloc(BIG + 1);
	memset(big, 'z', BIG);
	big[BIG] = 0;
	expect(h, w, "POST", "/echo", big, 200, big);
	expect(h, w, "POST", "/stop", NULL, 200, "");
	http_free(h);
	return NULL;
}

static void test_requests_over_tls(void **state)
{
	struct world w;
	(void)state;
	world_open(&w, true);
	run_beside(&w, tls_requests);
	world_close(&w);
}

static void *distrust(void *arg)
{
	struct world *w = arg;
	struct world other = {0};
	struct err err = {0};
	struct http_res res = {0};
	auto_free char *url = xasprintf("https://127.0.0.1:%u/who", w->port);
	struct http_req req = {.url = url, .timeout_ms = 10000};
	assert_int_equal(tls_ca_create("other", 10, &other.ca_key, &other.ca, &err), 0);
	struct http *h = http_new();
	http_trust(h, other.ca, TLS_CONTROLLER_NAME, NULL);
	assert_true(http_do(h, &req, &res, &err) < 0);
	assert_non_null(strstr(err.text, "is not to be trusted"));
	http_free(h);
	h = http_new(); /* the right CA, another name */
	http_trust(h, w->ca, "other.carrack", NULL);
	assert_true(http_do(h, &req, &res, &err) < 0);
	http_free(h);
	h = http_new(); /* the operator's certificate of another CA: refused */
	http_trust(h, w->ca, TLS_CONTROLLER_NAME, NULL);
	sign(&other, "carrack:operator", "eve", NULL, &other.key, &other.cert);
	assert_int_equal(http_identity(h, other.key, other.cert, NULL), 0);
	assert_true(http_do(h, &req, &res, &err) < 0);
	http_free(h);
	h = http_new();
	http_trust_anyone(h);
	expect(h, w, "POST", "/stop", NULL, 200, "");
	http_free(h);
	http_res_done(&res);
	free(other.ca);
	free(other.ca_key);
	free(other.key);
	free(other.cert);
	return NULL;
}

static void test_distrust(void **state)
{
	struct world w;
	(void)state;
	world_open(&w, true);
	run_beside(&w, distrust);
	world_close(&w);
}

static int dial_raw(uint16_t port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = {.tv_sec = 5};
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* Sends bytes as they are; the answer begins with want ("" for none), and the server closes. */
static void raw(struct world *w, const char *bytes, size_t len, const char *want)
{
	auto_close int fd = dial_raw(w->port);
	char got[512] = "";
	size_t n = 0;
	ssize_t r;
	(void)!write(fd, bytes, len);
	shutdown(fd, SHUT_WR);
	while (n < sizeof(got) - 1 && (r = read(fd, got + n, sizeof(got) - 1 - n)) > 0)
		n += (size_t)r;
	got[n] = 0;
	if (strncmp(got, want, strlen(want)) != 0 || (!*want && n))
		fail_msg("sent '%.60s': got '%s' and not '%s'", bytes, got, want);
}

#define RAW(w, text, want) raw(w, text, sizeof(text) - 1, want)
#define HEAD               "Host: x\r\n\r\n"

static void *hostile(void *arg)
{
	struct world *w = arg;
	RAW(w, "", "");
	RAW(w, "GET", "");
	RAW(w, "\r\n\r\n", "HTTP/1.1 400");
	RAW(w, "GET /who HTTP/1.1\r\nHost: x\r\nHost y\r\n\r\n", "HTTP/1.1 400");
	RAW(w, "GET  /who HTTP/1.1\r\n" HEAD, "HTTP/1.1 400");
	RAW(w, "GET http://x/who HTTP/1.1\r\n" HEAD, "HTTP/1.1 400");
	RAW(w, "GET /%00 HTTP/1.1\r\n" HEAD, "HTTP/1.1 400");
	RAW(w, "GET /%4 HTTP/1.1\r\n" HEAD, "HTTP/1.1 400");
	RAW(w, "GET /\0 HTTP/1.1\r\n" HEAD, "HTTP/1.1 400");
	RAW(w, "GET /who HTTP/2.0\r\n" HEAD, "HTTP/1.1 505");
	RAW(w, "BREW /who HTTP/1.1\r\n" HEAD, "HTTP/1.1 501");
	RAW(w, "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "HTTP/1.1 501");
	RAW(w, "POST /echo HTTP/1.1\r\nContent-Length: -1\r\n" HEAD, "HTTP/1.1 400");
	RAW(w, "POST /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
	    "HTTP/1.1 400");
	RAW(w, "POST /echo HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", "HTTP/1.1 413");
	RAW(w, "POST /echo HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n",
	    "HTTP/1.1 400");
	RAW(w, "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nab", "");
	RAW(w, "GET /who HTTP/1.1\r\n folded: x\r\n\r\n", "HTTP/1.1 400");
	RAW(w, "GET /who HTTP/1.1\r\nbad name: x\r\n\r\n", "HTTP/1.1 400");
	RAW(w, "GET /echo HTTP/1.0\r\n\r\n", "HTTP/1.1 200");
	RAW(w, "POST /echo HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab",
	    "HTTP/1.1 200 OK\r\n");
	RAW(w, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "");
	auto_str big = {0};
	str_add(&big, "GET /who HTTP/1.1\r\nx: ");
	while (big.len < 2 * HTTPD_HEADER_MAX)
		str_add(&big, "0123456789abcdef");
	raw(w, big.data, big.len, "HTTP/1.1 431");
	str_clear(&big);
	str_add(&big, "GET /who HTTP/1.1\r\n");
	for (int i = 0; i < 200; i++)
		str_add(&big, "x: y\r\n");
	str_add(&big, "\r\n");
	raw(w, big.data, big.len, "HTTP/1.1 400");
	str_clear(&big);
	for (int i = 0; i < 5000; i++) /* sent ahead, and never read */
		str_add(&big, "GET /who HTTP/1.1\r\nHost: x\r\n\r\n");
	raw(w, big.data, big.len, "HTTP/1.1 200");
	RAW(w, "POST /stop HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 200");
	return NULL;
}

static void test_hostile(void **state)
{
	struct world w;
	(void)state;
	world_open(&w, false);
	run_beside(&w, hostile);
	world_close(&w);
}

static void *ask_and_leave(void *arg)
{
	struct world *w = arg;
	static const char ask_wait[] = "GET /wait HTTP/1.1\r\n" HEAD;
	int fd = dial_raw(w->port);
	(void)!write(fd, ask_wait, sizeof(ask_wait) - 1);
	usleep(50000);
	close(fd);
	return NULL;
}

static void test_client_leaves(void **state)
{
	struct world w;
	(void)state;
	world_open(&w, false);
	run_beside(&w, ask_and_leave);
	assert_int_equal(w.closed, 1);
	world_close(&w);
}

/* A reply to somebody who has gone, and an upgrade: both harmless. */
static void test_late_reply(void **state)
{
	struct world w;
	(void)state;
	for (int i = 0; i < 2; i++) {
		static const char ask_orphan[] = "GET /orphan HTTP/1.1\r\n" HEAD;
		world_open(&w, false);
		int fd = dial_raw(w.port);
		(void)!write(fd, ask_orphan, sizeof(ask_orphan) - 1);
		loop_run(w.loop);
		assert_non_null(w.waiting);
		close(fd);
		httpd_free(take_ptr(w.httpd));
		if (i == 0)
			httpd_reply_error(w.waiting, 500, "too late");
		else
			conn_close(httpd_upgrade(w.waiting, &echo_ops, &w));
		world_close(&w);
	}
}

/* --- upgrades ----------------------------------------------------------------------------- */

struct caller {
	struct world *w;
	struct conn *conn;
	size_t frames, bytes;
	char why[256];
	int opens, closes;
	uint8_t send; /* type of the frame sent on opening */
	bool close_in_frame;
};

static void caller_open(struct conn *c, void *arg)
{
	struct caller *call = arg;
	call->opens++;
	if (call->send == 'f') {
		auto_free char *big = xmalloc(BIG);
		memset(big, 'q', BIG);
		conn_frame(c, 'a', "one", 3);
		conn_frame(c, 'f', big, BIG);
		conn_frame(c, 'z', NULL, 0);
		return;
	}
	conn_frame(c, call->send, "x", 1);
}

static void caller_frame(struct conn *c, uint8_t type, const void *data, size_t len, void *arg)
{
	struct caller *call = arg;
	call->frames++;
	call->bytes += len;
	if (type == 'f')
		for (size_t i = 0; i < len; i += 4099)
			assert_int_equal(((const char *)data)[i], 'q');
	if (type == 'z')
		loop_stop(call->w->loop);
	if (call->close_in_frame) {
		conn_close(c);
		call->conn = NULL;
		assert_int_equal(((const char *)data)[0], 'x'); /* the payload is still ours */
		loop_stop(call->w->loop);
	}
}

static void caller_close(struct conn *c, const char *why, void *arg)
{
	struct caller *call = arg;
	conn_close(c); /* harmless here */
	call->conn = NULL;
	call->closes++;
	snprintf(call->why, sizeof(call->why), "%s", why);
	loop_stop(call->w->loop);
}

static const struct conn_ops caller_ops = {.on_open = caller_open,
					   .on_frame = caller_frame,
					   .on_close = caller_close};

static void call(struct caller *c, struct world *w, const char *host, uint16_t port,
		 const char *path)
{
	c->w = w;
	c->closes = 0;
	c->conn = conn_dial(w->loop, w->client, host, port, path, 5000, &caller_ops, c);
	assert_int_equal(c->closes, 0);
	loop_run(w->loop);
	conn_close(take_ptr(c->conn));
}

static void test_upgrade(void **state)
{
	struct world w;
	(void)state;
	for (int secure = 0; secure < 2; secure++) {
		world_open(&w, secure);
		struct caller big = {.send = 'f'};
		call(&big, &w, "127.0.0.1", w.port, "/up");
		assert_int_equal(big.frames, 3);
		assert_int_equal(big.bytes, BIG + 3);
		assert_int_equal(big.closes, 0);
		struct caller bye = {.send = 'x'};
		call(&bye, &w, "localhost", w.port, "/up");
		assert_int_equal(bye.frames, 1);
		assert_int_equal(bye.closes, 1);
		assert_non_null(strstr(bye.why, "closed the connection"));
		struct caller killed = {.send = 'k'};
		call(&killed, &w, "127.0.0.1", w.port, "/up");
		assert_int_equal(killed.closes, 1);
		struct caller inside = {.send = 'e', .close_in_frame = true};
		call(&inside, &w, "127.0.0.1", w.port, "/up");
		assert_int_equal(inside.frames, 1);
		assert_int_equal(inside.closes, 0);
		world_close(&w);
	}
}

static void test_dial_refused(void **state)
{
	struct world w;
	(void)state;
	world_open(&w, true);
	struct caller c = {.send = 'e'};
	call(&c, &w, "127.0.0.1", w.port, "/nowhere");
	assert_string_equal(c.why, "there is no '/nowhere'");
	assert_int_equal(c.opens, 0);
	call(&c, &w, "127.0.0.1", 1, "/up");
	assert_string_equal(c.why, "cannot reach 127.0.0.1:1: connection refused; is the "
				   "controller running?");
	call(&c, &w, "no-such-host.invalid", 1, "/up");
	assert_non_null(strstr(c.why, "cannot reach no-such-host.invalid:1: "));
	/* Plain bytes to a TLS server, and TLS with a CA that did not sign it. */
	tls_free(take_ptr(w.client));
	call(&c, &w, "127.0.0.1", w.port, "/up");
	assert_int_equal(c.opens, 0);
	struct world other;
	world_open(&other, true);
	w.client = take_ptr(other.client);
	call(&c, &w, "127.0.0.1", w.port, "/up");
	assert_non_null(strstr(c.why, "is not to be trusted"));
	assert_int_equal(c.opens, 0);
	world_close(&other);
	/* Nobody answers: the deadline ends it. */
	struct caller late = {.w = &w};
	auto_close int mute = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	assert_int_equal(bind(mute, (struct sockaddr *)&at, sizeof(at)) | listen(mute, 1), 0);
	getsockname(mute, (struct sockaddr *)&at, &len);
	late.conn = conn_dial(w.loop, w.client, "127.0.0.1", ntohs(at.sin_port), "/", 200,
			      &caller_ops, &late);
	loop_run(w.loop);
	assert_non_null(strstr(late.why, "no answer within 0.2 s"));
	world_close(&w);
}

/* Closed and freed at every moment of its life. */
static void test_closed_early(void **state)
{
	struct world w;
	(void)state;
	world_open(&w, true);
	static const struct conn_ops ops = {.on_close = caller_close};
	for (int i = 0; i < 20; i++) {
		struct caller c = {.w = &w};
		c.conn = conn_dial(w.loop, w.client, i % 2 ? "127.0.0.1" : "localhost", w.port,
				   "/up", 5000, &ops, &c);
		struct timer *t = timer_new(w.loop, stop, w.loop);
		timer_set(t, (uint64_t)i / 2);
		if (i)
			loop_run(w.loop);
		timer_free(t);
		if (i % 3)
			conn_close(c.conn);
		else
			conn_flush_close(c.conn);
		assert_int_equal(c.closes, 0);
	}
	world_close(&w);
}

static void test_idle(void **state)
{
	struct world w;
	(void)state;
	world_open(&w, true);
	struct caller c = {.w = &w, .send = 'e'};
	c.conn = conn_dial(w.loop, w.client, "127.0.0.1", w.port, "/up", 5000, &caller_ops, &c);
	conn_idle_timeout(c.conn, 200);
	loop_run(w.loop);
	assert_int_equal(c.frames, 1);
	assert_non_null(strstr(c.why, "nothing was heard"));
	world_close(&w);
}

/* --- back-pressure ------------------------------------------------------------------------ */

struct flood {
	struct world *w;
	size_t sent, seen, drains;
	bool paused;
};

static void flood_more(struct conn *c, void *arg)
{
	static const char block[65536];
	struct flood *f = arg;
	f->drains++;
	while (f->sent < 8 * BIG && conn_pending(c) < (1u << 20)) {
		conn_write(c, block, sizeof(block));
		f->sent += sizeof(block);
	}
}

static void flood_seen(struct conn *c, const void *data, size_t len, void *arg)
{
	struct flood *f = arg;
	(void)data;
	f->seen += len;
	if (!f->paused && f->seen > BIG) {
		f->paused = true;
		conn_pause(c);
		loop_stop(f->w->loop);
	}
	if (f->seen == f->sent && f->sent >= 8 * BIG)
		loop_stop(f->w->loop);
}

static void flood_back(struct conn *c, const void *data, size_t len, void *arg)
{
	(void)arg;
	conn_write(c, data, len);
}

static void flood_closed(struct conn *c, const char *why, void *arg)
{
	(void)c;
	(void)arg;
	fail_msg("closed: %s", why);
}

static void upgrade_flood(struct httpd_req *req, void *arg)
{
	static const struct conn_ops ops = {.on_data = flood_back, .on_close = echo_closed};
	httpd_upgrade(req, &ops, arg);
}

static void test_back_pressure(void **state)
{
	struct world w;
	(void)state;
	world_open(&w, true);
	httpd_free(w.httpd);
	w.httpd = httpd_new(w.loop, w.server, upgrade_flood, &w);
	assert_int_equal(httpd_listen(w.httpd, "127.0.0.1", 0, NULL), 0);
	struct flood f = {.w = &w};
	static const struct conn_ops ops = {.on_open = flood_more,
					    .on_data = flood_seen,
					    .on_drain = flood_more,
					    .on_close = flood_closed};
	struct conn *c =
		conn_dial(w.loop, w.client, "127.0.0.1", httpd_port(w.httpd), "/", 5000, &ops, &f);
	loop_run(w.loop);
	assert_true(f.paused);
	size_t before = f.seen;
	struct timer *t = timer_new(w.loop, stop, w.loop);
	timer_set(t, 100);
	loop_run(w.loop);
	timer_free(t);
	assert_true(f.seen - before < 65536);
	conn_resume(c);
	loop_run(w.loop);
	assert_int_equal(f.seen, f.sent);
	assert_true(f.drains > 2);
	conn_close(c);
	world_close(&w);
}

static void test_listen_errors(void **state)
{
	struct world w;
	struct err err = {0};
	(void)state;
	world_open(&w, false);
	assert_true(httpd_listen(w.httpd, "127.0.0.1", w.port, &err) < 0);
	assert_non_null(strstr(err.text, "is in use"));
	assert_true(httpd_listen(w.httpd, "host.name", 0, &err) < 0);
	assert_string_equal(err.text, "'host.name' is not an address to listen on");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_over_tls),
		cmocka_unit_test(test_distrust),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_client_leaves),
		cmocka_unit_test(test_late_reply),
		cmocka_unit_test(test_upgrade),
		cmocka_unit_test(test_dial_refused),
		cmocka_unit_test(test_closed_early),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_back_pressure),
		cmocka_unit_test(test_listen_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
