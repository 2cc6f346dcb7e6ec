/* SPDX-License-Identifier: Apache-2.0
 * The resolver of a sandbox: questions in, answers out; its TCP side is dnstcp.c. See dns.h. */
#include "overlay/dns.h"
#include "base/mem.h"
#include "overlay/dnsmsg.h"
#include "overlay/dnstcp.h"
#include "overlay/upstream.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define SRV_MAX   32 /* hosts in one answer: each is named, so the list is searched for each */
#define UDP_BURST 32 /* questions in one turn of the loop, so that one container starves nobody */

struct pending;

struct dns {
	struct loop *loop;
	struct upstream *up;
	struct dns_source src;
	struct strlist servers;
	int udp, tcp;
	uint16_t udp_port, tcp_port;
	struct watch *udp_watch, *tcp_watch;
	struct pending *pending;
	struct dnstcp_server streams;
};

struct client {
	struct dnstcp *tcp; /* NULL: UDP, from */
	struct sockaddr_in from;
};

/* A question that went upstream. */
struct pending {
	struct dns *dns;
	struct pending *prev, *next;
	struct upstream_ask *ask;
	struct dnstcp *tcp; /* NULL: it came over UDP */
	struct sockaddr_in from;
	size_t max;
	uint8_t *query;
	size_t len;
};

static void pending_free(struct pending *p)
{
	if (p->prev)
		p->prev->next = p->next;
	else
		p->dns->pending = p->next;
	if (p->next)
		p->next->prev = p->prev;
	free(p->query);
	free(p);
}

static void send_udp(struct dns *d, const struct sockaddr_in *to, const void *data, size_t len)
{
	/* A full socket buffer loses the answer, as UDP may: the client asks again. */
	(void)sendto(d->udp, data, len, MSG_NOSIGNAL, (const struct sockaddr *)to, sizeof(*to));
}

static void deliver(struct pending *p, const uint8_t *answer, size_t len)
{
	auto_str cut = {0};
	if (!answer || len > p->max) {
		struct dnsmsg_answer a = {.code = answer ? DNSMSG_OK : DNSMSG_SERVFAIL,
					  .max = p->max,
					  .cut = answer != NULL};
		if (dnsmsg_write(p->query, p->len, &a, &cut) < 0)
			return;
		answer = (const uint8_t *)cut.data;
		len = cut.len;
	}
	if (p->tcp)
		dnstcp_answer(p->tcp, answer, len);
	else
		send_udp(p->dns, &p->from, answer, len);
}

static void on_upstream(const uint8_t *answer, size_t len, void *arg)
{
	struct pending *p = arg;
	deliver(p, answer, len);
	pending_free(p);
}

/* Drops the questions of a connection (NULL: all) that wait for upstream. */
static void forget(struct dns *d, const struct dnstcp *t)
{
	for (struct pending *p = d->pending, *next; p; p = next) {
		next = p->next;
		if (t && p->tcp != t)
			continue;
		upstream_forget(p->ask);
		pending_free(p);
	}
}

/* One record for each host that has some of the addresses. */
static void answer_srv(const struct dns *d, const struct names_found *found,
		       struct dnsmsg_srv srv[SRV_MAX], struct dnsmsg_answer *a)
{
	for (size_t i = 0; i < found->n && a->n_srv < SRV_MAX; i++) {
		const struct ipaddr *ip = &found->v[(found->first + i) % found->n];
		bool ours = false;
		const char *target = d->src.name_of(d->src.arg, ip, &ours);
		struct dnsmsg_srv *s = srv;
		while (target && s < srv + a->n_srv && !streq(s->target, target))
			s++;
		if (!target)
			continue;
		a->n_srv += s == srv + a->n_srv;
		s->target = target;
		*(ipaddr_is_v4(ip) ? &s->ip : &s->ip6) = *ip;
	}
	a->srv = srv;
	a->port = found->port;
}

/* _x._tcp.web where web is ours: nobody else knows of it. */
static bool below_own(const struct dns *d, const char *name)
{
	struct names_found found;
	const char *proto = *name == '_' ? strchr(name, '.') : NULL;
	const char *base = proto && proto[1] == '_' ? strchr(proto + 1, '.') : NULL;
	return base && d->src.find(d->src.arg, base + 1, &found);
}

/* Answers from carrack's own names; false: not ours to answer. */
static bool answer_own(const struct dns *d, const struct dnsmsg_question *q,
		       struct dnsmsg_srv srv[SRV_MAX], struct dnsmsg_answer *a)
{
	struct names_found found;
	struct ipaddr ip;
	bool ours = false;
	if (q->type == DNSMSG_PTR && dnsmsg_reverse(q->name, &ip)) {
		a->ptr = d->src.name_of(d->src.arg, &ip, &ours);
		a->code = a->ptr ? DNSMSG_OK : DNSMSG_NXDOMAIN;
		return ours;
	}
	if (!d->src.find(d->src.arg, q->name, &found)) {
		a->code = DNSMSG_NXDOMAIN;
		return below_own(d, q->name);
	}
	if (found.port && q->type == DNSMSG_SRV)
		answer_srv(d, &found, srv, a);
	if (!found.port && (q->type == DNSMSG_A || q->type == DNSMSG_AAAA)) {
		a->family = q->type == DNSMSG_A ? AF_INET : AF_INET6;
		a->addrs = found.v;
		a->n = found.n;
		a->first = found.first;
	}
	return true;
}

static void ask_upstream(struct dns *d, const struct client *c, const uint8_t *msg, size_t len,
			 size_t max)
{
	struct pending *p = xcalloc(1, sizeof(*p));
	*p = (struct pending){.dns = d, .tcp = c->tcp, .from = c->from, .max = max};
	p->ask = upstream_send(d->up, &d->servers, c->tcp != NULL, msg, len, on_upstream, p);
	p->query = xmemdup(msg, len);
	p->len = len;
	p->next = d->pending;
	if (d->pending)
		d->pending->prev = p;
	d->pending = p;
	if (!p->ask)
		on_upstream(NULL, 0, p);
}

/* Answers msg, now or when upstream did. */
static void answer(struct dns *d, const struct client *c, const uint8_t *msg, size_t len)
{
	struct dnsmsg_question q;
	if (dnsmsg_read(msg, len, &q) < 0)
		return;
	size_t max = c->tcp ? DNSMSG_MAX : q.udp_max;
	struct dnsmsg_answer a = {.ttl = DNS_TTL, .max = max};
	struct dnsmsg_srv srv[SRV_MAX] = {0};
	if (q.bad_edns) {
		a.code = DNSMSG_BADVERS;
	} else if (!q.standard) {
		a.code = DNSMSG_NOTIMP;
	} else if (!answer_own(d, &q, srv, &a)) {
		/* A bare word that nobody can be asked about does not exist; a retry would not help. */
		if (upstream_has_server(d->up, &d->servers) || strchr(q.name, '.')) {
			ask_upstream(d, c, msg, len, max);
			return;
		}
		a.code = DNSMSG_NXDOMAIN;
	}
	auto_str out = {0};
	if (dnsmsg_write(msg, len, &a, &out) < 0)
		return;
	if (c->tcp)
		dnstcp_answer(c->tcp, (const uint8_t *)out.data, out.len);
	else
		send_udp(d, &c->from, out.data, out.len);
}

static void on_udp(int fd, unsigned flags, void *arg)
{
	(void)flags;
	struct dns *d = arg;
	for (int i = 0; i < UDP_BURST; i++) {
		uint8_t buf[4096]; /* no honest question is longer */
		struct client c = {0};
		socklen_t from_len = sizeof(c.from);
		ssize_t n =
			recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&c.from, &from_len);
		if (n < 0)
			return;
		if (from_len == sizeof(c.from) && c.from.sin_family == AF_INET)
			answer(d, &c, buf, (size_t)n);
	}
}

static void on_tcp(void *arg, struct dnstcp *from, const uint8_t *msg, size_t len)
{
	struct client c = {.tcp = from};
	answer(arg, &c, msg, len);
}

static void on_tcp_gone(void *arg, const struct dnstcp *t)
{
	forget(arg, t);
}

static int open_socket(int type, uint16_t *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);
	inet_pton(AF_INET, DNS_ADDRESS, &sa.sin_addr);
	auto_close int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 16) < 0))
		return -errno;
	*port = ntohs(sa.sin_port);
	return take_fd(fd);
}

int dns_open(struct loop *l, struct upstream *up, const struct dns_source *src,
	     const struct strlist *servers, struct dns **ret, struct err *err)
{
	struct dns *d = xcalloc(1, sizeof(*d));
	*d = (struct dns){.loop = l, .up = up, .src = *src, .udp = -1, .tcp = -1};
	d->streams = (struct dnstcp_server){l, on_tcp, on_tcp_gone, d, NULL, 0};
	d->udp = open_socket(SOCK_DGRAM, &d->udp_port);
	if (d->udp >= 0)
		d->tcp = open_socket(SOCK_STREAM, &d->tcp_port);
	if (d->udp < 0 || d->tcp < 0) {
		int r = d->udp < 0 ? d->udp : d->tcp;
		dns_close(d);
		return err_sys(err, r, "cannot open the resolver's sockets in the sandbox");
	}
	if (servers)
		strlist_copy(&d->servers, servers);
	d->udp_watch = watch_fd(l, d->udp, WATCH_READ, on_udp, d);
	d->tcp_watch = watch_fd(l, d->tcp, WATCH_READ, dnstcp_accept, &d->streams);
	*ret = d;
	return 0;
}

void dns_close(struct dns *d)
{
	if (!d)
		return;
	forget(d, NULL);
	dnstcp_close_all(&d->streams);
	watch_free(d->udp_watch);
	watch_free(d->tcp_watch);
	if (d->udp >= 0)
		close(d->udp);
	if (d->tcp >= 0)
		close(d->tcp);
	strlist_done(&d->servers);
	free(d);
}

void dns_ports(const struct dns *d, uint16_t *udp, uint16_t *tcp)
{
	*udp = d->udp_port;
	*tcp = d->tcp_port;
}
