/* SPDX-License-Identifier: Apache-2.0
 * The things that a packet passes on this host, one by one; see trace.h. */
#include "overlay/trace.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "overlay/host.h"
#include "overlay/insidecheck.h"
#include "overlay/lan.h"
#include "overlay/linkcheck.h"
#include "overlay/netns.h"
#include "overlay/tracefdb.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct trace {
	struct overlay *o;
	const struct sandbox *s;
	const struct endpoint *e; /* by which it leaves; NULL: there is none */
	const struct network *n;  /* e's */
	struct ipaddr to;
	bool within, vip, gateway;
	const struct ov_peer *peer;  /* whose address to is; NULL: of this host, or of no sandbox */
	const struct endpoint *near; /* the same on this host */
	struct links_seen links;
	ov_hop_fn each;
	void *arg;
};

static void tell(const struct trace *t, const char *hop, enum ov_hop_state state, const char *fix,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));
static void tell(const struct trace *t, const char *hop, enum ov_hop_state state, const char *fix,
		 const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	auto_free char *text = xvasprintf(fmt, ap);
	va_end(ap);
	const struct ov_hop h = {.hop = hop,
				 .state = state,
				 .text = text,
				 .fix = state == OV_HOP_RIGHT ? NULL : fix};
	t->each(&h, t->arg);
}

static enum ov_hop_state right(bool ok)
{
	return ok ? OV_HOP_RIGHT : OV_HOP_WRONG;
}

static bool is_of(const struct endpoint *e, const struct ipaddr *a)
{
	return ipaddr_equal(&e->ip, a) || ipaddr_equal(&e->ip6, a);
}

static void find_peer(struct trace *t)
{
	map_each(&t->n->peers, e)
	{
		const struct ov_peer *p = e->val;
		if (ipaddr_equal(&p->ip, &t->to) || ipaddr_equal(&p->ip6, &t->to))
			t->peer = p;
	}
	map_each(&t->o->sandboxes, e)
	{
		const struct sandbox *s = e->val;
		for (size_t i = 0; i < s->n_endpoints; i++)
			if (streq(s->endpoints[i].network_id, t->n->id) &&
			    is_of(&s->endpoints[i], &t->to))
				t->near = &s->endpoints[i];
	}
}

/* Who is meant, and by which of the sandbox's networks it goes there. */
static int start(struct overlay *o, const char *sandbox, const struct ipaddr *to, struct trace *ret,
		 struct err *err)
{
	struct trace t = {.o = o, .s = map_get(&o->sandboxes, sandbox), .to = *to};
	if (!t.s)
		return err_set(err, -ENOENT, "container %s is not on this host", sandbox);
	for (size_t i = 0; i < t.s->n_endpoints && !t.within; i++) {
		t.e = &t.s->endpoints[i];
		t.n = network_get(o, t.e->network_id);
		t.within = t.n && (ipprefix_has(&t.n->spec.subnet, to) ||
				   ipprefix_has(&t.n->spec.subnet6, to));
	}
	if (!t.within) {
		t.e = endpoint_outer(o, t.s, to->family);
		t.n = t.e ? network_get(o, t.e->network_id) : NULL;
	}
	if (t.within) {
		struct vip_addr v = vip_addr_of(to);
		t.vip = vips_has(o->vips, t.n->spec.vni, &v);
		t.gateway = ipaddr_equal(to, &t.n->spec.gateway) ||
			    ipaddr_equal(to, &t.n->spec.gateway6);
		find_peer(&t);
	}
	*ret = t;
	return 0;
}

/* --- in the container --------------------------------------------------------------------------- */

static void hop_interface(const struct trace *t, const struct inside *in)
{
	char ip[IPADDR_TEXT];
	const uint8_t *m = t->e->mac;
	const char *fault = inside_fault(t->o, t->e, t->n, in);
	if (fault)
		tell(t, "interface", OV_HOP_WRONG, NULL, "%s in the container %s", t->e->ifname,
		     fault);
	else
		tell(t, "interface", OV_HOP_RIGHT, NULL,
		     "%s in the container: %s, %02x:%02x:%02x:%02x:%02x:%02x, MTU %d", t->e->ifname,
		     ipaddr_format(ipaddr_is_v6(&t->to) ? &t->e->ip6 : &t->e->ip, ip), m[0], m[1],
		     m[2], m[3], m[4], m[5], network_mtu(t->o, t->n));
}

static const char *name_at(const struct link_list *l, int index)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].index == index)
			return l->v[i].name;
	return "no link";
}

static void hop_route(const struct trace *t, const struct inside *in)
{
	char to[IPADDR_TEXT], via[IPADDR_TEXT];
	struct link_route r = {0};
	const struct link_info *li = inside_link(in, t->e->ifname);
	const struct ipaddr *gateway =
		ipaddr_is_v6(&t->to) ? &t->n->spec.gateway6 : &t->n->spec.gateway;
	static const struct ipaddr direct;
	const struct ipaddr *want = t->within ? &direct : gateway;
	ipaddr_format(&t->to, to);
	if (link_route_to(in->nl, &t->to, &r, NULL) < 0) {
		tell(t, "route", OV_HOP_WRONG, NULL, "the container has no route to %s", to);
		return;
	}
	bool ok = li && r.index == li->index && ipaddr_equal(&r.gateway, want);
	const char *by = name_at(&in->links, r.index);
	tell(t, "route", right(ok), NULL, "%s %s%s by %s%s", to,
	     ipaddr_is_set(&r.gateway) ? "through " : "directly", ipaddr_format(&r.gateway, via),
	     by, ok ? "" : ": not the network's own way; the container may have set it itself");
}

static void hop_neighbour(const struct trace *t, const struct inside *in)
{
	struct tracefdb_neigh n;
	char ip[IPADDR_TEXT];
	const struct link_info *li = inside_link(in, t->e->ifname);
	const uint8_t *want = t->peer ? t->peer->mac : t->near ? t->near->mac : NULL;
	if (!want || !li || !tracefdb_neigh(in->nl, li->index, &t->to, &n))
		return;
	if (n.failed)
		tell(t, "neighbour", OV_HOP_NOTE, NULL,
		     "the container asked for %s lately, and nobody answered",
		     ipaddr_format(&t->to, ip));
	else if (n.known && memcmp(n.mac, want, sizeof(n.mac)) != 0)
		tell(t, "neighbour", OV_HOP_WRONG,
		     "the entry goes by itself; `ip neigh flush` in the container is faster",
		     "the container takes %02x:%02x:%02x:%02x:%02x:%02x for %s, which has another "
		     "MAC",
		     n.mac[0], n.mac[1], n.mac[2], n.mac[3], n.mac[4], n.mac[5],
		     ipaddr_format(&t->to, ip));
	else if (n.known)
		tell(t, "neighbour", OV_HOP_RIGHT, NULL, "%s has %02x:%02x:%02x:%02x:%02x:%02x",
		     ipaddr_format(&t->to, ip), n.mac[0], n.mac[1], n.mac[2], n.mac[3], n.mac[4],
		     n.mac[5]);
}

static int hops_inside(const struct trace *t, struct err *err)
{
	struct inside in = {0};
	auto_close int ns = netns_open(t->s->path, err);
	int r = ns < 0 ? ns : netns_enter(ns, err);
	if (r < 0)
		return r;
	r = inside_read(&in, err);
	if (r == 0) {
		hop_interface(t, &in);
		hop_route(t, &in);
		hop_neighbour(t, &in);
	}
	netns_leave(t->o->home);
	inside_done(&in);
	return r;
}

/* --- the host's part of the network ------------------------------------------------------------- */

static void hop_link(const struct trace *t, const char *hop, const char *name, const char *fault,
		     const char *more)
{
	if (fault)
		tell(t, hop, OV_HOP_WRONG, NULL, "%s %s", name, fault);
	else
		tell(t, hop, OV_HOP_RIGHT, NULL, "%s%s", name, more);
}

static bool in_set(const struct trace *t, const char *set, const char *key)
{
	auto_str out = {0};
	auto_free char *cmd = xasprintf("get element %s { %s }", set, key);
	return nft_list(t->o->nft, cmd, &out, NULL) == 0;
}

/* What its port lets through. */
static void hop_guard(const struct trace *t)
{
	char ip[IPADDR_TEXT];
	const uint8_t *m = t->e->mac;
	bool v6 = ipaddr_is_v6(&t->to);
	ipaddr_format(v6 ? &t->e->ip6 : &t->e->ip, ip);
	auto_free char *key = xasprintf("\"%s\" . %02x:%02x:%02x:%02x:%02x:%02x . %s", t->e->veth,
					m[0], m[1], m[2], m[3], m[4], m[5], ip);
	bool ok = in_set(t, v6 ? "bridge ck_overlay source6" : "bridge ck_overlay source", key);
	tell(t, "guard", right(ok), NULL,
	     ok ? "lets %s of this container pass"
		: "drops what this container sends from %s: the packet "
		  "filter lacks it",
	     ip);
}

static void on_filter(const char *network_id, const char *text, void *arg)
{
	(void)network_id;
	tell(arg, "filter", OV_HOP_WRONG, NULL, "%s", text);
}

/* The whole of the host's packet filter, and who may send VXLAN to it. */
static void hop_filter(struct trace *t)
{
	struct err err = {0};
	char vtep[IPADDR_TEXT];
	t->o->look = on_filter;
	t->o->look_arg = t;
	if (firewall_check(t->o, &err) < 0)
		tell(t, "filter", OV_HOP_NOTE, NULL, "%s", err_text(&err));
	t->o->look = NULL;
	if (!t->peer || t->n->spec.encrypted)
		return;
	ipaddr_format(&t->peer->vtep, vtep);
	bool ok = in_set(t,
			 ipaddr_is_v4(&t->peer->vtep) ? "inet ck_overlay members"
						      : "inet ck_overlay members6",
			 vtep);
	tell(t, "filter", right(ok), NULL,
	     ok ? "takes VXLAN from %s" : "drops VXLAN from %s: the packet filter does not know it",
	     vtep);
}

static void hop_fdb(const struct trace *t, const struct fdb_list *have, enum fdb_kind kind,
		    const struct fdb_entry *want)
{
	static const char *const hops[] =
		{[FDB_TUNNEL] = "tunnel", [FDB_PORT] = "forwarding", [FDB_NEIGH] = "arp"};
	auto_str text = {0};
	bool ok = tracefdb_compare(have, want, &t->links.links, &text);
	tell(t, hops[kind], right(ok), NULL, "%s", text.data);
}

static void hops_entries(const struct trace *t)
{
	auto_fdb want = {0}, have = {0};
	const int owned[] = {t->n->bridge_index, t->n->vxlan_index};
	struct err err = {0};
	if (t->peer)
		peers_entries(t->n, t->peer, &want);
	else if (t->near)
		endpoint_entries(t->n, t->near, &want);
	/* What comes back to the container itself. */
	endpoint_entries(t->n, t->e, &want);
	if (tracefdb_read(t->o->nl, owned, ARRAY_LEN(owned), &have, &err) < 0) {
		tell(t, "forwarding", OV_HOP_NOTE, NULL, "%s", err_text(&err));
		return;
	}
	static const enum fdb_kind order[] = {FDB_NEIGH, FDB_PORT, FDB_TUNNEL};
	for (size_t k = 0; k < ARRAY_LEN(order); k++)
		for (size_t i = 0; i < want.n; i++) {
			const struct fdb_entry *w = &want.v[i];
			if (w->kind == order[k] &&
			    (w->kind != FDB_NEIGH || w->ip.family == t->to.family))
				hop_fdb(t, &have, w->kind, w);
		}
}

static void hop_vxlan(const struct trace *t)
{
	auto_free char *more =
		xasprintf(": VNI %u, MTU %d", t->n->spec.vni, network_mtu(t->o, t->n));
	hop_link(t, "vxlan", t->n->vxlan, links_vxlan_fault(t->o, t->n, &t->links), more);
}

/* --- between the hosts -------------------------------------------------------------------------- */

static void hop_encryption(const struct trace *t)
{
	struct tracefdb_tunnel w;
	char at[IPADDR_TEXT];
	const char *fault = tracefdb_tunnel(&t->o->tunnel, &t->peer->vtep, &w);
	if (fault)
		tell(t, "encryption", OV_HOP_WRONG, NULL, "WireGuard %s", fault);
	else if (!w.met_s)
		tell(t, "encryption", OV_HOP_NOTE,
		     "UDP of wireguard_port must pass between the two hosts",
		     "WireGuard knows the peer at %s port %u; there was no handshake yet",
		     ipaddr_format(&w.endpoint, at), w.port);
	else
		tell(t, "encryption", OV_HOP_RIGHT, NULL,
		     "WireGuard to %s port %u, last handshake %lld s ago",
		     ipaddr_format(&w.endpoint, at), w.port,
		     (long long)(clock_wall_ms() / 1000 - w.met_s));
}

static void hop_underlay(const struct trace *t)
{
	struct ipaddr to = t->peer->vtep;
	struct link_route r = {0};
	struct tracefdb_tunnel w;
	char text[IPADDR_TEXT], via[IPADDR_TEXT];
	if (t->n->spec.encrypted && !tracefdb_tunnel(&t->o->tunnel, &t->peer->vtep, &w))
		to = w.endpoint;
	ipaddr_format(&to, text);
	if (link_route_to(t->o->nl, &to, &r, NULL) < 0) {
		tell(t, "underlay", OV_HOP_WRONG,
		     "give this host a route to the other hosts' network",
		     "this host has no route to %s", text);
		return;
	}
	const char *by = name_at(&t->links.links, r.index);
	const struct link_info *li = links_at(&t->links, by);
	int need = t->o->underlay.mtu;
	bool up = li && li->up, large = li && li->mtu >= need;
	tell(t, "underlay", right(up && large),
	     up ? "set the MTU of the link back, or restart the agent so that it takes the new one"
		: "bring the link up",
	     "%s %s%s by %s%s, MTU %d%s", text, ipaddr_is_set(&r.gateway) ? "through " : "directly",
	     ipaddr_format(&r.gateway, via), by, up ? "" : ", which is down", li ? li->mtu : 0,
	     large ? "" : ", less than what the networks are made for");
}

/* --- what is not another container -------------------------------------------------------------- */

static void on_vips(const char *network_id, const char *text, void *arg)
{
	(void)network_id;
	tell(arg, "vip", OV_HOP_WRONG, NULL, "%s differ from what the controller holds", text);
}

static void hop_vip(struct trace *t)
{
	struct vip_addr v = vip_addr_of(&t->to);
	const struct vip_addr *slots = NULL;
	size_t n = vips_slots(t->o->vips, t->n->spec.vni, &v, &slots);
	char ip[IPADDR_TEXT];
	auto_str list = {0};
	struct err err = {0};
	for (size_t i = 0; i < n && i < 8; i++) {
		struct ipaddr a = ipaddr_of_vip(&slots[i]);
		str_addf(&list, "%s%s", i ? ", " : "", ipaddr_format(&a, ip));
	}
	if (n > 8)
		str_addf(&list, " and %zu more", n - 8);
	ipaddr_format(&t->to, ip);
	if (n)
		tell(t, "vip", OV_HOP_RIGHT, NULL, "%s is a VIP, by %s: new connections go to %s",
		     ip, overlay_vip_path(t->o), list.data);
	else
		tell(t, "vip", OV_HOP_WRONG, "see `carrack ps`: a task counts when it is healthy",
		     "%s is a VIP, and no task of its service is ready", ip);
	t->o->look = on_vips;
	t->o->look_arg = t;
	if (viproute_check(t->o, &err) < 0)
		tell(t, "vip", OV_HOP_NOTE, NULL, "%s", err_text(&err));
	t->o->look = NULL;
}

static void hop_way_out(const struct trace *t)
{
	struct link_route r = {0};
	char to[IPADDR_TEXT], via[IPADDR_TEXT];
	bool v6 = ipaddr_is_v6(&t->to);
	const char *key = v6 ? "net.ipv6.conf.all.forwarding" : "net.ipv4.ip_forward";
	if (!netns_sysctl_is(key, "1"))
		tell(t, "forward", OV_HOP_WRONG, NULL, "this host does not forward (%s is off)",
		     key);
	ipaddr_format(&t->to, to);
	if (link_route_to(t->o->nl, &t->to, &r, NULL) < 0)
		tell(t, "way out", OV_HOP_WRONG, "give this host a route there",
		     "this host has no route to %s", to);
	else
		tell(t, "way out", OV_HOP_RIGHT, NULL,
		     "%s %s%s by %s, with this host's address as the sender", to,
		     ipaddr_is_set(&r.gateway) ? "through " : "directly",
		     ipaddr_format(&r.gateway, via), name_at(&t->links.links, r.index));
}

/* On the physical network this host's part ends at its interface there. */
static void hops_lan(const struct trace *t)
{
	char name[IFNAMSIZ];
	const char *fault = lan_fault(t->o, t->n, &t->links.links, name);
	if (!t->e->inside)
		hop_link(t, "port", t->e->veth, links_veth_fault(t->o, t->s, t->e, &t->links), "");
	hop_link(t, "parent", name, fault, ": the physical network takes it from here");
}

static void hops_host(struct trace *t)
{
	if (lan_is(t->n)) {
		hops_lan(t);
		return;
	}
	hop_link(t, "port", t->e->veth, links_veth_fault(t->o, t->s, t->e, &t->links), "");
	hop_guard(t);
	hop_link(t, "bridge", t->n->bridge, links_bridge_fault(t->o, t->n, &t->links), "");
	hops_entries(t);
	if (t->peer)
		hop_vxlan(t);
	hop_filter(t);
	if (t->peer && t->n->spec.encrypted)
		hop_encryption(t);
	if (t->peer)
		hop_underlay(t);
	if (!t->within)
		hop_way_out(t);
}

int overlay_trace(struct overlay *o, const char *sandbox, const struct ipaddr *to, ov_hop_fn each,
		  void *arg, struct err *err)
{
	struct trace t;
	char ip[IPADDR_TEXT];
	int r = start(o, sandbox, to, &t, err);
	if (r == 0)
		r = check_look(o, err);
	if (r == 0)
		r = links_look(o, &t.links, err);
	if (r < 0)
		return r;
	t.each = each;
	t.arg = arg;
	ipaddr_format(to, ip);
	if (t.vip) {
		hop_vip(&t);
		links_forget(&t.links);
		return 0;
	}
	if (!t.e)
		tell(&t, "route", OV_HOP_WRONG,
		     "put both on one network, or this one on a network that is not internal",
		     "%s is on none of this container's networks, and they have no way out", ip);
	else if (t.within && !t.peer && !t.near && !t.gateway && !lan_is(t.n))
		tell(&t, "address", OV_HOP_WRONG,
		     "see `carrack ps`: the task may have gone, or the agent is behind",
		     "nobody that this node knows has %s on the network", ip);
	if (t.e && hops_inside(&t, err) < 0)
		tell(&t, "interface", OV_HOP_WRONG, NULL, "%s", err_text(err));
	if (t.e)
		hops_host(&t);
	links_forget(&t.links);
	return 0;
}

int overlay_path(struct overlay *o, const char *sandbox, const struct ipaddr *to,
		 struct ov_path *ret, struct err *err)
{
	struct trace t;
	int r = start(o, sandbox, to, &t, err);
	if (r < 0)
		return r;
	*ret = (struct ov_path){.within = t.within,
				.here = t.near,
				.vip = t.vip,
				.gateway = t.gateway,
				.netns = t.s->path,
				.vxlan_port = o->vxlan_port};
	if (!t.e)
		return 0;
	ret->network_id = t.n->id;
	ret->own = ipaddr_is_v6(to) ? t.e->ip6 : t.e->ip;
	snprintf(ret->inside, OV_NAME, "%s", t.e->ifname);
	if (!t.e->inside)
		snprintf(ret->veth, OV_NAME, "%s", t.e->veth);
	if (lan_is(t.n)) /* what is on the parent is the physical network's */
		return 0;
	snprintf(ret->bridge, OV_NAME, "%s", t.n->bridge);
	if (t.peer)
		snprintf(ret->vxlan, OV_NAME, "%s", t.n->vxlan);
	if (t.peer || !t.within)
		snprintf(ret->underlay, OV_NAME, "%s", o->underlay.name);
	ret->encrypted = t.peer && t.n->spec.encrypted;
	ret->tunnel = ret->encrypted ? o->tunnel.path : NULL;
	return 0;
}
