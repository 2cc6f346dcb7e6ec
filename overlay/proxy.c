/* SPDX-License-Identifier: Apache-2.0
 * Connections to published ports over loopback; see proxy.h. */
#include "overlay/proxy.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "overlay/portmap.h"
#include <errno.h>
#include <sys/socket.h>

#define BUFFER_BYTES (64 << 10) /* of each direction; then its sender waits */

struct pair;
struct side {
	struct pair *pair;
	int fd;
	struct watch *watch;
	unsigned flags;  /* what watch waits for */
	struct str out;  /* to be written to fd */
	bool eof, shut;  /* fd ended; we ended towards fd */
	bool connecting; /* to the container */
};

struct pair {
	struct proxy *proxy;
	struct pair *prev, *next;
	struct side side[2]; /* the client, the container */
};

struct proxy {
	struct loop *loop;
	struct watch *watch;
	struct ov_backend *backends;
	size_t n, turn;
	bool far;
	struct pair *pairs;
	size_t n_pairs;
};

static void on_ready(int fd, unsigned flags, void *arg);

static struct side *other(struct side *s)
{
	return &s->pair->side[s == &s->pair->side[0]];
}

static void pair_close(struct pair *p)
{
	for (size_t i = 0; i < ARRAY_LEN(p->side); i++) {
		watch_free(p->side[i].watch);
		if (p->side[i].fd >= 0)
			close(p->side[i].fd);
		str_done(&p->side[i].out);
	}
	if (p->prev)
		p->prev->next = p->next;
	else
		p->proxy->pairs = p->next;
	if (p->next)
		p->next->prev = p->prev;
	p->proxy->n_pairs--;
	free(p);
}

static void await(struct side *s)
{
	unsigned flags = 0;
	if (s->connecting || s->out.len)
		flags |= WATCH_WRITE;
	if (!s->connecting && !s->eof && other(s)->out.len < BUFFER_BYTES)
		flags |= WATCH_READ;
	if (flags == s->flags)
		return;
	watch_free(take_ptr(s->watch));
	s->flags = flags;
	if (flags)
		s->watch = watch_fd(s->pair->proxy->loop, s->fd, flags, on_ready, s);
}

static bool is_passing(int error)
{
	return error == EAGAIN || error == EINTR;
}

/* False: the connection broke. */
static bool take_in(struct side *s)
{
	char buf[16 << 10];
	ssize_t n = recv(s->fd, buf, sizeof(buf), 0);
	if (n < 0)
		return is_passing(errno);
	if (n == 0)
		s->eof = true;
	str_addn(&other(s)->out, buf, (size_t)n);
	return true;
}

static bool put_out(struct side *s)
{
	int error = 0;
	socklen_t len = sizeof(error);
	if (s->connecting) {
		if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
			return false;
		s->connecting = false;
	}
	if (s->out.len == 0)
		return true;
	ssize_t n = send(s->fd, s->out.data, s->out.len, MSG_NOSIGNAL);
	if (n < 0)
		return is_passing(errno);
	str_consume(&s->out, (size_t)n);
	return true;
}

static void on_ready(int fd, unsigned flags, void *arg)
{
	(void)fd;
	struct side *s = arg;
	struct pair *p = s->pair;
	if ((flags & WATCH_WRITE && !put_out(s)) || (flags & WATCH_READ && !take_in(s))) {
		pair_close(p);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(p->side); i++) {
		struct side *t = &p->side[i];
		if (!t->shut && !t->connecting && other(t)->eof && t->out.len == 0) {
			shutdown(t->fd, SHUT_WR);
			t->shut = true;
		}
	}
	if (p->side[0].shut && p->side[1].shut) {
		pair_close(p);
		return;
	}
	await(&p->side[0]);
	await(&p->side[1]);
}

/* A socket on its way to the backend whose turn it is, or -1. */
static int dial(struct proxy *p)
{
	if (!p->n)
		return -1;
	const struct ov_backend *b = &p->backends[p->turn++ % p->n];
	struct sockaddr_storage to;
	socklen_t len = ipaddr_to_sockaddr(ipaddr_is_set(&b->ip) ? &b->ip : &b->ip6, b->port, &to);
	int tos = PORTMAP_HOP << 2;
	bool four = to.ss_family == AF_INET;
	auto_close int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && p->far)
		(void)setsockopt(fd, four ? IPPROTO_IP : IPPROTO_IPV6, four ? IP_TOS : IPV6_TCLASS,
				 &tos, sizeof(tos));
	if (fd < 0 || (connect(fd, (struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS))
		return -1;
	return take_fd(fd);
}

static void on_client(int fd, unsigned flags, void *arg)
{
	(void)flags;
	struct proxy *p = arg;
	auto_close int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (client < 0 || p->n_pairs >= PROXY_PAIRS_MAX)
		return;
	auto_close int target = dial(p);
	if (target < 0)
		return;
	struct pair *pair = xcalloc(1, sizeof(*pair));
	pair->proxy = p;
	pair->next = p->pairs;
	if (p->pairs)
		p->pairs->prev = pair;
	p->pairs = pair;
	p->n_pairs++;
	pair->side[0] = (struct side){.pair = pair, .fd = take_fd(client)};
	pair->side[1] = (struct side){.pair = pair, .fd = take_fd(target), .connecting = true};
	await(&pair->side[0]);
	await(&pair->side[1]);
}

struct proxy *proxy_new(struct loop *l, int fd)
{
	struct proxy *p = xcalloc(1, sizeof(*p));
	p->loop = l;
	p->watch = watch_fd(l, fd, WATCH_READ, on_client, p);
	return p;
}

void proxy_set(struct proxy *p, const struct ov_backend *backends, size_t n, bool far)
{
	free(p->backends);
	p->backends = n ? xmemdup(backends, n * sizeof(*backends)) : NULL;
	p->n = n;
	p->far = far;
}

void proxy_free(struct proxy *p)
{
	if (!p)
		return;
	while (p->pairs)
		pair_close(p->pairs);
	watch_free(p->watch);
	free(p->backends);
	free(p);
}
