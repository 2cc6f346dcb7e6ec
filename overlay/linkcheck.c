/* SPDX-License-Identifier: Apache-2.0
 * The part of the check that knows links: those of networks, the gateways' addresses and the veths of
 * sandboxes. What is wrong is built again and counted. */
#include "overlay/linkcheck.h"
#include "base/log.h"
#include "base/mem.h"
#include "overlay/bridge.h"
#include "overlay/host.h"
#include "overlay/lan.h"
#include "overlay/netns.h"
#include <string.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct link_info *)a)->name, ((const struct link_info *)b)->name);
}

int links_look(struct overlay *o, struct links_seen *s, struct err *err)
{
	int r = link_list(o->nl, &s->links, err);
	if (r == 0)
		r = link_addrs(o->nl, &s->addrs, err);
	if (s->links.n)
		qsort(s->links.v, s->links.n, sizeof(*s->links.v), by_name);
	return r;
}

void links_forget(struct links_seen *s)
{
	cleanup_link_list(&s->links);
	cleanup_link_addrs(&s->addrs);
	*s = (struct links_seen){0};
}

const struct link_info *links_at(const struct links_seen *s, const char *name)
{
	struct link_info key = {0};
	memcpy(key.name, name, sizeof(key.name));
	if (!s->links.n)
		return NULL;
	return bsearch(&key, s->links.v, s->links.n, sizeof(key), by_name);
}

/* The gateways' addresses and no other. */
static bool address_right(const struct network *n, const struct links_seen *s)
{
	size_t found = 0;
	for (size_t i = 0; i < s->addrs.n; i++) {
		const struct link_addr *a = &s->addrs.v[i];
		bool v4 = ipaddr_is_v4(&a->ip);
		if (a->index != n->bridge_index)
			continue;
		if (!ipaddr_equal(&a->ip, v4 ? &n->spec.gateway : &n->spec.gateway6) ||
		    a->prefix_len != (v4 ? n->spec.subnet.len : n->spec.subnet6.len))
			return false;
		found++;
	}
	return found ==
	       (size_t)ipaddr_is_set(&n->spec.gateway) + (size_t)ipaddr_is_set(&n->spec.gateway6);
}

/* What is wrong with a bridge; NULL: nothing. */
const char *links_bridge_fault(const struct overlay *o, const struct network *n,
			       const struct links_seen *s)
{
	const struct link_info *b = links_at(s, n->bridge);
	uint8_t mac[6];
	network_mac(n, mac);
	if (!b || b->index != n->bridge_index)
		return "is missing";
	if (!b->up)
		return "is down";
	if (b->mtu != network_mtu(o, n))
		return "has another MTU";
	if (memcmp(b->mac, mac, sizeof(mac)) != 0)
		return "has another MAC";
	if (b->bridge.stp || b->bridge.vlan_filtering || b->bridge.snooping)
		return "has STP, VLAN filtering or multicast snooping on";
	if (!address_right(n, s))
		return "has not the gateways' addresses, or others too";
	return network_settings_right(n) ? NULL : "has other settings (sysctl)";
}

const char *links_vxlan_fault(const struct overlay *o, const struct network *n,
			      const struct links_seen *s)
{
	const struct link_info *v = links_at(s, n->vxlan);
	struct vxlan_spec want;
	network_vxlan(o, n, &want);
	if (!v || v->index != n->vxlan_index)
		return "is missing";
	if (!v->up)
		return "is down";
	if (v->master != n->bridge_index)
		return "is not on its bridge";
	if (v->mtu != want.mtu)
		return "has another MTU";
	if (!vxlan_right(v, &want))
		return "has another VNI, address, port or another attribute that is not ours";
	if (!v->port.forwarding || v->port.isolated)
		return "does not forward, as a port of its bridge";
	if (v->port.learning || v->port.flood || !v->port.suppress)
		return "learns, floods or does not answer ARP, as a port of its bridge";
	return NULL;
}

static bool network_wrong(struct overlay *o, const struct network *n, const struct links_seen *s)
{
	const char *bridge = links_bridge_fault(o, n, s), *vxlan = links_vxlan_fault(o, n, s);
	bool mend = false;
	if (bridge)
		mend |= check_found(o, n->id, 1, "bridge %s %s", n->bridge, bridge);
	if (vxlan)
		mend |= check_found(o, n->id, 1, "VXLAN link %s %s", n->vxlan, vxlan);
	return mend;
}

static bool mend_networks(struct overlay *o, const struct links_seen *s)
{
	bool mended = false;
	map_each(&o->networks, e)
	{
		struct network *n = e->val;
		struct err err = {0};
		if (lan_is(n)) {
			mended |= lan_mend(o, n, &s->links);
			continue;
		}
		if (!network_wrong(o, n, s))
			continue;
		mended = true;
		if (network_build(o, n, &err) < 0)
			log_warn("overlay", "%s", err_text(&err));
	}
	return mended;
}

const char *links_veth_fault(struct overlay *o, const struct sandbox *b, const struct endpoint *e,
			     const struct links_seen *s)
{
	const struct network *n = map_get(&o->networks, e->network_id);
	const struct link_info *li = links_at(s, e->veth);
	if (!n || !e->veth_index || n->lan.why) /* cut off: nothing can be done here */
		return NULL;
	if (e->inside)
		return lanend_fault(o, b, e);
	if (!li || li->index != e->veth_index)
		return "is missing";
	if (!li->up)
		return "is down";
	if (li->master != n->bridge_index)
		return "is not on its bridge";
	if (li->mtu != endpoint_mtu(o, n))
		return "has another MTU";
	if (!li->port.forwarding || li->port.isolated)
		return "does not forward, as a port of its bridge";
	return li->port.learning || li->port.suppress
		       ? "learns or hides ARP, as a port of its bridge"
		       : NULL;
}

/* A veth that is gone took the container's interface with it: both are made again, with the address
 * and the way out. */
static int mend_sandbox(struct overlay *o, struct sandbox *b, const struct links_seen *s,
			struct err *err)
{
	bool made = false;
	auto_close int ns = netns_open(b->path, err);
	if (ns < 0)
		return ns;
	for (size_t i = 0; i < b->n_endpoints; i++) {
		struct endpoint *e = &b->endpoints[i];
		const char *fault = links_veth_fault(o, b, e, s);
		int was = e->veth_index;
		if (!fault || !check_found(o, e->network_id, 1, "link %s of sandbox \"%s\" %s",
					   e->inside ? e->ifname : e->veth, b->id, fault))
			continue;
		int r = endpoint_ensure(o, e, ns, err);
		if (r < 0)
			return r;
		made |= e->veth_index != was || e->inside;
	}
	if (!made)
		return 0;
	int r = netns_enter(ns, err);
	if (r < 0)
		return r;
	r = endpoint_configure(o, b, err);
	netns_leave(o->home);
	announce_sandbox(o, b);
	return r;
}

static void mend_sandboxes(struct overlay *o, const struct links_seen *s)
{
	map_each(&o->sandboxes, e)
	{
		struct sandbox *b = e->val;
		struct err err = {0};
		bool right = true;
		for (size_t i = 0; i < b->n_endpoints && right; i++)
			right = !links_veth_fault(o, b, &b->endpoints[i], s);
		if (!right && mend_sandbox(o, b, s, &err) < 0)
			log_warn("overlay", "sandbox \"%s\": %s", b->id, err_text(&err));
	}
}

/* Without it nothing goes from one network to another, or out. */
static void mend_forwarding(struct overlay *o)
{
	bool v6 = ingress_far6(o);
	struct err err = {0};
	map_each(&o->networks, e)
	{
		const struct network *n = e->val;
		v6 |= !lan_is(n) && ipprefix_is_set(&n->spec.subnet6);
	}
	if (!netns_sysctl_is("net.ipv4.ip_forward", "1") &&
	    check_found(o, NULL, 1, "this host does not forward IPv4 (net.ipv4.ip_forward)"))
		(void)netns_sysctl("net.ipv4.ip_forward", "1", NULL);
	if (v6 && !netns_sysctl_is("net.ipv6.conf.all.forwarding", "1") &&
	    check_found(o, NULL, 1,
			"this host does not forward IPv6 (net.ipv6.conf.all.forwarding)") &&
	    underlay_forward6(&err) < 0)
		log_warn("overlay", "%s", err_text(&err));
}

int linkcheck_run(struct overlay *o, struct err *err)
{
	struct links_seen s = {0};
	mend_forwarding(o);
	int r = links_look(o, &s, err);
	if (r == 0 && mend_networks(o, &s)) {
		links_forget(&s); /* a new bridge has no ports yet */
		r = links_look(o, &s, err);
	}
	if (r == 0) {
		mend_sandboxes(o, &s);
		lan_look(o, &s.links, &s.addrs);
	}
	links_forget(&s);
	return r;
}
