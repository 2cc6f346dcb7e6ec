/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints by macvlan or ipvlan: a link that lives in the sandbox alone, so the host's packet filter does not
 * see it. Its guard is a chain of the sandbox's own that sees each frame on its way out, also of packet
 * sockets (netdev egress, Linux 5.16): what has another sender than the endpoint's stays. See lan.h.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "overlay/lan.h"
#include "overlay/netns.h"
#include "overlay/nftgen.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TABLE "netdev ck_lan"

static struct lanlink wanted(const struct network *n, const struct endpoint *e, int ns)
{
	struct lanlink l = {.name = e->veth,
			    .lower = n->lan.parent,
			    .ns = ns,
			    .mtu = lan_mtu(n),
			    .driver = n->spec.driver,
			    .mode = n->spec.macvlan};
	memcpy(l.mac, e->mac, sizeof(l.mac));
	return l;
}

/* A socket in the namespace; the thread stays where it is. */
static int open_inside(struct overlay *o, int ns, struct nlsock **ret, struct err *err)
{
	int r = netns_enter(ns, err);
	if (r < 0)
		return r;
	r = nlsock_open(ret, err);
	netns_leave(o->home);
	return r;
}

/* Linux 6.1 refuses a name that the host has too, as eth0: it gets that inside. */
static int create(struct overlay *o, struct nlsock *nl, const struct endpoint *e,
		  const struct lanlink *want, struct link_info *ret, struct err *err)
{
	int r = 0;
	if (link_find(nl, e->veth, ret, NULL) == 0) /* half made by one that was cut short */
		r = link_del(nl, ret->index, err);
	if (r == 0)
		r = lanlink_create(o->nl, want, err);
	if (r == 0)
		r = link_find(nl, e->veth, ret, err);
	return r < 0 ? r : link_rename(nl, ret->index, e->ifname, err);
}

int lanend_ensure(struct overlay *o, const struct network *n, struct endpoint *e, int ns,
		  struct err *err)
{
	auto_nlsock *nl = NULL;
	struct link_info li;
	struct lanlink want = wanted(n, e, ns);
	if (n->lan.why)
		return err_set(err, -ENODEV, "%s", n->lan.why);
	int r = open_inside(o, ns, &nl, err);
	if (r < 0)
		return r;
	r = link_find(nl, e->ifname, &li, err);
	if (r == 0 && !lanlink_right(&li, &want)) {
		r = link_del(nl, li.index, err);
		if (r == 0)
			r = -ENODEV;
	}
	if (r == -ENODEV)
		r = create(o, nl, e, &want, &li, err);
	if (r < 0)
		return r;
	e->veth_index = li.index;
	return 0;
}

int lanend_find(struct overlay *o, const struct endpoint *e, int ns)
{
	auto_nlsock *nl = NULL;
	struct link_info li;
	if (open_inside(o, ns, &nl, NULL) < 0 || link_find(nl, e->ifname, &li, NULL) < 0)
		return 0;
	return li.index;
}

const char *lanend_fault(struct overlay *o, const struct sandbox *s, const struct endpoint *e)
{
	const struct network *n = network_get(o, e->network_id);
	auto_nlsock *nl = NULL;
	struct link_info li;
	auto_close int ns = netns_open(s->path, NULL);
	if (!n || ns < 0 || open_inside(o, ns, &nl, NULL) < 0)
		return NULL;
	struct lanlink want = wanted(n, e, ns);
	if (link_find(nl, e->ifname, &li, NULL) < 0)
		return "is missing";
	return lanlink_right(&li, &want) ? NULL : "has another parent, mode or MAC";
}

/* At once, not when the kernel gets round to the dead namespace: until then it would answer for its address,
 * which may be another's by now. */
void lanend_remove(struct overlay *o, const struct sandbox *s, const struct endpoint *e)
{
	auto_nlsock *nl = NULL;
	struct link_info li;
	struct err err = {0};
	auto_close int ns = netns_open(s->path, NULL);
	if (ns < 0 || open_inside(o, ns, &nl, NULL) < 0 || link_find(nl, e->ifname, &li, NULL) < 0)
		return;
	if (link_del(nl, li.index, &err) < 0)
		log_warn("overlay", "a link of sandbox \"%s\" stays for now: %s", s->id,
			 err_text(&err));
}

/* --- guards ----------------------------------------------------------------------------------- */

static void add_list(struct str *s, const char *chain, const char *start, const struct endpoint *e,
		     int family)
{
	const struct ipaddr *own = family == AF_INET ? &e->ip : &e->ip6;
	char text[IPADDR_TEXT];
	auto_str list = {0};
	if (ipaddr_is_set(own))
		str_addf(&list, "%s", ipaddr_format(own, text));
	for (size_t i = 0; i < e->n_extra; i++)
		if (e->extra[i].family == family)
			str_addf(&list, "%s%s", list.len ? ", " : "",
				 ipaddr_format(&e->extra[i], text));
	if (list.len)
		str_addf(s, "add rule " TABLE " %s %s { %s } accept\n", chain, start, list.data);
}

/* Advertisements of addresses that are not its own; the target is where rules.c says. */
static void add_targets(struct str *s, const char *chain, const struct endpoint *e)
{
	char hex[2 * IPADDR_BYTES + 1];
	auto_str list = {0};
	if (ipaddr_is_v6(&e->ip6)) {
		hex_encode(e->ip6.bytes, IPADDR_BYTES, hex);
		str_addf(&list, "0x%s", hex);
	}
	for (size_t i = 0; i < e->n_extra; i++)
		if (ipaddr_is_v6(&e->extra[i])) {
			hex_encode(e->extra[i].bytes, IPADDR_BYTES, hex);
			str_addf(&list, "%s0x%s", list.len ? ", " : "", hex);
		}
	str_addf(s, "add rule " TABLE " %s icmpv6 type { nd-router-advert, nd-redirect } drop\n",
		 chain);
	str_addf(s,
		 "add rule " TABLE
		 " %s icmpv6 type nd-neighbor-advert ip6 nexthdr != icmpv6 drop\n",
		 chain);
	if (list.len)
		str_addf(s,
			 "add rule " TABLE
			 " %s icmpv6 type nd-neighbor-advert @nh,384,128 != { %s } drop\n",
			 chain, list.data);
}

static void guard_endpoint(struct str *s, const struct endpoint *e, const uint8_t mac[6])
{
	char text[18], start[64];
	auto_free char *chain = xasprintf("out_%d", e->veth_index);
	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	str_addf(s,
		 "add chain " TABLE
		 " %s { type filter hook egress device \"%s\" priority 0; policy "
		 "drop; }\nflush chain " TABLE " %s\n",
		 chain, e->ifname, chain);
	str_addf(s, "add rule " TABLE " %s ether saddr != %s drop\n", chain, text);
	add_list(s, chain, "ip saddr", e, AF_INET);
	snprintf(start, sizeof(start), "arp saddr ether %s arp saddr ip", text);
	add_list(s, chain, start, e, AF_INET);
	add_targets(s, chain, e);
	add_list(s, chain, "ip6 saddr", e, AF_INET6);
}

static void remember(struct sandbox *s, struct nft *nft)
{
	auto_str now = {0};
	auto_close int gen = nftgen_open(NULL);
	free_and_null(&s->guard);
	s->guard_seen = 0;
	if (gen >= 0)
		(void)nftgen_read(gen, &s->guard_seen);
	if (nft_list(nft, "list table " TABLE, &now, NULL) == 0)
		s->guard = str_take(&now);
}

static bool has_inside(const struct sandbox *s)
{
	for (size_t i = 0; i < s->n_endpoints; i++)
		if (s->endpoints[i].inside)
			return true;
	return false;
}

int lanend_guard(struct sandbox *s, struct err *err)
{
	auto_str script = {0};
	auto_nlsock *nl = NULL;
	struct nft *nft = NULL;
	struct link_info li;
	if (!has_inside(s))
		return 0;
	int r = nlsock_open(&nl, err);
	if (s->guard) /* in a fresh namespace a deletion costs a wait of 10 ms */
		str_add(&script, "add table " TABLE "\ndelete table " TABLE "\n");
	str_add(&script, "add table " TABLE "\n");
	for (size_t i = 0; i < s->n_endpoints && r == 0; i++) {
		const struct endpoint *e = &s->endpoints[i];
		if (e->inside && link_find(nl, e->ifname, &li, NULL) == 0)
			guard_endpoint(&script, e,
				       li.mac); /* with ipvlan the MAC is its parent's */
	}
	if (r == 0)
		r = nft_open(&nft, err);
	if (r == 0)
		r = nft_run(nft, script.data, err);
	if (r == 0)
		remember(s, nft);
	nft_close(nft);
	return r < 0 ? err_wrap(err, r, "cannot guard the sandbox's senders (Linux 5.16 can)") : 0;
}

/* Another table there may be the container's own. */
static bool guard_right(const struct overlay *o, struct sandbox *s)
{
	uint32_t now = 0;
	struct nft *nft = NULL;
	auto_str have = {0};
	auto_close int gen = nftgen_open(NULL);
	if (gen < 0 || nftgen_read(gen, &now) < 0 || (!o->look && now == s->guard_seen))
		return true;
	bool same = nft_open(&nft, NULL) == 0 &&
		    nft_list(nft, "list table " TABLE, &have, NULL) == 0 &&
		    streq(have.data, s->guard);
	nft_close(nft);
	if (same)
		s->guard_seen = now;
	return same;
}

int lanend_guard_check(struct overlay *o, struct sandbox *s, struct err *err)
{
	if (!has_inside(s) || !s->guard || guard_right(o, s) ||
	    !check_found(o, NULL, 1, "the guard against forged senders of sandbox \"%s\"", s->id))
		return 0;
	return lanend_guard(s, err);
}
