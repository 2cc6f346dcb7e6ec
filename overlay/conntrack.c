/* SPDX-License-Identifier: Apache-2.0
 * Listing and deleting tracked connections over ctnetlink; see conntrack.h. */
#include "overlay/conntrack.h"
#include "base/fd.h"
#include "base/mem.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#define BUFFER_BYTES (64 << 10)
#define TUPLE_MAX    128 /* bytes of one direction's attribute */

struct found { /* a stale one's original direction, as the kernel wrote it */
	uint8_t family;
	uint16_t len;
	char tuple[TUPLE_MAX];
};

struct sweep {
	bool (*stale)(const struct conntrack_flow *f, void *arg);
	void *arg;
	struct found *v;
	size_t n, cap;
};

static const struct nlattr *attr_in(const void *from, size_t len, int type)
{
	for (size_t at = 0; at + NLA_HDRLEN <= len;) {
		const struct nlattr *a = (const void *)((const char *)from + at);
		if (a->nla_len < NLA_HDRLEN || at + a->nla_len > len)
			return NULL;
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
		at += NLA_ALIGN(a->nla_len);
	}
	return NULL;
}

static const void *payload(const struct nlattr *a)
{
	return (const char *)a + NLA_HDRLEN;
}

static size_t payload_len(const struct nlattr *a)
{
	return a ? a->nla_len - (size_t)NLA_HDRLEN : 0;
}

static const struct nlattr *nested(const struct nlattr *a, int type)
{
	return a ? attr_in(payload(a), payload_len(a), type) : NULL;
}

static bool take_addr(const struct nlattr *tuple, bool source, struct ipaddr *ret)
{
	const struct nlattr *ip = nested(tuple, CTA_TUPLE_IP);
	const struct nlattr *a = nested(ip, source ? CTA_IP_V4_SRC : CTA_IP_V4_DST);
	if (payload_len(a) == sizeof(struct in_addr)) {
		struct in_addr v;
		memcpy(&v, payload(a), sizeof(v));
		*ret = ipaddr_v4(v);
		return true;
	}
	a = nested(ip, source ? CTA_IP_V6_SRC : CTA_IP_V6_DST);
	if (payload_len(a) != sizeof(struct in6_addr))
		return false;
	struct in6_addr v6;
	memcpy(&v6, payload(a), sizeof(v6));
	*ret = ipaddr_v6(&v6);
	return true;
}

static uint16_t take_port(const struct nlattr *tuple, bool source)
{
	uint16_t port = 0;
	const struct nlattr *a = nested(nested(tuple, CTA_TUPLE_PROTO),
					source ? CTA_PROTO_SRC_PORT : CTA_PROTO_DST_PORT);
	if (payload_len(a) == sizeof(port))
		memcpy(&port, payload(a), sizeof(port));
	return ntohs(port);
}

static void look_at(struct sweep *s, const struct nlmsghdr *h)
{
	size_t skip = NLMSG_LENGTH(NLMSG_ALIGN(sizeof(struct nfgenmsg)));
	struct conntrack_flow f = {0};
	if (h->nlmsg_type != ((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW) ||
	    h->nlmsg_len < skip)
		return;
	const struct nfgenmsg *g = NLMSG_DATA(h);
	const char *at = (const char *)h + skip;
	const struct nlattr *orig = attr_in(at, h->nlmsg_len - skip, CTA_TUPLE_ORIG);
	const struct nlattr *reply = attr_in(at, h->nlmsg_len - skip, CTA_TUPLE_REPLY);
	const struct nlattr *proto = nested(nested(orig, CTA_TUPLE_PROTO), CTA_PROTO_NUM);
	if (payload_len(proto) != 1 || !take_addr(orig, false, &f.to) ||
	    !take_addr(reply, true, &f.served_by) || orig->nla_len > TUPLE_MAX)
		return;
	f.proto = *(const uint8_t *)payload(proto);
	f.to_port = take_port(orig, false);
	f.served_port = take_port(reply, true);
	if (!s->stale(&f, s->arg))
		return;
	s->v = vec_grow(s->v, s->n, &s->cap, sizeof(*s->v));
	struct found *found = &s->v[s->n++];
	found->family = g->nfgen_family;
	found->len = orig->nla_len;
	memcpy(found->tuple, orig, orig->nla_len);
}

struct request {
	struct nlmsghdr h;
	struct nfgenmsg g;
	char tuple[TUPLE_MAX];
};

static int ask(int fd, uint16_t type, uint16_t flags, const struct found *f)
{
	struct request q = {.h = {.nlmsg_len = NLMSG_LENGTH(sizeof(q.g)),
				  .nlmsg_type = (uint16_t)((NFNL_SUBSYS_CTNETLINK << 8) | type),
				  .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags)},
			    .g = {.version = NFNETLINK_V0}};
	if (f) {
		q.g.nfgen_family = f->family;
		memcpy(q.tuple, f->tuple, f->len);
		q.h.nlmsg_len += NLA_ALIGN(f->len);
	}
	return send(fd, &q, q.h.nlmsg_len, 0) < 0 ? -errno : 0;
}

static int dump(int fd, struct sweep *s)
{
	auto_free char *buf = xmalloc(BUFFER_BYTES);
	int r = ask(fd, IPCTNL_MSG_CT_GET, NLM_F_DUMP, NULL);
	while (r == 0) {
		ssize_t n = recv(fd, buf, BUFFER_BYTES, 0);
		if (n < 0)
			return -errno;
		size_t left = (size_t)n;
		const struct nlmsghdr *h = (const void *)buf;
		for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
			look_at(s, h);
		}
	}
	return r;
}

int conntrack_forget(bool (*stale)(const struct conntrack_flow *f, void *arg), void *arg,
		     size_t *ret_n, struct err *err)
{
	struct sweep s = {.stale = stale, .arg = arg};
	auto_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	int r = fd < 0 ? -errno : dump(fd, &s);
	/* Without an answer: one that ended meanwhile is as good. */
	for (size_t i = 0; i < s.n && r == 0; i++)
		r = ask(fd, IPCTNL_MSG_CT_DELETE, 0, &s.v[i]);
	*ret_n = s.n;
	free(s.v);
	return r < 0 ? err_sys(err, r, "cannot look through the tracked connections") : 0;
}
