/* SPDX-License-Identifier: Apache-2.0
 * Datagrams of published ports; see udpproxy.h. */
#include "overlay/udpproxy.h"
#include "base/map.h"
#include "base/mem.h"
#include "overlay/portmap.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define DATAGRAM_MAX 65535
#define TURN_MAX     64 /* datagrams taken at once */

struct end { /* an address on the held socket's side */
	struct sockaddr_storage peer;
	socklen_t len;
	struct in6_pktinfo
		to6; /* the address that was written to; the socket's family says which */
	struct in_pktinfo to4;
};

struct flow {
	struct udpproxy *proxy;
	char *key;
	int fd;
	struct watch *watch;
	struct end client;
	struct ipaddr to;
	uint16_t port;
	uint64_t seen_ms;
};

struct udpproxy {
	struct loop *loop;
	int fd, family;
	struct watch *watch;
	struct timer *sweep;
	struct map flows; /* client and address written to -> struct flow */
	struct ov_backend *backends;
	size_t n, turn;
	bool far;
};

static void flow_free(void *p)
{
	struct flow *f = p;
	watch_free(f->watch);
	close(f->fd);
	free(f->key);
	free(f);
}

static const struct ipaddr *address_of(const struct ov_backend *b)
{
	return ipaddr_is_set(&b->ip) ? &b->ip : &b->ip6;
}

static void sweep(void *arg)
{
	struct udpproxy *p = arg;
	uint64_t now = clock_ms();
	map_each(&p->flows, e)
	{
		const struct flow *f = e->val;
		if (now - f->seen_ms >= UDPPROXY_IDLE_MS)
			map_del(&p->flows, e->key);
	}
	if (p->flows.n)
		timer_set(p->sweep, UDPPROXY_IDLE_MS / 4);
}

/* From the address that the client wrote to: a connected client would not take it from another. */
static void answer(const struct flow *f, const void *data, size_t len)
{
	struct iovec iov = {.iov_base = (void *)data, .iov_len = len};
	char control[CMSG_SPACE(sizeof(struct in6_pktinfo))]
		__attribute__((aligned(__alignof__(struct cmsghdr)))) = {0};
	struct msghdr m = {.msg_name = (void *)&f->client.peer,
			   .msg_namelen = f->client.len,
			   .msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control};
	bool six = f->proxy->family == AF_INET6;
	size_t size = six ? sizeof(f->client.to6) : sizeof(f->client.to4);
	m.msg_controllen = CMSG_SPACE(size);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = six ? IPPROTO_IPV6 : IPPROTO_IP;
	c->cmsg_type = six ? IPV6_PKTINFO : IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), six ? (const void *)&f->client.to6 : (const void *)&f->client.to4,
	       size);
	(void)sendmsg(f->proxy->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void on_backend(int fd, unsigned flags, void *arg)
{
	struct flow *f = arg;
	char buf[DATAGRAM_MAX];
	(void)flags;
	for (int i = 0; i < TURN_MAX; i++) {
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0) { /* refused is not for ever: the next datagram tries again */
			if (errno == ECONNREFUSED)
				continue;
			return;
		}
		f->seen_ms = clock_ms();
		answer(f, buf, (size_t)n);
	}
}

static void make_room(struct udpproxy *p)
{
	const struct flow *oldest = NULL;
	if (p->flows.n < UDPPROXY_FLOWS_MAX)
		return;
	map_each(&p->flows, e)
	{
		const struct flow *f = e->val;
		if (!oldest || f->seen_ms < oldest->seen_ms)
			oldest = f;
	}
	auto_free char *key = xstrdup(oldest->key);
	map_del(&p->flows, key);
}

static struct flow *flow_new(struct udpproxy *p, const char *key, const struct end *client)
{
	if (!p->n)
		return NULL;
	const struct ov_backend *b = &p->backends[p->turn++ % p->n];
	struct sockaddr_storage to;
	socklen_t len = ipaddr_to_sockaddr(address_of(b), b->port, &to);
	int tos = PORTMAP_HOP << 2;
	auto_close int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	if (p->far)
		(void)setsockopt(fd, to.ss_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
				 to.ss_family == AF_INET ? IP_TOS : IPV6_TCLASS, &tos, sizeof(tos));
	if (connect(fd, (struct sockaddr *)&to, len) < 0)
		return NULL;
	make_room(p);
	struct flow *f = xcalloc(1, sizeof(*f));
	*f = (struct flow){.proxy = p, .key = xstrdup(key), .client = *client};
	f->to = *address_of(b);
	f->port = b->port;
	f->fd = take_fd(fd);
	f->watch = watch_fd(p->loop, f->fd, WATCH_READ, on_backend, f);
	map_set(&p->flows, key, f);
	if (!timer_is_set(p->sweep))
		timer_set(p->sweep, UDPPROXY_IDLE_MS / 4);
	return f;
}

static char *key_of(const struct udpproxy *p, const struct end *e)
{
	char peer[IPADDR_TEXT], at[IPADDR_TEXT];
	struct ipaddr from = {0}, to;
	uint16_t port = 0;
	ipaddr_of_sockaddr((const struct sockaddr *)&e->peer, &from, &port);
	to = p->family == AF_INET6 ? ipaddr_v6(&e->to6.ipi6_addr) : ipaddr_v4(e->to4.ipi_spec_dst);
	return xasprintf("%s %u %s", ipaddr_format(&from, peer), port, ipaddr_format(&to, at));
}

static void take_to(struct msghdr *m, struct end *e)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			memcpy(&e->to6, CMSG_DATA(c), sizeof(e->to6));
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			memcpy(&e->to4, CMSG_DATA(c), sizeof(e->to4));
	}
	/* Answers find their own way out, but for addresses that mean nothing without a link. */
	if (!IN6_IS_ADDR_LINKLOCAL(&e->to6.ipi6_addr))
		e->to6.ipi6_ifindex = 0;
	e->to4.ipi_ifindex = 0;
}

static void on_client(int fd, unsigned flags, void *arg)
{
	struct udpproxy *p = arg;
	char buf[DATAGRAM_MAX];
	(void)flags;
	for (int i = 0; i < TURN_MAX; i++) {
		struct end e = {.len = sizeof(e.peer)};
		char control[256] __attribute__((aligned(__alignof__(struct cmsghdr))));
		struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf)};
		struct msghdr m = {.msg_name = &e.peer,
				   .msg_namelen = e.len,
				   .msg_iov = &iov,
				   .msg_iovlen = 1,
				   .msg_control = control,
				   .msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
		if (n < 0)
			return;
		e.len = m.msg_namelen;
		take_to(&m, &e);
		auto_free char *key = key_of(p, &e);
		struct flow *f = map_get(&p->flows, key);
		if (!f)
			f = flow_new(p, key, &e);
		if (!f)
			continue;
		f->seen_ms = clock_ms();
		(void)send(f->fd, buf, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

struct udpproxy *udpproxy_new(struct loop *l, int fd)
{
	struct udpproxy *p = xcalloc(1, sizeof(*p));
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);
	int on = 1;
	(void)getsockname(fd, (struct sockaddr *)&sa, &len);
	p->loop = l;
	p->fd = fd;
	p->family = sa.ss_family;
	p->flows.free_val = flow_free;
	if (p->family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	else
		(void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	p->sweep = timer_new(l, sweep, p);
	p->watch = watch_fd(l, fd, WATCH_READ, on_client, p);
	return p;
}

void udpproxy_free(struct udpproxy *p)
{
	if (!p)
		return;
	map_clear(&p->flows);
	watch_free(p->watch);
	timer_free(p->sweep);
	free(p->backends);
	free(p);
}

void udpproxy_set(struct udpproxy *p, const struct ov_backend *backends, size_t n, bool far)
{
	free(p->backends);
	p->backends = n ? xmemdup(backends, n * sizeof(*backends)) : NULL;
	p->n = n;
	p->far = far;
	map_each(&p->flows, e)
	{
		const struct flow *f = e->val;
		bool there = false;
		for (size_t i = 0; i < n && !there; i++)
			there = f->port == backends[i].port &&
				ipaddr_equal(&f->to, address_of(&backends[i]));
		if (!there)
			map_del(&p->flows, e->key);
	}
}
