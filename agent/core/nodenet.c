/* SPDX-License-Identifier: Apache-2.0
 * Which networks are in the kernel, and their tables (nettable.c), kept up with each assigned endpoint. */
#include "agent/core/nodenet.h"
#include "agent/core/nettable.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include <errno.h>
#include <string.h>

struct net {
	char *id;
	unsigned holds;
	bool there;             /* in the kernel, as far as we know */
	bool encrypted;         /* as it is there */
	struct nettable *table; /* of all its endpoints; NULL: nobody held it yet */
};
struct nodenet {
	struct overlay *overlay;
	struct assign *assign;
	char *node_id;
	struct map nets; /* id -> struct net */
};

static void free_net(void *p)
{
	struct net *n = p;
	nettable_free(n->table);
	free(n->id);
	free(n);
}

static void on_endpoint(const struct wire_endpoint *was, const struct wire_endpoint *now,
			void *arg);

struct nodenet *nodenet_new(struct overlay *o, struct assign *a, const char *node_id)
{
	struct nodenet *n = xcalloc(1, sizeof(*n));
	n->overlay = o;
	n->assign = a;
	n->node_id = xstrdup(node_id);
	n->nets.free_val = free_net;
	assign_watch(a, on_endpoint, n);
	return n;
}

void nodenet_free(struct nodenet *n)
{
	if (!n)
		return;
	assign_watch(n->assign, NULL, NULL);
	map_clear(&n->nets);
	free(n->node_id);
	free(n);
}

void nodenet_use(struct nodenet *n, struct overlay *o)
{
	map_clear(&n->nets);
	n->overlay = o;
}

static struct net *net_get(struct nodenet *n, const char *id)
{
	struct net *net = map_get(&n->nets, id);
	if (!net) {
		net = xcalloc(1, sizeof(*net));
		net->id = xstrdup(id);
		map_set(&n->nets, id, net);
	}
	return net;
}

static bool part_config(const char *subnet, const char *gateway, struct ipprefix *ret_subnet,
			struct ipaddr *ret_gateway)
{
	return !subnet ||
	       (ipprefix_parse(subnet, ret_subnet) && ipaddr_parse(gateway, ret_gateway));
}

_Static_assert((int)LAN_MACVLAN == (int)OV_MACVLAN && (int)LAN_IPVLAN == (int)OV_IPVLAN &&
		       (int)LAN_BRIDGE == (int)OV_BRIDGED,
	       "stacks and the overlay number the drivers alike");

static int lan_config(const struct wire_network *w, struct ov_network *out, struct err *err)
{
	static const char *const modes[] = {"bridge", "private", "vepa"};
	for (size_t i = LAN_MACVLAN; i <= LAN_BRIDGE; i++)
		if (streq(w->driver, spec_lan_name((enum spec_lan)i)))
			out->driver = (enum ov_driver)i;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (streq(w->mode, modes[i]))
			out->macvlan = (enum ov_macvlan)i;
	if (out->driver == OV_OVERLAY || strlen(w->parent) >= sizeof(out->parent))
		return err_set(err, -EINVAL, "network \"%s\" has a bad driver or parent", w->name);
	snprintf(out->parent, sizeof(out->parent), "%s", w->parent);
	return 0;
}

static int net_config(const struct wire_network *w, struct ov_network *out, struct err *err)
{
	struct ov_network o = {.id = w->id,
			       .vni = w->vni,
			       .mtu = w->mtu,
			       .internal = w->internal,
			       .encrypted = w->encrypted};
	if (!part_config(w->subnet, w->gateway, &o.subnet, &o.gateway) ||
	    !part_config(w->subnet6, w->gateway6, &o.subnet6, &o.gateway6))
		return err_set(err, -EINVAL, "network \"%s\" has a bad subnet or gateway", w->name);
	int r = w->parent ? lan_config(w, &o, err) : 0;
	if (r == 0)
		*out = o;
	return r;
}

static int net_ensure(struct nodenet *n, struct net *net, struct err *err)
{
	if (net->there)
		return 0;
	const struct wire_network *w = map_get(assign_networks(n->assign), net->id);
	if (!w)
		return err_set(err, -EAGAIN, "network \"%s\" is not known on this node yet",
			       net->id);
	struct ov_network o;
	int r = net_config(w, &o, err);
	if (r == 0)
		r = overlay_network_set(n->overlay, &o, err);
	if (r < 0)
		return r;
	net->there = true;
	net->encrypted = w->encrypted;
	return 0;
}

static struct nettable *table_of(const struct nodenet *n, const struct wire_endpoint *e)
{
	const struct net *net = e && e->network_id ? map_get(&n->nets, e->network_id) : NULL;
	return net ? net->table : NULL;
}

static void on_endpoint(const struct wire_endpoint *was, const struct wire_endpoint *now, void *arg)
{
	const struct nodenet *n = arg;
	struct nettable *from = table_of(n, was), *to = table_of(n, now);
	if (!was && !now) {
		map_each(&n->nets, e)
		{
			struct net *net = e->val;
			if (net->table)
				nettable_clear(net->table);
		}
	}
	if (from)
		nettable_del(from, was);
	if (to)
		nettable_add(to, now);
}

static void table_fill(struct nodenet *n, struct net *net)
{
	net->table = nettable_new(n->overlay, net->id, n->node_id, net->encrypted);
	map_each(assign_endpoints(n->assign), e)
	{
		const struct wire_endpoint *ep = e->val;
		if (streq(ep->network_id, net->id))
			nettable_add(net->table, ep);
	}
	nettable_flush(net->table);
}

int nodenet_hold(struct nodenet *n, const struct wire_task *t, struct err *err)
{
	for (size_t i = 0; i < t->n_attach; i++) {
		struct net *net = net_get(n, t->attach[i].network_id);
		net->holds++;
		int r = net_ensure(n, net, err);
		if (r < 0) {
			for (size_t k = 0; k <= i; k++)
				net_get(n, t->attach[k].network_id)->holds--;
			return r;
		}
		if (!net->table)
			table_fill(n, net);
	}
	return 0;
}

void nodenet_drop(struct nodenet *n, const struct wire_task *t)
{
	for (size_t i = 0; i < t->n_attach; i++) {
		struct net *net = map_get(&n->nets, t->attach[i].network_id);
		if (net && net->holds > 0)
			net->holds--;
	}
}

void nodenet_note_assigned(struct nodenet *n)
{
	map_each(assign_networks(n->assign), e) net_get(n, e->key);
}

static bool net_remove(struct nodenet *n, struct net *net)
{
	struct err err = {0};
	int r = overlay_network_del(n->overlay, net->id, &err);
	if (r == 0 || r == -ENOENT)
		return true;
	log_warn("agent", "network \"%s\" stays for now: %s", net->id, err_text(&err));
	return false;
}

/* The keys of all nodes that share a network with this one. */
static void tell_tunnels(struct nodenet *n)
{
	const struct map *nodes = assign_nodes(n->assign);
	struct ov_tunnel_peer *peers = xcalloc(nodes->n + 1, sizeof(*peers));
	size_t count = 0;
	struct err err = {0};
	map_each(nodes, e)
	{
		const struct wire_node *w = e->val;
		struct ov_tunnel_peer *p = &peers[count];
		memset(p, 0, sizeof(*p));
		if (streq(w->id, n->node_id) || !w->tunnel_key ||
		    !hex_decode(w->tunnel_key, p->key, sizeof(p->key)) ||
		    !wire_tunnel_address(w->id, &p->address) ||
		    !ipaddr_parse(w->address, &p->underlay))
			continue;
		p->has_next =
			w->tunnel_next && hex_decode(w->tunnel_next, p->next, sizeof(p->next));
		p->port = (uint16_t)w->tunnel_port;
		count++;
	}
	if (overlay_tunnel_peers(n->overlay, peers, count, &err) < 0)
		log_warn("agent", "peers of encrypted networks: %s", err_text(&err));
	free(peers);
}

void nodenet_sync(struct nodenet *n)
{
	tell_tunnels(n);
	map_each(&n->nets, e)
	{
		struct net *net = e->val;
		if (net->table)
			nettable_flush(net->table);
		if (net->holds == 0 && net_remove(n, net))
			map_del(&n->nets, e->key);
	}
}

size_t nodenet_count(const struct nodenet *n)
{
	size_t count = 0;
	map_each(&n->nets, e) count += ((const struct net *)e->val)->there;
	return count;
}

const char *nodenet_gateway(const struct nodenet *n, const struct wire_task *t)
{
	for (size_t i = 0; i < t->n_attach; i++) {
		const struct wire_network *w =
			map_get(assign_networks(n->assign), t->attach[i].network_id);
		if (w && !w->internal && !w->parent) /* out there the gateway is not this host */
			return w->gateway;
	}
	return NULL;
}
