/* SPDX-License-Identifier: Apache-2.0
 * Host ports of sandboxes: a bound socket holds each, so that nothing else on the host gets it and
 * one in use is found before a container starts. Packets take the rules' way and do not reach it, but
 * for those of the host's own loopback, which a proxy passes on. */
#include "base/mem.h"
#include "overlay/host.h"
#include "overlay/proxy.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static const char *proto_name(uint8_t proto)
{
	return proto == IPPROTO_TCP ? "tcp" : proto == IPPROTO_UDP ? "udp" : "sctp";
}

static const char *owner_of(const struct overlay *o, const struct ov_publish *p)
{
	map_each(&o->sandboxes, e)
	{
		const struct sandbox *s = e->val;
		for (size_t i = 0; i < s->n_ports; i++) {
			const struct ov_publish *q = &s->ports[i].spec;
			bool meet = ipaddr_equal(&q->host_ip, &p->host_ip) ||
				    ipaddr_is_any(&q->host_ip) || ipaddr_is_any(&p->host_ip);
			if (q->host_port == p->host_port && q->proto == p->proto && meet)
				return s->id;
		}
	}
	return NULL;
}

/* A descriptor, or -errno; -EPROTONOSUPPORT where the kernel lacks SCTP. */
static int reserve(const struct ov_publish *p, uint16_t *port)
{
	struct sockaddr_storage sa;
	struct ipaddr at = ipaddr_is_set(&p->host_ip) ? p->host_ip : ipaddr_any(AF_INET);
	socklen_t len = ipaddr_to_sockaddr(&at, p->host_port, &sa);
	int type = p->proto == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
	auto_close int fd = socket(sa.ss_family, type | SOCK_CLOEXEC, p->proto);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return -errno;
	ipaddr_of_sockaddr((const struct sockaddr *)&sa, &at, port);
	return take_fd(fd);
}

static int refuse(const struct ov_publish *p, int code, const char *owner, struct err *err)
{
	char ip[IPADDR_TEXT];
	struct ipaddr at = ipaddr_is_set(&p->host_ip) ? p->host_ip : ipaddr_any(AF_INET);
	ipaddr_format(&at, ip);
	if (owner)
		return err_set(
			err, -EADDRINUSE,
			"host port \"%s:%u/%s\" is published by \"%s\" already; choose another", ip,
			p->host_port, proto_name(p->proto), owner);
	if (code == -EADDRINUSE)
		return err_set(err, code,
			       "host port \"%s:%u/%s\" is in use by another program on this host; "
			       "stop it (see ss -lntup) or choose another port",
			       ip, p->host_port, proto_name(p->proto));
	if (code == -EADDRNOTAVAIL)
		return err_set(err, code,
			       "host address \"%s\" of a published port is not on this host", ip);
	return err_sys(err, code, "cannot reserve host port \"%s:%u/%s\"", ip, p->host_port,
		       proto_name(p->proto));
}

int publish_open(struct overlay *o, struct published *p, const char *sandbox_id, struct err *err)
{
	struct ov_publish *q = &p->spec;
	uint16_t port = 0;
	if (q->target == 0 ||
	    (q->proto != IPPROTO_TCP && q->proto != IPPROTO_UDP && q->proto != IPPROTO_SCTP))
		return err_set(err, -EINVAL, "a published port of \"%s\" lacks target or protocol",
			       sandbox_id);
	if (ipaddr_is_loopback(&q->host_ip))
		return err_set(err, -EINVAL,
			       "a port of \"%s\" cannot be published on a loopback address; use an "
			       "address of the host",
			       sandbox_id);
	const char *owner = q->host_port ? owner_of(o, q) : NULL;
	if (owner)
		return refuse(q, -EADDRINUSE, owner, err);
	int fd = reserve(q, &port);
	if (fd == -EPROTONOSUPPORT && q->host_port) {
		p->fd = -1; /* no one else on this host can use it either */
		return 0;
	}
	if (fd < 0)
		return refuse(q, fd, NULL, err);
	q->host_port = port;
	p->fd = fd;
	return 0;
}

void publish_serve(struct overlay *o, struct published *p, const struct ipaddr *container)
{
	proxy_free(take_ptr(p->proxy)); /* the container's address may have changed */
	if (p->fd >= 0 && p->spec.proto == IPPROTO_TCP && ipaddr_is_any(&p->spec.host_ip))
		p->proxy = proxy_new(o->loop, p->fd, container, p->spec.target);
}

void publish_close(struct published *p)
{
	proxy_free(take_ptr(p->proxy));
	if (p->fd >= 0)
		close(take_fd(p->fd));
}
