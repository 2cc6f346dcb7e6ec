/* SPDX-License-Identifier: Apache-2.0
 *
 * conn_dial: from a host and port to an upgraded conn. Owns the lookup, the attempts at each address
 * in turn, the request and the reading of the answer. The stream itself is conn.c's.
 */
#include "base/conn_private.h"
#include "base/httphead.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define ANSWER_MAX (64u << 10) /* bytes of a response's head, and of a refusal's body */

struct dial {
	struct loop *loop;
	struct conn *conn; /* owns the dial */
	struct tls *tls;   /* borrowed */
	char *host, *path;
	uint16_t port;
	uint64_t timeout_ms;
	struct timer *deadline;
	struct resolve *resolve;
	struct addrinfo *addrs, *next; /* next: to be tried */
	struct watch *watch;           /* of fd, while it connects */
	int fd;
	int last_error; /* errno of the last attempt */
};

void dial_free(struct dial *d)
{
	timer_free(d->deadline);
	resolve_cancel(d->resolve);
	watch_free(d->watch);
	if (d->fd >= 0)
		close(d->fd);
	if (d->addrs)
		freeaddrinfo(d->addrs);
	free(d->host);
	free(d->path);
	free(d);
}

static const char *cause_of(int e)
{
	switch (e) {
	case ECONNREFUSED:
		return "connection refused; is the controller running?";
	case ETIMEDOUT:
		return "no answer; is the host up, and the port open in its firewall?";
	default:
		return strerror(e);
	}
}

/* Frees the dial. */
static void give_up(struct dial *d, const char *cause)
{
	auto_free char *why = xasprintf("cannot reach %s:%u: %s", d->host, d->port, cause);
	conn_fail(d->conn, why);
}

static void try_next(struct dial *d);

static void connected(struct dial *d)
{
	conn_attach(d->conn, d->tls, false, take_fd(d->fd));
}

static void on_connect(int fd, unsigned flags, void *arg)
{
	(void)flags;
	struct dial *d = arg;
	int e = 0;
	socklen_t len = sizeof(e);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0)
		e = errno;
	watch_free(take_ptr(d->watch));
	if (!e) {
		connected(d);
		return;
	}
	d->last_error = e;
	close(take_fd(d->fd));
	try_next(d);
}

/* Starts the attempt at one address; false when it failed at once. */
static bool try_address(struct dial *d, const struct addrinfo *a)
{
	d->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	if (d->fd < 0) {
		d->last_error = errno;
		return false;
	}
	if (connect(d->fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS) {
		d->last_error = errno;
		close(take_fd(d->fd));
		return false;
	}
	d->watch = watch_fd(d->loop, d->fd, WATCH_WRITE, on_connect, d);
	return true;
}

static void try_next(struct dial *d)
{
	while (d->next) {
		struct addrinfo *a = d->next;
		d->next = a->ai_next;
		if (try_address(d, a))
			return;
	}
	give_up(d, cause_of(d->last_error ? d->last_error : EHOSTUNREACH));
}

static void on_resolved(struct addrinfo *res, const char *why, void *arg)
{
	struct dial *d = arg;
	d->resolve = NULL;
	if (!res) {
		give_up(d, why ? why : "the name has no address");
		return;
	}
	d->addrs = d->next = res;
	try_next(d);
}

static void on_deadline(void *arg)
{
	struct dial *d = arg;
	auto_free char *cause = xasprintf("no answer within %.1f s", (double)d->timeout_ms / 1000);
	give_up(d, cause);
}

/* Looks the host up. A numeric address is handled here, at once and without a thread. */
static void start(void *arg)
{
	struct dial *d = arg;
	struct addrinfo *res = NULL, hints = {.ai_socktype = SOCK_STREAM,
					      .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	char port[8];
	snprintf(port, sizeof(port), "%u", d->port);
	d->deadline = timer_new(d->loop, on_deadline, d);
	timer_set(d->deadline, d->timeout_ms);
	if (getaddrinfo(d->host, port, &hints, &res) == 0) {
		on_resolved(res, NULL, d);
		return;
	}
	d->resolve = resolve_start(d->loop, d->host, d->port, on_resolved, d);
	if (!d->resolve)
		give_up(d, strerror(errno));
}

/* The first turn after conn_dial: its caller has the conn by now. */
static void on_start(void *arg)
{
	struct dial *d = arg;
	timer_free(take_ptr(d->deadline));
	start(d);
}

struct conn *conn_dial(struct loop *l, struct tls *tls, const char *host, uint16_t port,
		       const char *path, uint64_t timeout_ms, const struct conn_ops *ops, void *arg)
{
	struct dial *d = xcalloc(1, sizeof(*d));
	d->loop = l;
	d->conn = conn_new(l, ops, arg);
	d->tls = tls;
	d->host = xstrdup(host);
	d->port = port;
	d->path = xstrdup(path);
	d->timeout_ms = timeout_ms;
	d->fd = -1;
	d->deadline = timer_new(l, on_start, d);
	timer_set(d->deadline, 0);
	auto_free char *peer = xasprintf("%s:%u", host, port);
	conn_set_peer(d->conn, peer);
	conn_set_dial(d->conn, d);
	return d->conn;
}

char *dial_request(const struct dial *d)
{
	return xasprintf("POST %s HTTP/1.1\r\nHost: %s:%u\r\nConnection: Upgrade\r\n"
			 "Upgrade: carrack\r\nContent-Length: 0\r\n\r\n",
			 d->path, d->host, d->port);
}

/* The sentence of a refusal: the server's own, or its status. */
static int refused(const struct dial *d, const struct httphead *h, const char *body, size_t len,
		   struct err *err)
{
	auto_json *j = json_parse(body, len, NULL);
	const char *said = json_str(j, "error");
	if (said)
		return err_set(err, -EPERM, "%s", said);
	return err_set(err, -EPERM, "%s:%u answered with status %d (%s)", d->host, d->port,
		       h->status, httphead_reason(h->status));
}

int dial_answer(struct dial *d, const void *data, size_t len, size_t *used, struct err *err)
{
	size_t head = httphead_length(data, len < ANSWER_MAX ? len : ANSWER_MAX);
	if (!head)
		return len < ANSWER_MAX ? -EAGAIN
					: err_set(err, -EPROTO, "%s:%u does not speak HTTP",
						  d->host, d->port);
	struct httphead h;
	if (httphead_response(data, head, &h, NULL) < 0)
		return err_set(err, -EPROTO, "%s:%u does not speak HTTP as carrack does", d->host,
			       d->port);
	int r = 0;
	size_t body = h.body_len < ANSWER_MAX ? h.body_len : ANSWER_MAX;
	if (h.status == 101 && httphead_has(&h, "upgrade", "carrack"))
		*used = head;
	else if (len - head < body)
		r = -EAGAIN;
	else
		r = refused(d, &h, (const char *)data + head, body, err);
	httphead_done(&h);
	return r;
}
