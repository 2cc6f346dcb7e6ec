/* SPDX-License-Identifier: Apache-2.0
 * Endpoints on other hosts: the desired table and its batched writing. See overlay.h. */
#include "base/log.h"
#include "base/mem.h"
#include "overlay/fastpath.h"
#include "overlay/host.h"
#include "overlay/lan.h"
#include "overlay/rules.h"
#include <errno.h>
#include <string.h>

#define PEERS_DIRTY_MAX 4096 /* changes that wait for the end of the loop's turn */

static bool mac_is_zero(const uint8_t mac[6])
{
	static const uint8_t zero[6];
	return memcmp(mac, zero, 6) == 0;
}

static const struct ipaddr *peer_key(const struct ov_peer *p)
{
	return ipaddr_is_set(&p->ip) ? &p->ip : &p->ip6;
}

void peers_entries(const struct network *n, const struct ov_peer *p, struct fdb_list *out)
{
	struct fdb_entry e = {.kind = FDB_TUNNEL,
			      .dev = n->vxlan_index,
			      .vtep = p->vtep,
			      .fixed = true};
	memcpy(e.mac, p->mac, sizeof(e.mac));
	fdb_add(out, &e);
	e.kind = FDB_PORT;
	e.dev = n->bridge_index;
	e.port = n->vxlan_index;
	fdb_add(out, &e);
	e.kind = FDB_NEIGH;
	e.ip = p->ip;
	if (ipaddr_is_set(&e.ip))
		fdb_add(out, &e);
	e.ip = p->ip6;
	if (ipaddr_is_set(&e.ip))
		fdb_add(out, &e);
}

/* The first peer behind a VTEP lets that host send VXLAN, the last one gone forbids it. */
static void count_member(struct overlay *o, const struct network *n, const struct ipaddr *vtep,
			 bool add)
{
	if (n->spec.encrypted) /* WireGuard knows who its peers are */
		return;
	char key[IPADDR_TEXT];
	ipaddr_format(vtep, key);
	uintptr_t was = (uintptr_t)map_get(&o->members, key);
	uintptr_t now = add ? was + 1 : was - 1;
	if (now == 0)
		map_del(&o->members, key);
	else
		map_set(&o->members, key, (void *)now);
	if (was == 0 || now == 0)
		rules_member(&o->members_script, add, vtep);
}

/* Remembers, once for each address, what the kernel has; after n->peers was changed. */
static void mark(struct overlay *o, struct network *n, const char *key, const struct ov_peer *was)
{
	if (!map_has(&n->dirty, key))
		map_set(&n->dirty, key, xmemdup(was, sizeof(*was)));
	if (n->dirty.n >= PEERS_DIRTY_MAX)
		peers_flush(o);
	else
		timer_set(o->flush, 0);
}

/* An address that moved here before it was said to have left there: what is deleted of the peer was
 * overwritten for the container, and is written again. */
static void spare_own(const struct overlay *o, const struct network *n, const struct fdb_list *del,
		      struct fdb_list *set)
{
	auto_fdb own = {0};
	if (del->n)
		sandbox_entries(o, n, &own);
	for (size_t i = 0; i < own.n; i++) {
		bool hit = false;
		for (size_t k = 0; k < del->n && !hit; k++)
			hit = memcmp(own.v[i].mac, del->v[k].mac, sizeof(own.v[i].mac)) == 0;
		if (hit)
			fdb_add(set, &own.v[i]);
	}
}

static void flush_network(struct overlay *o, struct network *n)
{
	auto_fdb set = {0}, del = {0};
	map_each(&n->dirty, e)
	{
		const struct ov_peer *was = e->val, *now = map_get(&n->peers, e->key);
		if (!mac_is_zero(was->mac) && (!now || memcmp(was->mac, now->mac, 6) != 0 ||
					       !ipaddr_equal(&was->ip6, &now->ip6)))
			peers_entries(n, was, &del);
		if (!mac_is_zero(was->mac))
			fastpath_peer(o, n, was, false);
		if (!now)
			continue;
		peers_entries(n, now, &set);
		fastpath_peer(o, n, now, true);
	}
	spare_own(o, n, &del, &set);
	struct err err = {0};
	int r = fdb_write(o->nl, &del, true, &err);
	int w = fdb_write(o->nl, &set, false, r < 0 ? NULL : &err);
	if (r < 0 || w < 0) /* the check mends what was not written */
		log_warn("overlay", "network \"%s\": %s", n->id, err_text(&err));
	map_clear(&n->dirty);
}

void peers_flush(void *overlay)
{
	struct overlay *o = overlay;
	timer_stop(o->flush);
	struct err err = {0};
	if (o->members_script.len && firewall_apply(o, o->members_script.data, &err) < 0)
		log_warn("overlay", "members: %s", err_text(&err));
	str_clear(&o->members_script);
	map_each(&o->networks, e)
	{
		struct network *n = e->val;
		if (n->dirty.n)
			flush_network(o, n);
	}
}

int overlay_peer_set(struct overlay *o, const char *network_id, const struct ov_peer *p,
		     struct err *err)
{
	char key[IPADDR_TEXT];
	struct network *n = network_get(o, network_id);
	if (!n)
		return err_set(err, -ENOENT, "network \"%s\" is not on this host; set it first",
			       network_id ? network_id : "");
	if (lan_is(n)) /* the physical network knows the way itself */
		return 0;
	ipaddr_format(peer_key(p), key);
	if (mac_is_zero(p->mac) || p->mac[0] & 1)
		return err_set(err, -EINVAL, "peer \"%s\" has no unicast MAC", key);
	const struct ipaddr *own = n->spec.encrypted ? &o->tunnel.self.address : &o->underlay.ip;
	if (ipaddr_is_any(&p->vtep) || ipaddr_equal(&p->vtep, own) ||
	    ipaddr_is_multicast(&p->vtep) || p->vtep.family != own->family)
		return err_set(err, -EINVAL, "peer \"%s\" is not behind another host", key);
	if (!network_may_have(n, &p->ip, &p->ip6))
		return err_set(err, -EINVAL, "peer \"%s\" is not in the subnet of network \"%s\"",
			       key, n->id);
	const struct ov_peer *was = map_get(&n->peers, key);
	if (was && memcmp(was, p, sizeof(*p)) == 0)
		return 0;
	static const struct ov_peer none;
	struct ov_peer old = was ? *was : none;
	count_member(o, n, &p->vtep, true);
	if (was)
		count_member(o, n, &old.vtep, false);
	map_set(&n->peers, key, xmemdup(p, sizeof(*p)));
	mark(o, n, key, &old);
	return 0;
}

int overlay_peer_del(struct overlay *o, const char *network_id, const struct ipaddr *ip,
		     struct err *err)
{
	(void)err; /* what is absent is deleted; writing is batched and mended */
	char key[IPADDR_TEXT];
	ipaddr_format(ip, key);
	struct network *n = network_get(o, network_id);
	const struct ov_peer *was = n ? map_get(&n->peers, key) : NULL;
	if (!was)
		return 0;
	struct ov_peer old = *was;
	count_member(o, n, &old.vtep, false);
	map_del(&n->peers, key);
	mark(o, n, key, &old);
	return 0;
}

void peers_forget(struct overlay *o, struct network *n)
{
	map_each(&n->peers, e) count_member(o, n, &((const struct ov_peer *)e->val)->vtep, false);
	map_clear(&n->peers);
	map_clear(&n->dirty);
	if (o->members_script.len)
		timer_set(o->flush, 0);
}
