/* SPDX-License-Identifier: Apache-2.0
 * A WireGuard device and its peers; see wireguard.h. */
#include "overlay/wireguard.h"
#include "base/crypto.h"
#include "base/mem.h"
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <stdlib.h>
#include <string.h>

struct wg {
	struct nlsock *nl;
	uint16_t family;
};

void wg_list_add(struct wg_list *l, const struct wg_peer *p)
{
	l->v = vec_grow(l->v, l->n, &l->cap, sizeof(*l->v));
	l->v[l->n++] = *p;
}

void wg_list_done(struct wg_list *l)
{
	free(l->v);
	*l = (struct wg_list){0};
}

static int by_key(const void *a, const void *b)
{
	return memcmp(((const struct wg_peer *)a)->key, ((const struct wg_peer *)b)->key,
		      WG_KEY_BYTES);
}

static void sort(struct wg_list *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_key);
}

static bool same(const struct wg_peer *want, const struct wg_peer *have)
{
	return ipaddr_equal(&want->endpoint, &have->endpoint) && want->port == have->port &&
	       ipaddr_equal(&want->allowed, &have->allowed) && !have->extra;
}

void wg_diff(struct wg_list *want, struct wg_list *have, struct wg_list *set, struct wg_list *del)
{
	sort(want);
	sort(have);
	size_t w = 0, h = 0;
	while (w < want->n || h < have->n) {
		int c = w == want->n ? 1 : h == have->n ? -1 : by_key(&want->v[w], &have->v[h]);
		if (c > 0) {
			wg_list_add(del, &have->v[h++]);
			continue;
		}
		if (c < 0 || !same(&want->v[w], &have->v[h]))
			wg_list_add(set, &want->v[w]);
		w++;
		h += c == 0;
	}
}

static struct nlreq *request(const struct wg *w, uint8_t cmd, uint16_t flags, int index)
{
	struct genlmsghdr g = {.cmd = cmd, .version = WG_GENL_VERSION};
	struct nlreq *r = nlreq_new(w->family, flags, &g, sizeof(g));
	nlreq_u32(r, WGDEVICE_A_IFINDEX, (uint32_t)index);
	return r;
}

static void take_family(const struct nlmsghdr *h, void *arg)
{
	const struct rtattr *tb[CTRL_ATTR_MAX + 1];
	nl_attrs(h, sizeof(struct genlmsghdr), tb, CTRL_ATTR_MAX);
	*(uint16_t *)arg = nl_get_u16(tb[CTRL_ATTR_FAMILY_ID], 0);
}

int wg_open(struct wg **ret, struct err *err)
{
	struct wg *w = xcalloc(1, sizeof(*w));
	struct genlmsghdr g = {.cmd = CTRL_CMD_GETFAMILY, .version = 1};
	int r = nlsock_open_generic(&w->nl, err);
	if (r == 0) {
		struct nlreq *q = nlreq_new(GENL_ID_CTRL, 0, &g, sizeof(g));
		nlreq_str(q, CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME);
		r = nlsock_dump(w->nl, q, take_family, &w->family, NULL);
		if (r < 0 || !w->family)
			r = err_set(err, -EOPNOTSUPP, "this kernel has no WireGuard");
	}
	if (r < 0) {
		wg_close(w);
		return r;
	}
	*ret = w;
	return 0;
}

void wg_close(struct wg *w)
{
	if (!w)
		return;
	nlsock_close(w->nl);
	free(w);
}

static void take_allowed(const struct rtattr *list, struct wg_peer *p)
{
	const struct rtattr *a = RTA_DATA(list), *tb[WGALLOWEDIP_A_MAX + 1];
	for (int left = (int)RTA_PAYLOAD(list); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		struct ipaddr ip = {0};
		nl_nested(a, tb, WGALLOWEDIP_A_MAX);
		bool whole = nl_get_addr(tb[WGALLOWEDIP_A_IPADDR], &ip) &&
			     nl_get_u8(tb[WGALLOWEDIP_A_CIDR_MASK], 0) == ipaddr_bits(&ip);
		p->extra |= !whole || ipaddr_is_set(&p->allowed);
		p->allowed = ip;
	}
}

static void take_peer(const struct rtattr *peer, struct wg_device *d)
{
	const struct rtattr *tb[WGPEER_A_MAX + 1];
	struct wg_peer p = {0};
	union {
		struct sockaddr sa;
		struct sockaddr_in6 room;
		uint8_t bytes[sizeof(struct sockaddr_in6)];
	} to = {0};
	/* The time is the first half of a struct __kernel_timespec */
	nl_nested(peer, tb, WGPEER_A_MAX);
	if (!nl_get_bytes(tb[WGPEER_A_PUBLIC_KEY], p.key, sizeof(p.key)))
		return;
	size_t len = tb[WGPEER_A_ENDPOINT] ? RTA_PAYLOAD(tb[WGPEER_A_ENDPOINT]) : 0;
	if (len && nl_get_bytes(tb[WGPEER_A_ENDPOINT], to.bytes,
				len < sizeof(to.bytes) ? len : sizeof(to.bytes)))
		(void)ipaddr_of_sockaddr(&to.sa, &p.endpoint, &p.port);
	p.met = nl_get_bytes(tb[WGPEER_A_LAST_HANDSHAKE_TIME], &p.met_s, sizeof(p.met_s)) &&
		p.met_s;
	if (tb[WGPEER_A_ALLOWEDIPS])
		take_allowed(tb[WGPEER_A_ALLOWEDIPS], &p);
	/* A peer that fills a message goes on in the next. */
	if (d->peers.n && memcmp(d->peers.v[d->peers.n - 1].key, p.key, sizeof(p.key)) == 0)
		d->peers.v[d->peers.n - 1].extra = true;
	else
		wg_list_add(&d->peers, &p);
}

static void take_device(const struct nlmsghdr *h, void *arg)
{
	struct wg_device *d = arg;
	const struct rtattr *tb[WGDEVICE_A_MAX + 1];
	nl_attrs(h, sizeof(struct genlmsghdr), tb, WGDEVICE_A_MAX);
	(void)nl_get_bytes(tb[WGDEVICE_A_PRIVATE_KEY], d->key, sizeof(d->key));
	d->port = nl_get_u16(tb[WGDEVICE_A_LISTEN_PORT], d->port);
	if (!tb[WGDEVICE_A_PEERS])
		return;
	const struct rtattr *a = RTA_DATA(tb[WGDEVICE_A_PEERS]);
	for (int left = (int)RTA_PAYLOAD(tb[WGDEVICE_A_PEERS]); RTA_OK(a, left);
	     a = RTA_NEXT(a, left))
		take_peer(a, d);
}

int wg_read(struct wg *w, int index, struct wg_device *ret, struct err *err)
{
	int r = nlsock_dump(w->nl, request(w, WG_CMD_GET_DEVICE, NLM_F_DUMP, index), take_device,
			    ret, err);
	return r < 0 ? err_wrap(err, r, "cannot read the WireGuard device") : 0;
}

int wg_set_key(struct wg *w, int index, const uint8_t private_key[WG_KEY_BYTES], uint16_t port,
	       struct err *err)
{
	struct nlreq *r = request(w, WG_CMD_SET_DEVICE, 0, index);
	nlreq_put(r, WGDEVICE_A_PRIVATE_KEY, private_key, WG_KEY_BYTES);
	nlreq_u16(r, WGDEVICE_A_LISTEN_PORT, port);
	int code = nlsock_call(w->nl, r, err);
	if (code == -EADDRINUSE)
		return err_set(err, code,
			       "UDP port %u, on which WireGuard is to listen, is in use on this "
			       "host; set wireguard_port to another",
			       port);
	return code < 0 ? err_wrap(err, code, "cannot set up WireGuard") : 0;
}

static void put_allowed(struct nlreq *r, const struct ipaddr *a)
{
	void *list = nlreq_nest(r, WGPEER_A_ALLOWEDIPS | NLA_F_NESTED);
	if (ipaddr_is_set(a)) {
		void *one = nlreq_nest(r, 0 | NLA_F_NESTED);
		nlreq_u16(r, WGALLOWEDIP_A_FAMILY, a->family);
		nlreq_put(r, WGALLOWEDIP_A_IPADDR, a->bytes, ipaddr_len(a));
		nlreq_u8(r, WGALLOWEDIP_A_CIDR_MASK, (uint8_t)ipaddr_bits(a));
		nlreq_nest_end(r, one);
	}
	nlreq_nest_end(r, list);
}

static struct nlreq *peer_request(const struct wg *w, int index, const struct wg_peer *p, bool del)
{
	struct nlreq *r = request(w, WG_CMD_SET_DEVICE, 0, index);
	struct sockaddr_storage to;
	void *peers = nlreq_nest(r, WGDEVICE_A_PEERS | NLA_F_NESTED);
	void *one = nlreq_nest(r, 0 | NLA_F_NESTED);
	nlreq_put(r, WGPEER_A_PUBLIC_KEY, p->key, sizeof(p->key));
	nlreq_u32(r, WGPEER_A_FLAGS, del ? WGPEER_F_REMOVE_ME : WGPEER_F_REPLACE_ALLOWEDIPS);
	if (!del) {
		socklen_t len = ipaddr_to_sockaddr(&p->endpoint, p->port, &to);
		if (len)
			nlreq_put(r, WGPEER_A_ENDPOINT, &to, len);
		put_allowed(r, &p->allowed);
	}
	nlreq_nest_end(r, one);
	nlreq_nest_end(r, peers);
	return r;
}

int wg_write(struct wg *w, int index, const struct wg_list *l, bool del, struct err *err)
{
	struct nlreq *reqs[NL_BATCH_MAX];
	int first = 0;
	for (size_t i = 0; i < l->n;) {
		size_t n = 0;
		for (; n < NL_BATCH_MAX && i < l->n; i++)
			reqs[n++] = peer_request(w, index, &l->v[i], del);
		int r = nlsock_batch(w->nl, reqs, n, NULL, first < 0 ? NULL : err);
		if (r < 0 && first == 0)
			first = err_wrap(err, r, "cannot write WireGuard's peers");
	}
	return first;
}
