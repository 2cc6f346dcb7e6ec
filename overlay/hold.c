/* SPDX-License-Identifier: Apache-2.0
 * Holding host ports; see hold.h. */
#include "overlay/hold.h"
#include "base/mem.h"
#include "overlay/proxy.h"
#include "overlay/udpproxy.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct hold {
	int fd;
	struct proxy *tcp;    /* NULL: not TCP */
	struct udpproxy *udp; /* NULL: not UDP */
};

const char *hold_proto(uint8_t proto)
{
	return proto == IPPROTO_TCP ? "tcp" : proto == IPPROTO_UDP ? "udp" : "sctp";
}

static int bind_to(const struct ipaddr *at, bool both, uint8_t proto, uint16_t *port)
{
	struct sockaddr_storage sa;
	struct ipaddr got;
	socklen_t len = ipaddr_to_sockaddr(at, *port, &sa);
	int type = proto == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
	int on = 1, only = !both;
	auto_close int fd = socket(sa.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, proto);
	if (fd < 0)
		return -errno;
	if (sa.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
	/* Connections that an earlier life took may linger; whoever listens still excludes us. */
	if (proto == IPPROTO_TCP)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, len) < 0 ||
	    (type == SOCK_STREAM && listen(fd, PROXY_BACKLOG) < 0) ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return -errno;
	ipaddr_of_sockaddr((const struct sockaddr *)&sa, &got, port);
	return take_fd(fd);
}

static int reserve(const struct ipaddr *host_ip, uint8_t proto, uint16_t *port)
{
	struct ipaddr any = ipaddr_any(AF_INET6);
	if (ipaddr_is_set(host_ip))
		return bind_to(host_ip, false, proto, port);
	int fd = bind_to(&any, true, proto, port);
	if (fd != -EAFNOSUPPORT && fd != -EADDRNOTAVAIL)
		return fd;
	any = ipaddr_any(AF_INET); /* a kernel without IPv6 */
	return bind_to(&any, false, proto, port);
}

int hold_open(struct loop *l, const struct ipaddr *host_ip, uint8_t proto, uint16_t *port,
	      struct hold **ret)
{
	uint16_t got = *port;
	int fd = reserve(host_ip, proto, &got);
	if (fd == -EPROTONOSUPPORT && *port) {
		*ret = NULL;
		return 0;
	}
	if (fd < 0)
		return fd;
	struct hold *h = xcalloc(1, sizeof(*h));
	h->fd = fd;
	if (proto == IPPROTO_TCP)
		h->tcp = proxy_new(l, fd);
	if (proto == IPPROTO_UDP)
		h->udp = udpproxy_new(l, fd);
	*port = got;
	*ret = h;
	return 0;
}

void hold_close(struct hold *h)
{
	if (!h)
		return;
	proxy_free(h->tcp);
	udpproxy_free(h->udp);
	close(h->fd);
	free(h);
}

void hold_serve(struct hold *h, const struct ov_backend *backends, size_t n, bool far)
{
	if (h && h->tcp)
		proxy_set(h->tcp, backends, n, far);
	if (h && h->udp)
		udpproxy_set(h->udp, backends, n, far);
}

int hold_refused(const struct ipaddr *host_ip, uint8_t proto, uint16_t port, int code,
		 struct err *err)
{
	char ip[IPADDR_TEXT], at[IPADDR_TEXT + 16];
	ipaddr_format(host_ip, ip);
	bool six = strchr(ip, ':') != NULL;
	snprintf(at, sizeof(at), "%s%s%s%s", six ? "[" : "", ip, six ? "]" : "", *ip ? ":" : "");
	if (code == -EADDRINUSE)
		return err_set(err, code,
			       "host port \"%s%u/%s\" is in use by another program on this host; "
			       "stop it (see ss -lntup) or choose another port",
			       at, port, hold_proto(proto));
	if (code == -EADDRNOTAVAIL)
		return err_set(err, code,
			       "host address \"%s\" of a published port is not on this host", ip);
	return err_sys(err, code, "cannot reserve host port \"%s%u/%s\"", at, port,
		       hold_proto(proto));
}
