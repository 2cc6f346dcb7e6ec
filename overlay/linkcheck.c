/* SPDX-License-Identifier: Apache-2.0
 * The part of the check that knows links: those of networks, the gateways' addresses and the veths of
 * sandboxes. What is wrong is built again and counted. */
#include "base/log.h"
#include "base/mem.h"
#include "overlay/bridge.h"
#include "overlay/host.h"
#include "overlay/netns.h"
#include <string.h>

struct seen { /* what the kernel has; links by name */
	struct link_list links;
	struct link_addrs addrs;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct link_info *)a)->name, ((const struct link_info *)b)->name);
}

static int look(struct overlay *o, struct seen *s, struct err *err)
{
	int r = link_list(o->nl, &s->links, err);
	if (r == 0)
		r = link_addrs(o->nl, &s->addrs, err);
	if (s->links.n)
		qsort(s->links.v, s->links.n, sizeof(*s->links.v), by_name);
	return r;
}

static void forget(struct seen *s)
{
	cleanup_link_list(&s->links);
	cleanup_link_addrs(&s->addrs);
	*s = (struct seen){0};
}

static const struct link_info *at(const struct seen *s, const char *name)
{
	struct link_info key = {0};
	memcpy(key.name, name, sizeof(key.name));
	if (!s->links.n)
		return NULL;
	return bsearch(&key, s->links.v, s->links.n, sizeof(key), by_name);
}

/* The gateways' addresses and no other. */
static bool address_right(const struct network *n, const struct seen *s)
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

static bool network_right(const struct overlay *o, const struct network *n, const struct seen *s)
{
	const struct link_info *b = at(s, n->bridge), *v = at(s, n->vxlan);
	int mtu = network_mtu(o, n);
	struct vxlan_spec want;
	network_vxlan(o, n, &want);
	return b && v && b->index == n->bridge_index && v->index == n->vxlan_index && b->up &&
	       v->up && v->master == b->index && b->mtu == mtu && v->mtu == mtu &&
	       vxlan_right(v, &want) && address_right(n, s);
}

static bool mend_networks(struct overlay *o, const struct seen *s)
{
	bool mended = false;
	map_each(&o->networks, e)
	{
		struct network *n = e->val;
		struct err err = {0};
		if (network_right(o, n, s))
			continue;
		o->mended++;
		mended = true;
		log_info("overlay", "mended the links of network \"%s\"", n->id);
		if (network_build(o, n, &err) < 0)
			log_warn("overlay", "%s", err_text(&err));
	}
	return mended;
}

static bool veth_right(const struct overlay *o, const struct endpoint *e, const struct seen *s)
{
	const struct network *n = map_get(&o->networks, e->network_id);
	const struct link_info *li = at(s, e->veth);
	return !n || !e->veth_index ||
	       (li && li->index == e->veth_index && li->up && li->master == n->bridge_index);
}

/* A veth that is gone took the container's interface with it: both are made again, with the address
 * and the way out. */
static int mend_sandbox(struct overlay *o, struct sandbox *b, const struct seen *s, struct err *err)
{
	bool made = false;
	auto_close int ns = netns_open(b->path, err);
	if (ns < 0)
		return ns;
	for (size_t i = 0; i < b->n_endpoints; i++) {
		struct endpoint *e = &b->endpoints[i];
		int was = e->veth_index;
		if (veth_right(o, e, s))
			continue;
		o->mended++;
		log_info("overlay", "mended a link of sandbox \"%s\"", b->id);
		int r = endpoint_ensure(o, e, ns, err);
		if (r < 0)
			return r;
		made |= e->veth_index != was;
	}
	if (!made)
		return 0;
	int r = netns_enter(ns, err);
	if (r < 0)
		return r;
	r = endpoint_configure(o, b, err);
	netns_leave(o->home);
	return r;
}

static void mend_sandboxes(struct overlay *o, const struct seen *s)
{
	map_each(&o->sandboxes, e)
	{
		struct sandbox *b = e->val;
		struct err err = {0};
		bool right = true;
		for (size_t i = 0; i < b->n_endpoints && right; i++)
			right = veth_right(o, &b->endpoints[i], s);
		if (!right && mend_sandbox(o, b, s, &err) < 0)
			log_warn("overlay", "sandbox \"%s\": %s", b->id, err_text(&err));
	}
}

int linkcheck_run(struct overlay *o, struct err *err)
{
	struct seen s = {0};
	int r = look(o, &s, err);
	if (r == 0 && mend_networks(o, &s)) {
		forget(&s); /* a new bridge has no ports yet */
		r = look(o, &s, err);
	}
	if (r == 0)
		mend_sandboxes(o, &s);
	forget(&s);
	return r;
}
