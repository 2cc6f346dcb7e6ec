/* SPDX-License-Identifier: Apache-2.0
 * A resolver's TCP connections. See dnstcp.h. */
#include "overlay/dnstcp.h"
#include "base/mem.h"
#include "base/str.h"
#include "overlay/dnsmsg.h"
#include <errno.h>
#include <sys/socket.h>

struct dnstcp {
	struct dnstcp_server *server;
	struct dnstcp *prev, *next;
	int fd;
	struct watch *watch;
	struct timer *idle;
	struct str in, out;
	bool asking; /* a question has no answer yet */
};

static void on_ready(int fd, unsigned flags, void *arg);

static void conn_close(struct dnstcp *t)
{
	t->server->gone(t->server->arg, t);
	if (t->prev)
		t->prev->next = t->next;
	else
		t->server->conns = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->server->n_conns--;
	watch_free(t->watch);
	timer_free(t->idle);
	close(t->fd);
	str_done(&t->in);
	str_done(&t->out);
	free(t);
}

static void on_idle(void *arg)
{
	conn_close(arg);
}

static void await(struct dnstcp *t)
{
	watch_free(t->watch);
	/* While a question is open nothing is read: its sender waits, and in stays bounded. */
	unsigned flags = t->out.len ? WATCH_WRITE : t->asking ? 0 : WATCH_READ;
	t->watch = flags ? watch_fd(t->server->loop, t->fd, flags, on_ready, t) : NULL;
}

/* Hands on whole questions, one at a time. */
static void take_questions(struct dnstcp *t)
{
	while (!t->asking && t->out.len == 0 && t->in.len >= 2) {
		const uint8_t *in = (const uint8_t *)t->in.data;
		size_t len = (size_t)(in[0] << 8 | in[1]);
		if (t->in.len < len + 2)
			break;
		struct dnsmsg_question q;
		auto_free uint8_t *msg = xmemdup(in + 2, len ? len : 1);
		str_consume(&t->in, len + 2);
		if (dnsmsg_read(msg, len, &q) < 0)
			continue;
		t->asking = true;
		t->server->query(t->server->arg, t, msg, len);
	}
}

/* False: the connection is gone. */
static bool flush(struct dnstcp *t)
{
	while (t->out.len) {
		ssize_t n = send(t->fd, t->out.data, t->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		str_consume(&t->out, (size_t)n);
	}
	return true;
}

void dnstcp_answer(struct dnstcp *t, const uint8_t *msg, size_t len)
{
	if (len > DNSMSG_MAX)
		return;
	str_addc(&t->out, (char)(len >> 8));
	str_addc(&t->out, (char)len);
	str_addn(&t->out, msg, len);
	t->asking = false;
	timer_set(t->idle, DNSTCP_IDLE_MS);
	await(t); /* written from the loop, never from here: our caller still holds t */
}

static void on_ready(int fd, unsigned flags, void *arg)
{
	struct dnstcp *t = arg;
	if (flags & WATCH_READ) {
		uint8_t buf[4096];
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			conn_close(t);
			return;
		}
		if (n > 0)
			str_addn(&t->in, buf, (size_t)n);
	}
	if (!flush(t)) {
		conn_close(t);
		return;
	}
	take_questions(t);
	await(t);
}

void dnstcp_accept(int fd, unsigned flags, void *arg)
{
	(void)flags;
	struct dnstcp_server *s = arg;
	int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (client < 0)
		return;
	if (s->n_conns >= DNSTCP_MAX) {
		close(client);
		return;
	}
	struct dnstcp *t = xcalloc(1, sizeof(*t));
	*t = (struct dnstcp){.server = s, .fd = client, .next = s->conns};
	if (s->conns)
		s->conns->prev = t;
	s->conns = t;
	s->n_conns++;
	t->idle = timer_new(s->loop, on_idle, t);
	timer_set(t->idle, DNSTCP_IDLE_MS);
	await(t);
}

void dnstcp_close_all(struct dnstcp_server *s)
{
	while (s->conns)
		conn_close(s->conns);
}
