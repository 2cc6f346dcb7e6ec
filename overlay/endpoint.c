/* SPDX-License-Identifier: Apache-2.0
 * A sandbox's places on networks: veth pairs, and addresses and routes inside. */
#include "base/log.h"
#include "base/mem.h"
#include "overlay/bridge.h"
#include "overlay/fastpath.h"
#include "overlay/host.h"
#include "overlay/lan.h"
#include "overlay/netns.h"
#include "overlay/rules.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINK_LOCAL_LEN  16 /* RFC 3927 */
#define LINK_LOCAL6_LEN 64 /* RFC 4291 2.5.6 */

/* FNV-1a: link names are short, ids are long. */
void endpoint_name(const char *sandbox_id, size_t number, char out[IFNAMSIZ])
{
	uint64_t h = 0xcbf29ce484222325u;
	for (const char *p = sandbox_id; *p; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3u;
	h = (h ^ number) * 0x100000001b3u;
	snprintf(out, IFNAMSIZ, "ckv%012llx", (unsigned long long)(h ^ h >> 48) & 0xffffffffffffu);
}

/* A bridge takes the least MTU of its ports, and it may be the host's. */
int endpoint_mtu(const struct overlay *o, const struct network *n)
{
	return lan_is(n) ? n->lan.mtu : network_mtu(o, n);
}

int endpoint_ensure(struct overlay *o, struct endpoint *e, int ns, struct err *err)
{
	const struct network *n = network_get(o, e->network_id);
	if (!n)
		return err_set(err, -ENOENT, "network \"%s\" is not on this host; set it first",
			       e->network_id);
	if (e->inside)
		return lanend_ensure(o, n, e, ns, err);
	struct link_info li;
	if (e->veth_index && link_find(o->nl, e->veth, &li, NULL) == 0 &&
	    li.index == e->veth_index) {
		struct link_change c = {.mtu = endpoint_mtu(o, n)};
		int r = link_set(o->nl, li.index, &c, err);
		return r < 0 ? r : veth_attach(o->nl, li.index, n->bridge_index, err);
	}
	struct veth_spec v = {.name = e->veth,
			      .peer_name = e->ifname,
			      .peer_ns = ns,
			      .mtu = endpoint_mtu(o, n),
			      .bridge = n->bridge_index,
			      .group = BRIDGE_GROUP_BASE + n->spec.vni};
	memcpy(v.peer_mac, e->mac, sizeof(v.peer_mac));
	return veth_create(o->nl, &v, &e->veth_index, err);
}

void endpoint_remove(struct overlay *o, const struct endpoint *e)
{
	struct link_info li;
	struct err err = {0};
	if (e->inside) /* lanend_remove's */
		return;
	fastpath_endpoint(o, e, false);
	if (link_find(o->nl, e->veth, &li, NULL) == 0 && link_del(o->nl, li.index, &err) < 0)
		log_warn("overlay", "veth \"%s\": %s", e->veth, err_text(&err));
}

void endpoint_entries(const struct network *n, const struct endpoint *e, struct fdb_list *out)
{
	struct fdb_entry f = {.kind = FDB_PORT,
			      .dev = n->bridge_index,
			      .port = e->veth_index,
			      .fixed = true};
	memcpy(f.mac, e->mac, sizeof(f.mac));
	if (e->inside)
		return;
	fdb_add(out, &f);
	if (lan_is(n)) /* the host asks like others there */
		return;
	f.kind = FDB_NEIGH;
	f.ip = e->ip;
	if (ipaddr_is_set(&f.ip))
		fdb_add(out, &f);
	f.ip = e->ip6;
	if (ipaddr_is_set(&f.ip))
		fdb_add(out, &f);
}

static int keep_address(struct nlsock *nl, int index, const struct ipaddr *a, unsigned prefix_len,
			struct err *err)
{
	if (!ipaddr_is_set(a))
		return 0;
	int r = link_add_addr(nl, index, a, prefix_len, err);
	return r < 0 ? r : link_keep_addr(nl, index, a, prefix_len, err);
}

bool endpoint_has_ipv6(const struct endpoint *e)
{
	bool found = ipaddr_is_set(&e->ip6);
	for (size_t i = 0; i < e->n_extra; i++)
		found |= ipaddr_is_v6(&e->extra[i]);
	return found;
}

static int configure_link(struct overlay *o, struct nlsock *nl, const struct endpoint *e,
			  struct err *err)
{
	const struct network *n = network_get(o, e->network_id);
	struct link_info li;
	int r = link_find(nl, e->ifname, &li, err);
	if (r < 0)
		return r == -ENODEV
			       ? err_set(err, r, "link \"%s\" is missing in the sandbox", e->ifname)
			       : r;
	netns_link_ipv6(e->ifname, endpoint_has_ipv6(e));
	bool same_mac = memcmp(li.mac, e->mac, sizeof(li.mac)) == 0;
	bool own_mac = n->spec.driver != OV_IPVLAN; /* else its parent's */
	struct link_change c = {.up = true,
				.mtu = network_mtu(o, n),
				.mac = same_mac || !own_mac ? NULL : e->mac};
	r = link_set(nl, li.index, &c, err);
	if (r == 0)
		r = keep_address(nl, li.index, &e->ip, n->spec.subnet.len, err);
	if (r == 0)
		r = keep_address(nl, li.index, &e->ip6, n->spec.subnet6.len, err);
	for (size_t i = 0; i < e->n_extra && r == 0; i++)
		r = link_add_addr(nl, li.index, &e->extra[i],
				  ipaddr_is_v4(&e->extra[i]) ? LINK_LOCAL_LEN : LINK_LOCAL6_LEN,
				  err);
	return r < 0 ? err_wrap(err, r, "cannot set up \"%s\" in the sandbox", e->ifname) : 0;
}

static const struct endpoint *best_way(struct overlay *o, const struct sandbox *s, int family,
				       bool lans)
{
	const struct endpoint *best = NULL;
	for (size_t i = 0; i < s->n_endpoints; i++) {
		const struct endpoint *e = &s->endpoints[i];
		const struct network *n = network_get(o, e->network_id);
		bool has = ipaddr_is_set(family == AF_INET ? &e->ip : &e->ip6);
		if (!n || n->spec.internal || !has || (!lans && lan_is(n)))
			continue;
		if (!best || e->gw_priority > best->gw_priority)
			best = e;
	}
	return best;
}

const struct endpoint *endpoint_outer(struct overlay *o, const struct sandbox *s, int family)
{
	return best_way(o, s, family, true);
}

const struct endpoint *endpoint_served(struct overlay *o, const struct sandbox *s, int family)
{
	return best_way(o, s, family, false);
}

static int default_route(struct overlay *o, struct nlsock *nl, const struct sandbox *s, int family,
			 struct err *err)
{
	const struct endpoint *e = endpoint_outer(o, s, family);
	struct link_info li;
	if (!e)
		return 0;
	const struct network *n = network_get(o, e->network_id);
	int r = link_find(nl, e->ifname, &li, err);
	if (r == 0)
		r = link_default_route(nl, li.index,
				       family == AF_INET ? &n->spec.gateway : &n->spec.gateway6,
				       err);
	return r < 0 ? err_wrap(err, r, "cannot set the sandbox's default route") : 0;
}

/* Whom a published port lets in gets the answer by the host, also where the way out is the physical
 * network's router. */
static int answer_routes(struct overlay *o, struct nlsock *nl, const struct sandbox *s,
			 struct err *err)
{
	static const int families[] = {AF_INET, AF_INET6};
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		bool four = families[i] == AF_INET;
		const struct endpoint *e = endpoint_served(o, s, families[i]);
		struct link_info li;
		if (!e || e == endpoint_outer(o, s, families[i]))
			continue;
		const struct network *n = network_get(o, e->network_id);
		int r = link_find(nl, e->ifname, &li, err);
		if (r == 0)
			r = link_answer_route(nl, li.index, four ? &e->ip : &e->ip6,
					      four ? &n->spec.gateway : &n->spec.gateway6, err);
		if (r < 0)
			return err_wrap(err, r, "cannot set the sandbox's route for answers");
	}
	return 0;
}

int endpoint_configure(struct overlay *o, struct sandbox *s, struct err *err)
{
	auto_nlsock *nl = NULL;
	struct link_info lo;
	struct link_change up = {.up = true};
	int r = nlsock_open(&nl, err);
	if (r == 0)
		r = link_find(nl, "lo", &lo, err);
	if (r == 0)
		r = link_set(nl, lo.index, &up, err);
	for (size_t i = 0; i < s->n_endpoints && r == 0; i++)
		r = configure_link(o, nl, &s->endpoints[i], err);
	if (r == 0)
		r = default_route(o, nl, s, AF_INET, err);
	if (r == 0)
		r = default_route(o, nl, s, AF_INET6, err);
	if (r == 0)
		r = answer_routes(o, nl, s, err);
	struct err why = {0};
	if (r == 0 && lanend_guard(s, &why) < 0)
		log_warn("overlay", "sandbox \"%s\": %s", s->id, err_text(&why));
	return r;
}

void endpoint_rules(const struct endpoint *e, bool add, struct str *script)
{
	if (e->inside) /* lanend.c */
		return;
	if (ipaddr_is_set(&e->ip))
		rules_source(script, add, e->veth, e->mac, &e->ip);
	if (ipaddr_is_set(&e->ip6))
		rules_source(script, add, e->veth, e->mac, &e->ip6);
	for (size_t i = 0; i < e->n_extra; i++)
		rules_source(script, add, e->veth, e->mac, &e->extra[i]);
}

static bool name_taken(const struct ov_sandbox *spec, const char *name)
{
	for (size_t i = 0; i < spec->n_endpoints; i++)
		if (streq(spec->endpoints[i].ifname, name))
			return true;
	return false;
}

struct endpoint *endpoints_of(const struct ov_sandbox *spec)
{
	struct endpoint *v = xcalloc(spec->n_endpoints ? spec->n_endpoints : 1, sizeof(*v));
	unsigned number = 0;
	for (size_t i = 0; i < spec->n_endpoints; i++) {
		const struct ov_endpoint *s = &spec->endpoints[i];
		struct endpoint *e = &v[i];
		e->network_id = xstrdup(s->network_id);
		e->ip = s->ip;
		e->ip6 = s->ip6;
		memcpy(e->mac, s->mac, sizeof(e->mac));
		e->extra = s->n_extra ? xmemdup(s->extra, s->n_extra * sizeof(*s->extra)) : NULL;
		e->n_extra = s->n_extra;
		e->gw_priority = s->gw_priority;
		endpoint_name(spec->id, i, e->veth);
		if (s->ifname)
			snprintf(e->ifname, sizeof(e->ifname), "%s", s->ifname);
		else
			do
				snprintf(e->ifname, sizeof(e->ifname), "eth%u", number++);
			while (name_taken(spec, e->ifname));
	}
	return v;
}

void endpoints_free(struct endpoint *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++) {
		free(v[i].network_id);
		free(v[i].extra);
	}
	free(v);
}

bool endpoint_same(const struct endpoint *a, const struct endpoint *b)
{
	return ipaddr_equal(&a->ip, &b->ip) && ipaddr_equal(&a->ip6, &b->ip6) &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 && streq(a->network_id, b->network_id) &&
	       strcmp(a->ifname, b->ifname) == 0 && a->gw_priority == b->gw_priority &&
	       a->n_extra == b->n_extra &&
	       (!a->n_extra || memcmp(a->extra, b->extra, a->n_extra * sizeof(*a->extra)) == 0);
}
