/* SPDX-License-Identifier: Apache-2.0
 * Netlink over libnl; the one file that includes it. See nl.h. */
#include "overlay/nl.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <netlink/attr.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/socket.h>

#define SOCKET_BYTES (1 << 20) /* enough for the answers to a whole batch */
#define REQUEST_MAX  4096

struct nlsock {
	struct nl_sock *sk;
	struct nl_cb *cb;
	nl_each each; /* of the dump under way */
	void *each_arg;
	uint32_t first_seq;
	size_t waiting; /* answers still to come */
	int *codes;     /* of the batch under way, n_codes of them; may be NULL */
	size_t n_codes;
	int failed; /* first failure */
	struct err *err;
};

struct nlreq {
	struct nl_msg *msg;
};

/* The kernel's own sentence (extended acknowledgement), which follows the copy of our header. */
static const char *ack_text(const struct nlmsgerr *e)
{
	const struct nlmsghdr *h =
		(const struct nlmsghdr *)((const char *)e - NLMSG_ALIGN(sizeof(*h)));
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	size_t skip = NLMSG_ALIGN(sizeof(*h)) + sizeof(*e);
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
	if (skip >= h->nlmsg_len)
		return NULL;
	const struct nlattr *a = nla_find((const struct nlattr *)((const char *)h + skip),
					  (int)(h->nlmsg_len - skip), NLMSGERR_ATTR_MSG);
	if (!a || nla_len(a) < 1 || ((const char *)nla_data(a))[nla_len(a) - 1] != '\0')
		return NULL;
	return nla_data(a);
}

static void note_answer(struct nlsock *s, uint32_t seq, int code, const char *text)
{
	if (s->codes && seq - s->first_seq < s->n_codes)
		s->codes[seq - s->first_seq] = code;
	if (s->waiting)
		s->waiting--;
	if (code >= 0 || s->failed)
		return;
	s->failed = code;
	if (text)
		err_set(s->err, code, "the kernel says: %s (%s)", text, strerror(-code));
	else
		err_set(s->err, code, "the kernel says: %s", strerror(-code));
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *e, void *arg)
{
	(void)from;
	note_answer(arg, e->msg.nlmsg_seq, e->error, ack_text(e));
	return NL_SKIP;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	note_answer(arg, nlmsg_hdr(msg)->nlmsg_seq, 0, NULL);
	return NL_OK;
}

static int on_finish(struct nl_msg *msg, void *arg)
{
	note_answer(arg, nlmsg_hdr(msg)->nlmsg_seq, 0, NULL);
	return NL_OK;
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct nlsock *s = arg;
	if (s->each)
		s->each(nlmsg_hdr(msg), s->each_arg);
	return NL_OK;
}

static int no_seq_check(struct nl_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return NL_OK;
}

static int set_up(struct nlsock *s, int protocol)
{
	int on = 1;
	if (nl_connect(s->sk, protocol) < 0)
		return -errno;
	nl_socket_set_buffer_size(s->sk, SOCKET_BYTES, SOCKET_BYTES);
	nl_socket_set_msg_buf_size(s->sk, 256 << 10);
	/* Without these two the errors only lack their sentence and dumps are filtered here. */
	(void)setsockopt(nl_socket_get_fd(s->sk), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(nl_socket_get_fd(s->sk), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	nl_cb_err(s->cb, NL_CB_CUSTOM, on_error, s);
	nl_cb_set(s->cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, s);
	nl_cb_set(s->cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, s);
	nl_cb_set(s->cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, s);
	nl_cb_set(s->cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, no_seq_check, s);
	return 0;
}

static int open_protocol(int protocol, struct nlsock **ret, struct err *err)
{
	struct nlsock *s = xcalloc(1, sizeof(*s));
	s->sk = nl_socket_alloc();
	s->cb = nl_cb_alloc(NL_CB_DEFAULT);
	int r = s->sk && s->cb ? set_up(s, protocol) : -ENOMEM;
	if (r < 0) {
		nlsock_close(s);
		return err_sys(err, r, "cannot open a netlink socket");
	}
	*ret = s;
	return 0;
}

int nlsock_open(struct nlsock **ret, struct err *err)
{
	return open_protocol(NETLINK_ROUTE, ret, err);
}

int nlsock_open_generic(struct nlsock **ret, struct err *err)
{
	return open_protocol(NETLINK_GENERIC, ret, err);
}

void nlsock_close(struct nlsock *s)
{
	if (!s)
		return;
	if (s->cb)
		nl_cb_put(s->cb);
	if (s->sk)
		nl_socket_free(s->sk);
	free(s);
}

struct nlreq *nlreq_new(uint16_t type, uint16_t flags, const void *head, size_t head_len)
{
	struct nlreq *r = xcalloc(1, sizeof(*r));
	r->msg = nlmsg_alloc_size(REQUEST_MAX);
	if (!r->msg ||
	    !nlmsg_put(r->msg, NL_AUTO_PORT, NL_AUTO_SEQ, type, 0, NLM_F_REQUEST | flags))
		abort();
	nlreq_raw(r, head, head_len);
	return r;
}

void nlreq_free(struct nlreq *r)
{
	if (!r)
		return;
	nlmsg_free(r->msg);
	free(r);
}

/* Requests are built from our own bounded structs: one that outgrows REQUEST_MAX is a bug. */
static void must(int ok)
{
	if (ok < 0)
		abort();
}

void nlreq_raw(struct nlreq *r, const void *data, size_t len)
{
	must(nlmsg_append(r->msg, (void *)(uintptr_t)data, len, NLMSG_ALIGNTO));
}

void nlreq_put(struct nlreq *r, int attr, const void *data, size_t len)
{
	must(nla_put(r->msg, attr, (int)len, data));
}

void nlreq_u8(struct nlreq *r, int attr, uint8_t v)
{
	nlreq_put(r, attr, &v, sizeof(v));
}

void nlreq_u16(struct nlreq *r, int attr, uint16_t v)
{
	nlreq_put(r, attr, &v, sizeof(v));
}

void nlreq_u32(struct nlreq *r, int attr, uint32_t v)
{
	nlreq_put(r, attr, &v, sizeof(v));
}

void nlreq_str(struct nlreq *r, int attr, const char *v)
{
	nlreq_put(r, attr, v, strlen(v) + 1);
}

void *nlreq_nest(struct nlreq *r, int attr)
{
	void *nest = nla_nest_start(r->msg, attr);
	if (!nest)
		abort();
	return nest;
}

void nlreq_nest_end(struct nlreq *r, void *nest)
{
	nla_nest_end(r->msg, nest);
}

static int receive(struct nlsock *s)
{
	while (s->waiting) {
		int r = nl_recvmsgs(s->sk, s->cb);
		if (r == -NLE_INTR || r == -NLE_AGAIN)
			continue;
		if (r < 0) {
			return err_set(s->err, -EIO, "reading the kernel's netlink answer: %s",
				       nl_geterror(r));
		}
	}
	return s->failed;
}

static void begin(struct nlsock *s, size_t n, int *codes, struct err *err)
{
	s->waiting = s->n_codes = n;
	s->codes = codes;
	s->failed = 0;
	s->err = err;
}

int nlsock_batch(struct nlsock *s, struct nlreq **reqs, size_t n, int *codes, struct err *err)
{
	if (n == 0)
		return 0;
	auto_str out = {0};
	for (size_t i = 0; i < n; i++) {
		nl_complete_msg(s->sk, reqs[i]->msg);
		struct nlmsghdr *h = nlmsg_hdr(reqs[i]->msg);
		h->nlmsg_flags |= NLM_F_ACK;
		if (i == 0)
			s->first_seq = h->nlmsg_seq;
		str_addn(&out, h, h->nlmsg_len);
		for (size_t pad = h->nlmsg_len; pad % NLMSG_ALIGNTO; pad++)
			str_addc(&out, '\0');
		nlreq_free(reqs[i]);
		reqs[i] = NULL;
	}
	begin(s, n, codes, err);
	int r = nl_sendto(s->sk, out.data, out.len);
	if (r < 0)
		return err_set(err, -EIO, "sending to the kernel: %s", nl_geterror(r));
	return receive(s);
}

int nlsock_call(struct nlsock *s, struct nlreq *r, struct err *err)
{
	return nlsock_batch(s, &r, 1, NULL, err);
}

int nlsock_dump(struct nlsock *s, struct nlreq *r, nl_each each, void *arg, struct err *err)
{
	s->each = each;
	s->each_arg = arg;
	nl_complete_msg(s->sk, r->msg);
	struct nlmsghdr *h = nlmsg_hdr(r->msg);
	/* A single get is answered by the object and then an acknowledgement, a dump by its end. */
	if ((h->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		h->nlmsg_flags |= NLM_F_ACK;
	s->first_seq = h->nlmsg_seq;
	begin(s, 1, NULL, err);
	int sent = nl_sendto(s->sk, h, h->nlmsg_len);
	nlreq_free(r);
	int code = sent < 0 ? err_set(err, -EIO, "sending to the kernel: %s", nl_geterror(sent))
			    : receive(s);
	s->each = NULL;
	return code;
}

static void split(const void *data, size_t len, const struct rtattr **tb, int max)
{
	memset(tb, 0, sizeof(*tb) * ((size_t)max + 1));
	const struct rtattr *a = data;
	for (int left = (int)len; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		int type = a->rta_type & NLA_TYPE_MASK;
		if (type <= max)
			tb[type] = a;
	}
}

void nl_attrs(const struct nlmsghdr *h, size_t head_len, const struct rtattr **tb, int max)
{
	size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(head_len);
	split((const char *)h + skip, h->nlmsg_len > skip ? h->nlmsg_len - skip : 0, tb, max);
}

void nl_nested(const struct rtattr *nest, const struct rtattr **tb, int max)
{
	split(RTA_DATA(nest), RTA_PAYLOAD(nest), tb, max);
}

bool nl_get_bytes(const struct rtattr *a, void *out, size_t len)
{
	if (!a || RTA_PAYLOAD(a) < len)
		return false;
	memcpy(out, RTA_DATA(a), len);
	return true;
}

bool nl_get_addr(const struct rtattr *a, struct ipaddr *out)
{
	size_t len = a ? RTA_PAYLOAD(a) : 0;
	if (len != 4 && len != IPADDR_BYTES)
		return false;
	*out = (struct ipaddr){.family = len == 4 ? AF_INET : AF_INET6};
	memcpy(out->bytes, RTA_DATA(a), len);
	return true;
}

uint32_t nl_get_u32(const struct rtattr *a, uint32_t def)
{
	uint32_t v;
	return nl_get_bytes(a, &v, sizeof(v)) ? v : def;
}

uint16_t nl_get_u16(const struct rtattr *a, uint16_t def)
{
	uint16_t v;
	return nl_get_bytes(a, &v, sizeof(v)) ? v : def;
}

uint8_t nl_get_u8(const struct rtattr *a, uint8_t def)
{
	uint8_t v;
	return nl_get_bytes(a, &v, sizeof(v)) ? v : def;
}
