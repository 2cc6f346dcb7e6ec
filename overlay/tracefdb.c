/* SPDX-License-Identifier: Apache-2.0
 * Single entries of the kernel's tables; see tracefdb.h. */
#include "overlay/tracefdb.h"
#include "base/crypto.h"
#include <linux/neighbour.h>
#include <string.h>

struct one {
	int index;
	const struct ipaddr *ip;
	struct tracefdb_neigh *ret;
	bool found;
};

static void take_neigh(const struct nlmsghdr *h, void *arg)
{
	struct one *o = arg;
	const struct ndmsg *nd = NLMSG_DATA(h);
	const struct rtattr *tb[NDA_MAX + 1];
	struct ipaddr ip;
	if (h->nlmsg_type != RTM_NEWNEIGH || h->nlmsg_len < NLMSG_LENGTH(sizeof(*nd)) ||
	    nd->ndm_ifindex != o->index)
		return;
	nl_attrs(h, sizeof(*nd), tb, NDA_MAX);
	if (!nl_get_addr(tb[NDA_DST], &ip) || !ipaddr_equal(&ip, o->ip))
		return;
	o->found = true;
	*o->ret = (struct tracefdb_neigh){.failed = nd->ndm_state & (NUD_FAILED | NUD_INCOMPLETE)};
	o->ret->known =
		!o->ret->failed && nl_get_bytes(tb[NDA_LLADDR], o->ret->mac, sizeof(o->ret->mac));
}

bool tracefdb_neigh(struct nlsock *nl, int index, const struct ipaddr *ip,
		    struct tracefdb_neigh *ret)
{
	struct ndmsg nd = {.ndm_family = ip->family};
	struct one o = {.index = index, .ip = ip, .ret = ret};
	int r = nlsock_dump(nl, nlreq_new(RTM_GETNEIGH, NLM_F_DUMP, &nd, sizeof(nd)), take_neigh,
			    &o, NULL);
	return r == 0 && o.found;
}

struct wanted {
	const int *v;
	size_t n;
};

static bool is_wanted(int index, void *arg)
{
	const struct wanted *w = arg;
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i] == index)
			return true;
	return false;
}

int tracefdb_read(struct nlsock *nl, const int *indexes, size_t n, struct fdb_list *have,
		  struct err *err)
{
	struct wanted w = {indexes, n};
	return fdb_read(nl, is_wanted, &w, have, err);
}

static const char *name_at(const struct link_list *l, int index)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].index == index)
			return l->v[i].name;
	return "a link that is gone";
}

/* Where it leads. */
static void add_value(const struct fdb_entry *e, const struct link_list *links, struct str *text)
{
	char ip[IPADDR_TEXT];
	switch (e->kind) {
	case FDB_TUNNEL:
		str_addf(text, "host %s", ipaddr_format(&e->vtep, ip));
		return;
	case FDB_PORT:
		str_add(text, name_at(links, e->port));
		return;
	case FDB_NEIGH:
		str_addf(text, "%02x:%02x:%02x:%02x:%02x:%02x", e->mac[0], e->mac[1], e->mac[2],
			 e->mac[3], e->mac[4], e->mac[5]);
		return;
	}
}

static bool same_key(const struct fdb_entry *a, const struct fdb_entry *b)
{
	return a->kind == b->kind && a->dev == b->dev &&
	       (a->kind == FDB_NEIGH ? ipaddr_equal(&a->ip, &b->ip)
				     : memcmp(a->mac, b->mac, sizeof(a->mac)) == 0);
}

static bool same_value(const struct fdb_entry *a, const struct fdb_entry *b)
{
	return a->kind == FDB_TUNNEL ? ipaddr_equal(&a->vtep, &b->vtep)
	       : a->kind == FDB_PORT ? a->port == b->port
				     : memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

bool tracefdb_compare(const struct fdb_list *have, const struct fdb_entry *want,
		      const struct link_list *links, struct str *text)
{
	const struct fdb_entry *other = NULL;
	bool found = false;
	for (size_t i = 0; i < have->n; i++) {
		const struct fdb_entry *h = &have->v[i];
		if (!same_key(h, want))
			continue;
		if (same_value(h, want))
			found = true;
		else
			other = h;
	}
	char ip[IPADDR_TEXT];
	const uint8_t *m = want->mac;
	if (want->kind == FDB_NEIGH)
		str_addf(text, "%s -> ", ipaddr_format(&want->ip, ip));
	else
		str_addf(text, "%02x:%02x:%02x:%02x:%02x:%02x -> ", m[0], m[1], m[2], m[3], m[4],
			 m[5]);
	if (found || !other) {
		if (!found)
			str_add(text, "nothing: the entry is missing; it should be ");
		add_value(want, links, text);
		if (!found || !other)
			return found;
		str_add(text, ", and also to ");
		add_value(other, links, text);
		return false;
	}
	add_value(other, links, text);
	str_add(text, "; it should be ");
	add_value(want, links, text);
	return false;
}

const char *tracefdb_tunnel(const struct tunnel *t, const struct ipaddr *inside,
			    struct tracefdb_tunnel *ret)
{
	struct wg_device d = {0};
	const struct ov_tunnel_peer *want = NULL;
	const struct wg_peer *have = NULL;
	const char *fault = NULL;
	for (size_t i = 0; i < t->n_peers; i++)
		if (ipaddr_equal(&t->peers[i].address, inside))
			want = &t->peers[i];
	if (t->ns < 0 || !t->index)
		return "is not up on this host";
	if (!want)
		return "has no key of the other host: its agent has not told one";
	if (wg_read(t->wg, t->index, &d, NULL) < 0)
		return "does not answer on this host";
	for (size_t i = 0; i < d.peers.n; i++)
		if (ipaddr_equal(&d.peers.v[i].allowed, inside))
			have = &d.peers.v[i];
	if (!have)
		fault = "does not have the other host as a peer, or with another address";
	else if (memcmp(have->key, want->key, sizeof(have->key)) != 0 &&
		 (!want->has_next || memcmp(have->key, want->next, sizeof(have->key)) != 0))
		fault = "has another key for the other host";
	else
		*ret = (struct tracefdb_tunnel){have->endpoint, have->port, have->met_s};
	crypto_wipe(d.key, sizeof(d.key));
	wg_list_done(&d.peers);
	return fault;
}
