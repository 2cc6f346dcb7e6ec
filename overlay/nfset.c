/* SPDX-License-Identifier: Apache-2.0
 * nf_tables elements over netlink; see nfset.h. */
#include "overlay/nfset.h"
#include "base/mem.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#define ANSWER_BYTES 65536
#define NFT(msg)     ((NFNL_SUBSYS_NFTABLES << 8) | (msg))
#define CT(msg)      ((NFNL_SUBSYS_CTNETLINK << 8) | (msg))
#define HEAD         NLMSG_SPACE(sizeof(struct nfgenmsg))

int nfset_open(struct err *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	int one = 1, room = 4 << 20;
	if (fd < 0)
		return err_sys(err, -errno, "cannot open a socket to the packet filter");
	/* A dump of thousands of elements, or as many errors, is to fit. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	return fd;
}

/* --- building --------------------------------------------------------------------------------- */

static void pad(struct str *s)
{
	while (s->len % NLA_ALIGNTO)
		str_addc(s, '\0');
}

static void put(struct str *s, uint16_t type, const void *data, size_t len)
{
	struct nlattr a = {.nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type};
	str_addn(s, &a, sizeof(a));
	str_addn(s, data, len);
	pad(s);
}

static void put_text(struct str *s, uint16_t type, const char *text)
{
	put(s, type, text, strlen(text) + 1);
}

static size_t nest(struct str *s, uint16_t type)
{
	struct nlattr a = {.nla_type = type | NLA_F_NESTED};
	size_t at = s->len;
	str_addn(s, &a, sizeof(a));
	return at;
}

static void nest_end(struct str *s, size_t at)
{
	uint16_t len = (uint16_t)(s->len - at);
	memcpy(s->data + at, &len, sizeof(len));
}

static size_t message(struct str *s, uint16_t type, uint16_t flags, uint8_t family, uint16_t res)
{
	size_t at = s->len;
	struct nlmsghdr h = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};
	struct nfgenmsg g = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(res)};
	str_addn(s, &h, sizeof(h));
	str_addn(s, &g, sizeof(g));
	return at;
}

static void message_end(struct str *s, size_t at)
{
	uint32_t len = (uint32_t)(s->len - at);
	memcpy(s->data + at, &len, sizeof(len));
}

static void put_value(struct str *s, const struct nfset_elem *e)
{
	size_t data = nest(s, NFTA_SET_ELEM_DATA);
	put(s, NFTA_DATA_VALUE, e->addr, e->addr_len);
	nest_end(s, data);
}

void nfset_put(struct nfset_batch *b, bool add, const char *table, const char *set,
	       const struct nfset_elem *e)
{
	struct str *s = &b->buf;
	size_t m = message(s, NFT(add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM),
			   add ? NLM_F_CREATE : 0, NFPROTO_INET, 0);
	put_text(s, NFTA_SET_ELEM_LIST_TABLE, table);
	put_text(s, NFTA_SET_ELEM_LIST_SET, set);
	size_t list = nest(s, NFTA_SET_ELEM_LIST_ELEMENTS);
	size_t elem = nest(s, NFTA_LIST_ELEM);
	size_t key = nest(s, NFTA_SET_ELEM_KEY);
	put(s, NFTA_DATA_VALUE, e->key, e->key_len);
	nest_end(s, key);
	if (add && e->addr_len)
		put_value(s, e);
	nest_end(s, elem);
	nest_end(s, list);
	message_end(s, m);
	b->elems++;
}

void nfset_batch_done(struct nfset_batch *b)
{
	str_done(&b->buf);
	b->elems = 0;
}

/* --- sending ---------------------------------------------------------------------------------- */

static int send_all(int fd, const void *data, size_t len)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t n = sendto(fd, data, len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	return n < 0 ? -errno : (size_t)n == len ? 0 : -EIO;
}

/* The kernel has answered when send returns: the first error there is. */
static int first_error(int fd)
{
	static const size_t head = NLMSG_LENGTH(sizeof(struct nlmsgerr));
	auto_free char *buf = xmalloc(ANSWER_BYTES);
	int first = 0;
	for (;;) {
		ssize_t n = recv(fd, buf, ANSWER_BYTES, MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN ? first : first ? first : -errno;
		for (const struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			const struct nlmsgerr *e = NLMSG_DATA(h);
			if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= head && e->error &&
			    !first)
				first = e->error;
		}
	}
}

static int send_part(int fd, const char *data, size_t len)
{
	struct str s = {0};
	size_t m = message(&s, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	message_end(&s, m);
	str_addn(&s, data, len);
	m = message(&s, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	message_end(&s, m);
	int r = send_all(fd, s.data, s.len);
	str_done(&s);
	return r < 0 ? r : first_error(fd);
}

int nfset_send(int fd, struct nfset_batch *b, struct err *err)
{
	size_t from = 0, at = 0;
	uint32_t n = 0;
	int r = 0;
	while (at < b->buf.len && r == 0) {
		uint32_t len;
		memcpy(&len, b->buf.data + at, sizeof(len));
		at += len;
		if (++n < NFSET_BATCH && at < b->buf.len)
			continue;
		r = send_part(fd, b->buf.data + from, at - from);
		from = at;
		n = 0;
	}
	nfset_batch_done(b);
	return r < 0 ? err_sys(err, r, "the packet filter refused elements") : 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Attributes of a message or nest, by type; NULL where absent. */
static void attrs(const void *data, size_t len, const struct nlattr **tb, size_t max)
{
	memset(tb, 0, (max + 1) * sizeof(*tb));
	for (size_t at = 0; at + NLA_HDRLEN <= len;) {
		const struct nlattr *a = (const void *)((const char *)data + at);
		if (a->nla_len < NLA_HDRLEN || at + a->nla_len > len)
			return;
		size_t type = a->nla_type & NLA_TYPE_MASK;
		if (type <= max)
			tb[type] = a;
		at += NLA_ALIGN(a->nla_len);
	}
}

static const void *data_of(const struct nlattr *a)
{
	return (const char *)a + NLA_HDRLEN;
}

static size_t len_of(const struct nlattr *a)
{
	return (size_t)(a->nla_len - NLA_HDRLEN);
}

static void nested(const struct nlattr *a, const struct nlattr **tb, size_t max)
{
	attrs(a ? data_of(a) : NULL, a ? len_of(a) : 0, tb, max);
}

static bool take_elem(const struct nlattr *a, struct nfset_elem *e)
{
	const struct nlattr *tb[NFTA_SET_ELEM_MAX + 1], *d[NFTA_DATA_MAX + 1];
	*e = (struct nfset_elem){0};
	nested(a, tb, NFTA_SET_ELEM_MAX);
	nested(tb[NFTA_SET_ELEM_KEY], d, NFTA_DATA_MAX);
	if (!d[NFTA_DATA_VALUE] || len_of(d[NFTA_DATA_VALUE]) > sizeof(e->key))
		return false;
	e->key_len = (uint8_t)len_of(d[NFTA_DATA_VALUE]);
	memcpy(e->key, data_of(d[NFTA_DATA_VALUE]), e->key_len);
	nested(tb[NFTA_SET_ELEM_DATA], d, NFTA_DATA_MAX);
	if (d[NFTA_DATA_VALUE] && len_of(d[NFTA_DATA_VALUE]) <= sizeof(e->addr)) {
		e->addr_len = (uint8_t)len_of(d[NFTA_DATA_VALUE]);
		memcpy(e->addr, data_of(d[NFTA_DATA_VALUE]), e->addr_len);
	}
	return true;
}

typedef void (*each_message)(const void *data, size_t len, void *arg);

/* A dump: calls fn with the attributes of each message. */
static int dump(int fd, struct str *ask, each_message fn, void *arg)
{
	auto_free char *buf = xmalloc(ANSWER_BYTES);
	int r = send_all(fd, ask->data, ask->len);
	str_done(ask);
	while (r == 0) {
		ssize_t n = recv(fd, buf, ANSWER_BYTES, 0);
		if (n < 0)
			return -errno;
		for (const struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return h->nlmsg_flags & NLM_F_DUMP_INTR ? -EINTR : 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
			if (h->nlmsg_len >= HEAD)
				fn((const char *)h + HEAD, h->nlmsg_len - HEAD, arg);
		}
	}
	return r;
}

struct elem_call {
	nfset_each each;
	void *arg;
};

static void take_elems(const void *data, size_t len, void *arg)
{
	const struct elem_call *c = arg;
	const struct nlattr *tb[NFTA_SET_ELEM_LIST_MAX + 1];
	attrs(data, len, tb, NFTA_SET_ELEM_LIST_MAX);
	const struct nlattr *list = tb[NFTA_SET_ELEM_LIST_ELEMENTS];
	for (size_t at = 0; list && at + NLA_HDRLEN <= len_of(list);) {
		const struct nlattr *a = (const void *)((const char *)data_of(list) + at);
		struct nfset_elem e;
		if (a->nla_len < NLA_HDRLEN || at + a->nla_len > len_of(list))
			return;
		if (take_elem(a, &e))
			c->each(&e, c->arg);
		at += NLA_ALIGN(a->nla_len);
	}
}

int nfset_dump(int fd, const char *table, const char *set, nfset_each each, void *arg,
	       struct err *err)
{
	struct str s = {0};
	struct elem_call call = {each, arg};
	size_t m = message(&s, NFT(NFT_MSG_GETSETELEM), NLM_F_DUMP, NFPROTO_INET, 0);
	put_text(&s, NFTA_SET_ELEM_LIST_TABLE, table);
	put_text(&s, NFTA_SET_ELEM_LIST_SET, set);
	message_end(&s, m);
	int r = dump(fd, &s, take_elems, &call);
	return r < 0 ? err_sys(err, r, "cannot list the set \"%s\"", set) : 0;
}

/* --- connections ------------------------------------------------------------------------------ */

int nfset_forget_udp(int fd, const struct nfset_flow *f, struct err *err)
{
	bool v4 = f->addr_len == 4;
	uint8_t proto = IPPROTO_UDP;
	struct str s = {0};
	size_t m = message(&s, CT(IPCTNL_MSG_CT_DELETE), NLM_F_ACK, v4 ? AF_INET : AF_INET6, 0);
	size_t tuple = nest(&s, CTA_TUPLE_ORIG);
	size_t ip = nest(&s, CTA_TUPLE_IP);
	put(&s, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, f->from, f->addr_len);
	put(&s, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, f->to, f->addr_len);
	nest_end(&s, ip);
	size_t p = nest(&s, CTA_TUPLE_PROTO);
	put(&s, CTA_PROTO_NUM, &proto, sizeof(proto));
	put(&s, CTA_PROTO_SRC_PORT, &f->from_port, sizeof(f->from_port));
	put(&s, CTA_PROTO_DST_PORT, &f->to_port, sizeof(f->to_port));
	nest_end(&s, p);
	nest_end(&s, tuple);
	message_end(&s, m);
	int r = send_all(fd, s.data, s.len);
	str_done(&s);
	if (r == 0)
		r = first_error(fd);
	return r < 0 && r != -ENOENT ? err_sys(err, r, "cannot forget a UDP connection") : 0;
}
