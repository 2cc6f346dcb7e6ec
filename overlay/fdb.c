/* SPDX-License-Identifier: Apache-2.0
 * Forwarding and neighbour entries; see fdb.h. */
#include "overlay/fdb.h"
#include "base/mem.h"
#include <errno.h>
#include <linux/neighbour.h>
#include <string.h>

void fdb_add(struct fdb_list *l, const struct fdb_entry *e)
{
	l->v = vec_grow(l->v, l->n, &l->cap, sizeof(*l->v));
	l->v[l->n++] = *e;
}

void fdb_done(struct fdb_list *l)
{
	free(l->v);
	*l = (struct fdb_list){0};
}

static int by_key(const void *pa, const void *pb)
{
	const struct fdb_entry *a = pa, *b = pb;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	if (a->kind == FDB_NEIGH)
		return ipaddr_compare(&a->ip, &b->ip);
	return memcmp(a->mac, b->mac, sizeof(a->mac));
}

static bool same_value(const struct fdb_entry *a, const struct fdb_entry *b)
{
	if (!a->fixed || !b->fixed)
		return false;
	switch (a->kind) {
	case FDB_TUNNEL:
		return ipaddr_equal(&a->vtep, &b->vtep);
	case FDB_PORT:
		return a->port == b->port;
	case FDB_NEIGH:
		return memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
	}
	return false;
}

static void sort(struct fdb_list *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_key);
}

void fdb_diff(struct fdb_list *want, struct fdb_list *have, struct fdb_list *set,
	      struct fdb_list *del)
{
	sort(want);
	sort(have);
	size_t w = 0, h = 0;
	while (w < want->n || h < have->n) {
		int c = w == want->n ? 1 : h == have->n ? -1 : by_key(&want->v[w], &have->v[h]);
		if (c > 0) {
			fdb_add(del, &have->v[h++]);
			continue;
		}
		if (c < 0) {
			fdb_add(set, &want->v[w++]);
			continue;
		}
		bool same = false, other = false;
		const struct fdb_entry *key = &want->v[w];
		/* A VXLAN entry may have grown a second destination: then it is not the same. */
		for (; h < have->n && by_key(key, &have->v[h]) == 0; h++) {
			bool eq = same_value(key, &have->v[h]);
			same |= eq;
			other |= !eq;
			if (!eq && key->kind == FDB_TUNNEL)
				fdb_add(del, &have->v[h]);
		}
		if (!same || other)
			fdb_add(set, key);
		w++;
	}
}

static struct nlreq *request(const struct fdb_entry *e, bool del)
{
	struct ndmsg nd = {.ndm_family = AF_BRIDGE, .ndm_ifindex = e->dev};
	switch (e->kind) {
	case FDB_TUNNEL:
		nd.ndm_flags = NTF_SELF;
		nd.ndm_state = NUD_NOARP | NUD_PERMANENT;
		break;
	case FDB_PORT:
		nd.ndm_ifindex = e->port;
		nd.ndm_flags = NTF_MASTER;
		nd.ndm_state =
			NUD_NOARP; /* static; with NUD_PERMANENT it would be the bridge's own */
		break;
	case FDB_NEIGH:
		nd.ndm_family = e->ip.family;
		nd.ndm_state = NUD_PERMANENT;
		break;
	}
	struct nlreq *r = nlreq_new(del ? RTM_DELNEIGH : RTM_NEWNEIGH,
				    del ? 0 : NLM_F_CREATE | NLM_F_REPLACE, &nd, sizeof(nd));
	if (e->kind == FDB_NEIGH)
		nlreq_put(r, NDA_DST, e->ip.bytes, ipaddr_len(&e->ip));
	if (e->kind == FDB_TUNNEL && ipaddr_is_set(&e->vtep))
		nlreq_put(r, NDA_DST, e->vtep.bytes, ipaddr_len(&e->vtep));
	if (e->kind != FDB_NEIGH || !del)
		nlreq_put(r, NDA_LLADDR, e->mac, sizeof(e->mac));
	return r;
}

int fdb_write(struct nlsock *s, const struct fdb_list *l, bool del, struct err *err)
{
	int first = 0;
	for (size_t done = 0; done < l->n;) {
		struct nlreq *reqs[NL_BATCH_MAX];
		int codes[NL_BATCH_MAX] = {0};
		size_t n = 0;
		while (n < NL_BATCH_MAX && done < l->n)
			reqs[n++] = request(&l->v[done++], del);
		struct err why = {0};
		int r = nlsock_batch(s, reqs, n, codes, &why);
		for (size_t i = 0; i < n && first == 0; i++) {
			bool gone = codes[i] == -ENOENT || codes[i] == -ENODEV;
			if (codes[i] < 0 && !(del && gone))
				first = err_set(err, codes[i], "cannot %s a forwarding entry: %s",
						del ? "delete" : "write", strerror(-codes[i]));
		}
		if (r == -EIO && first == 0)
			first = err_set(err, r, "%s", err_text(&why));
	}
	return first;
}

struct reader {
	bool (*owned)(int index, void *arg);
	void *arg;
	struct fdb_list *have;
};

static void take_fdb(const struct reader *rd, const struct ndmsg *nd, const struct rtattr **tb)
{
	struct fdb_entry e = {.dev = nd->ndm_ifindex, .kind = FDB_TUNNEL};
	if (!nl_get_bytes(tb[NDA_LLADDR], e.mac, sizeof(e.mac)))
		return;
	int master = (int)nl_get_u32(tb[NDA_MASTER], 0);
	/* In the dump the VXLAN's own entries are "self"; the bridge's name their bridge. */
	if (nd->ndm_flags & NTF_SELF) {
		if (!nl_get_addr(tb[NDA_DST], &e.vtep))
			return; /* multicast lists of other links */
		e.fixed = nd->ndm_state & (NUD_PERMANENT | NUD_NOARP);
	} else {
		if (!master || nd->ndm_state & NUD_PERMANENT)
			return; /* the bridge's and its ports' own addresses */
		e.kind = FDB_PORT;
		e.port = nd->ndm_ifindex;
		e.dev = master;
		e.fixed = nd->ndm_state & NUD_NOARP;
	}
	if (rd->owned(e.dev, rd->arg))
		fdb_add(rd->have, &e);
}

static void take(const struct nlmsghdr *h, void *arg)
{
	const struct reader *rd = arg;
	if (h->nlmsg_type != RTM_NEWNEIGH || h->nlmsg_len < NLMSG_LENGTH(sizeof(struct ndmsg)))
		return;
	const struct ndmsg *nd = NLMSG_DATA(h);
	const struct rtattr *tb[NDA_MAX + 1];
	nl_attrs(h, sizeof(*nd), tb, NDA_MAX);
	if (nd->ndm_family == AF_BRIDGE) {
		take_fdb(rd, nd, tb);
		return;
	}
	struct fdb_entry e = {.kind = FDB_NEIGH, .dev = nd->ndm_ifindex};
	e.fixed = nd->ndm_state & NUD_PERMANENT;
	if (!e.fixed || !rd->owned(e.dev, rd->arg))
		return;
	if (nl_get_addr(tb[NDA_DST], &e.ip) && nd->ndm_family == e.ip.family &&
	    nl_get_bytes(tb[NDA_LLADDR], e.mac, sizeof(e.mac)))
		fdb_add(rd->have, &e);
}

int fdb_read(struct nlsock *s, bool (*owned)(int index, void *arg), void *arg,
	     struct fdb_list *have, struct err *err)
{
	struct reader rd = {.owned = owned, .arg = arg, .have = have};
	/* The bridge family's dump wants the header of a link request, older kernels insist. */
	struct ifinfomsg ifi = {.ifi_family = AF_BRIDGE};
	int code = nlsock_dump(s, nlreq_new(RTM_GETNEIGH, NLM_F_DUMP, &ifi, sizeof(ifi)), take, &rd,
			       err);
	static const uint8_t families[] = {AF_INET, AF_INET6};
	for (size_t i = 0; i < ARRAY_LEN(families) && code == 0; i++) {
		struct ndmsg nd = {.ndm_family = families[i]};
		code = nlsock_dump(s, nlreq_new(RTM_GETNEIGH, NLM_F_DUMP, &nd, sizeof(nd)), take,
				   &rd, err);
	}
	return code < 0 ? err_wrap(err, code, "cannot read the forwarding tables") : 0;
}
