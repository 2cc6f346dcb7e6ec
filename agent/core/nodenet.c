/* SPDX-License-Identifier: Apache-2.0
 * From assigned endpoints to the overlay's tables, by comparison. Keeps what the overlay was told. */
#include "agent/core/nodenet.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct peer {
	struct ov_peer told;
	bool seen;
};
struct name {
	struct ipaddr *told, *want;
	size_t n_told, n_want, cap;
	bool seen, known; /* known: the overlay has it */
};
struct vip {
	struct ipaddr addr;
	struct ipaddr *told, *want; /* tasks that are ready */
	size_t n_told, n_want, cap;
	bool seen, known;
	bool local; /* want holds tasks of this node only */
};
struct net {
	char *id;
	unsigned holds;
	bool there;       /* in the kernel, as far as we know */
	struct map peers; /* address text -> struct peer */
	struct map names; /* lower-case name -> struct name */
	struct map vips;  /* address text -> struct vip */
};
struct nodenet {
	struct overlay *overlay;
	struct assign *assign;
	char *node_id;
	struct map nets; /* id -> struct net */
};

static void free_name(void *p)
{
	struct name *n = p;
	free(n->told);
	free(n->want);
	free(n);
}

static void free_vip(void *p)
{
	struct vip *v = p;
	free(v->told);
	free(v->want);
	free(v);
}

static void free_net(void *p)
{
	struct net *n = p;
	map_clear(&n->peers);
	map_clear(&n->names);
	map_clear(&n->vips);
	free(n->id);
	free(n);
}

struct nodenet *nodenet_new(struct overlay *o, struct assign *a, const char *node_id)
{
	struct nodenet *n = xcalloc(1, sizeof(*n));
	n->overlay = o;
	n->assign = a;
	n->node_id = xstrdup(node_id);
	n->nets.free_val = free_net;
	return n;
}

void nodenet_free(struct nodenet *n)
{
	if (!n)
		return;
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
		net->peers.free_val = free;
		net->names.free_val = free_name;
		net->vips.free_val = free_vip;
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
	*out = o;
	return 0;
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
	return 0;
}

static struct name *name_get(struct net *net, const char *text)
{
	char key[256];
	size_t i = 0;
	for (; i < sizeof(key) - 1 && text[i]; i++)
		key[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
	key[i] = 0;
	struct name *name = map_get(&net->names, key);
	if (!name) {
		name = xcalloc(1, sizeof(*name));
		map_set(&net->names, key, name);
	}
	return name;
}

static void name_want(struct net *net, const char *text, const struct ipaddr *addr)
{
	if (!text || !*text || strlen(text) > 253)
		return;
	struct name *name = name_get(net, text);
	name->seen = true;
	if (!addr || !ipaddr_is_set(addr))
		return;
	for (size_t i = 0; i < name->n_want; i++) {
		if (ipaddr_equal(&name->want[i], addr))
			return;
	}
	name->want = vec_grow(name->want, name->n_want, &name->cap, sizeof(*name->want));
	name->want[name->n_want++] = *addr;
}

static void want_names(struct net *net, const struct wire_endpoint *e, const struct ipaddr *ip)
{
	const struct ipaddr *addr = e->ready ? ip : NULL;
	for (size_t i = 0; i < e->names.n; i++)
		name_want(net, e->names.v[i], addr);
	name_want(net, e->task_name, addr);
	if (e->service) {
		auto_free char *tasks = xasprintf("tasks.%s", e->service);
		name_want(net, tasks, addr);
	}
}

static void vip_task(struct vip *v, const struct ipaddr *ip, bool here, bool prefer)
{
	if (prefer && v->local && !here)
		return; /* a task of this node is there */
	if (prefer && here && !v->local) {
		v->local = true;
		v->n_want = 0;
	}
	v->want = vec_grow(v->want, v->n_want, &v->cap, sizeof(*v->want));
	v->want[v->n_want++] = *ip;
}

/* The service's names lead to its VIP, whether a task is ready or not; the VIP to those that are. */
static void want_vip(struct nodenet *n, struct net *net, const struct wire_endpoint *e,
		     const struct ipaddr *ip, const struct ipaddr *ip6)
{
	struct ipaddr addr;
	if (!e->vip || !ipaddr_parse(e->vip, &addr))
		return;
	struct vip *v = map_get(&net->vips, e->vip);
	if (!v) {
		v = xcalloc(1, sizeof(*v));
		v->addr = addr;
		map_set(&net->vips, e->vip, v);
	}
	v->seen = true;
	if (e->ready && ipaddr_is_set(ip))
		vip_task(v, ip, streq(e->node_id, n->node_id), e->vip_local);
	/* By IPv6 the names lead to the tasks. */
	for (size_t i = 0; i < e->vip_names.n; i++) {
		name_want(net, e->vip_names.v[i], &addr);
		name_want(net, e->vip_names.v[i], e->ready ? ip6 : NULL);
	}
}

static int parse_peer(const struct wire_endpoint *e, struct ov_peer *out)
{
	struct ov_peer p = {0};
	if (!e->mac || !ipaddr_parse(e->vtep, &p.vtep) || (e->ip && !ipaddr_parse(e->ip, &p.ip)) ||
	    (e->ip6 && !ipaddr_parse(e->ip6, &p.ip6)) ||
	    sscanf(e->mac, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &p.mac[0], &p.mac[1], &p.mac[2],
		   &p.mac[3], &p.mac[4], &p.mac[5]) != 6)
		return -EINVAL;
	*out = p;
	return 0;
}

static void want_peer(struct nodenet *n, struct net *net, const struct wire_endpoint *e)
{
	struct ov_peer p;
	const struct wire_network *w = map_get(assign_networks(n->assign), net->id);
	if (parse_peer(e, &p) < 0 ||
	    (w && w->encrypted && !wire_tunnel_address(e->node_id, &p.vtep))) {
		log_warn("agent", "endpoint \"%s\" has no usable address; left out", e->id);
		return;
	}
	const char *key = e->ip ? e->ip : e->ip6;
	struct peer *old = map_get(&net->peers, key);
	if (old && memcmp(&old->told, &p, sizeof(p)) == 0) {
		old->seen = true;
		return;
	}
	struct err err = {0};
	if (overlay_peer_set(n->overlay, net->id, &p, &err) < 0) {
		log_warn("agent", "peer %s is not reachable yet: %s", key, err_text(&err));
		if (old)
			old->seen = true;
		return;
	}
	struct peer *peer = xcalloc(1, sizeof(*peer));
	*peer = (struct peer){.told = p, .seen = true};
	map_set(&net->peers, key, peer);
}

static void endpoint_want(struct nodenet *n, struct net *net, const struct wire_endpoint *e)
{
	struct ipaddr ip = {0}, ip6 = {0};
	(void)ipaddr_parse(e->ip, &ip);
	(void)ipaddr_parse(e->ip6, &ip6);
	if (!ipaddr_is_set(&ip) && !ipaddr_is_set(&ip6))
		return;
	want_names(net, e, &ip);
	want_names(net, e, &ip6);
	want_vip(n, net, e, &ip, &ip6);
	if (e->node_id && !streq(e->node_id, n->node_id))
		want_peer(n, net, e);
}

static void net_begin(struct net *net)
{
	map_each(&net->peers, e)((struct peer *)e->val)->seen = false;
	map_each(&net->names, e)
	{
		struct name *name = e->val;
		name->seen = false;
		name->n_want = 0;
	}
	map_each(&net->vips, e)
	{
		struct vip *v = e->val;
		v->seen = v->local = false;
		v->n_want = 0;
	}
}

static void drop_unseen_peers(struct nodenet *n, struct net *net)
{
	map_each(&net->peers, e)
	{
		struct peer *p = e->val;
		if (p->seen)
			continue;
		struct err err = {0};
		const struct ov_peer *t = &p->told;
		int r = overlay_peer_del(n->overlay, net->id,
					 ipaddr_is_set(&t->ip) ? &t->ip : &t->ip6, &err);
		if (r < 0 && r != -ENOENT)
			log_warn("agent", "peer %s stays for now: %s", e->key, err_text(&err));
		else
			map_del(&net->peers, e->key);
	}
}

static void tell_names(struct nodenet *n, struct net *net)
{
	map_each(&net->names, e)
	{
		struct name *name = e->val;
		if (!name->seen) {
			overlay_name_set(n->overlay, net->id, e->key, NULL, 0, false);
			map_del(&net->names, e->key);
			continue;
		}
		bool same = name->known && name->n_told == name->n_want &&
			    (name->n_want == 0 || memcmp(name->told, name->want,
							 name->n_want * sizeof(*name->want)) == 0);
		if (same || overlay_name_set(n->overlay, net->id, e->key, name->want, name->n_want,
					     true) < 0)
			continue;
		free(name->told);
		name->told = name->n_want ? xmemdup(name->want, name->n_want * sizeof(*name->want))
					  : NULL;
		name->n_told = name->n_want;
		name->known = true;
	}
}

static int by_address(const void *a, const void *b)
{
	return ipaddr_compare(a, b);
}

static void tell_vips(struct nodenet *n, struct net *net)
{
	map_each(&net->vips, e)
	{
		struct vip *v = e->val;
		struct err err = {0};
		if (!v->seen) {
			if (overlay_vip_del(n->overlay, net->id, &v->addr, &err) < 0)
				log_warn("agent", "a VIP stays for now: %s", err_text(&err));
			map_del(&net->vips, e->key);
			continue;
		}
		size_t bytes = v->n_want * sizeof(*v->want);
		if (v->n_want)
			qsort(v->want, v->n_want, sizeof(*v->want), by_address);
		if (v->known && v->n_told == v->n_want &&
		    (!bytes || memcmp(v->told, v->want, bytes) == 0))
			continue;
		if (overlay_vip_set(n->overlay, net->id, &v->addr, v->want, v->n_want, &err) < 0) {
			log_warn("agent", "%s", err_text(&err));
			continue;
		}
		free(v->told);
		v->told = bytes ? xmemdup(v->want, bytes) : NULL;
		v->n_told = v->n_want;
		v->known = true;
	}
}

/* only NULL: all networks in one pass over the endpoints. */
static void tables_sync(struct nodenet *n, const struct net *only)
{
	map_each(&n->nets, e)
	{
		if (!only || e->val == only)
			net_begin(e->val);
	}
	map_each(assign_endpoints(n->assign), e)
	{
		const struct wire_endpoint *ep = e->val;
		struct net *net = ep->network_id ? map_get(&n->nets, ep->network_id) : NULL;
		if (net && net->there && net->holds > 0 && (!only || net == only))
			endpoint_want(n, net, ep);
	}
	map_each(&n->nets, e)
	{
		struct net *net = e->val;
		if (!net->there || net->holds == 0 || (only && net != only))
			continue;
		drop_unseen_peers(n, net);
		tell_vips(n, net);
		tell_names(n, net);
	}
}

int nodenet_hold(struct nodenet *n, const struct wire_task *t, struct err *err)
{
	for (size_t i = 0; i < t->n_attach; i++) {
		struct net *net = net_get(n, t->attach[i].network_id);
		bool fresh = !net->there || net->holds == 0;
		net->holds++;
		int r = net_ensure(n, net, err);
		if (r < 0) {
			for (size_t k = 0; k <= i; k++)
				net_get(n, t->attach[k].network_id)->holds--;
			return r;
		}
		if (fresh)
			tables_sync(n, net);
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
	tables_sync(n, NULL);
	map_each(&n->nets, e)
	{
		struct net *net = e->val;
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
		if (w && !w->internal)
			return w->gateway;
	}
	return NULL;
}
