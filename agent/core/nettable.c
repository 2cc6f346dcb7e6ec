/* SPDX-License-Identifier: Apache-2.0
 * What endpoints make of peers, names and VIPs; see nettable.h. */
#include "agent/core/nettable.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 253 /* RFC 1035 2.3.4, as text */

struct counted { /* an address, and how many endpoints stand for it */
	struct ipaddr ip;
	unsigned refs;
	bool here; /* VIPs: of this node */
};
struct addrs {
	struct counted *v;
	size_t n, cap;
};
struct told { /* to the overlay */
	struct ipaddr *v;
	size_t n;
	bool known;
};
struct name {
	unsigned refs; /* endpoints that have it, ready or not */
	struct addrs want;
	struct told told;
	bool dirty;
	uint16_t port; /* of a name for SRV; 0: an ordinary one */
	char key[];    /* lower case */
};
struct vip {
	unsigned refs;
	struct ipaddr ip;
	struct addrs want; /* tasks that are ready */
	bool prefer_local;
	struct told told;
	bool dirty;
	char key[]; /* address text */
};
struct peer {
	unsigned refs;
	struct ov_peer want, told;
	bool known;
	bool dirty;
	char key[]; /* address text */
};
struct dirty {
	void **v;
	size_t n, cap;
};
struct nettable {
	struct overlay *overlay;
	const char *id, *node_id;
	bool encrypted;
	struct map names, vips, peers; /* by key */
	struct dirty dirty_names, dirty_vips, dirty_peers;
};

static void free_name(void *p)
{
	struct name *n = p;
	free(n->want.v);
	free(n->told.v);
	free(n);
}

static void free_vip(void *p)
{
	struct vip *v = p;
	free(v->want.v);
	free(v->told.v);
	free(v);
}

struct nettable *nettable_new(struct overlay *o, const char *network_id, const char *node_id,
			      bool encrypted)
{
	struct nettable *t = xcalloc(1, sizeof(*t));
	*t = (struct nettable){.overlay = o,
			       .id = network_id,
			       .node_id = node_id,
			       .encrypted = encrypted};
	t->names.free_val = free_name;
	t->vips.free_val = free_vip;
	t->peers.free_val = free;
	return t;
}

void nettable_free(void *p)
{
	struct nettable *t = p;
	if (!t)
		return;
	map_clear(&t->names);
	map_clear(&t->vips);
	map_clear(&t->peers);
	free(t->dirty_names.v);
	free(t->dirty_vips.v);
	free(t->dirty_peers.v);
	free(t);
}

static void mark(struct dirty *d, void *what, bool *is)
{
	if (*is)
		return;
	*is = true;
	d->v = vec_grow(d->v, d->n, &d->cap, sizeof(*d->v));
	d->v[d->n++] = what;
}

static void addr_add(struct addrs *a, const struct ipaddr *ip, bool here)
{
	for (size_t i = 0; i < a->n; i++) {
		if (ipaddr_equal(&a->v[i].ip, ip)) {
			a->v[i].refs++;
			a->v[i].here = here;
			return;
		}
	}
	a->v = vec_grow(a->v, a->n, &a->cap, sizeof(*a->v));
	a->v[a->n++] = (struct counted){.ip = *ip, .refs = 1, .here = here};
}

static void addr_del(struct addrs *a, const struct ipaddr *ip)
{
	for (size_t i = 0; i < a->n; i++) {
		if (!ipaddr_equal(&a->v[i].ip, ip))
			continue;
		if (--a->v[i].refs == 0)
			a->v[i] = a->v[--a->n];
		return;
	}
}

/* --- names ------------------------------------------------------------------------------------ */

static struct name *name_get(struct nettable *t, const char *text)
{
	size_t len = text ? strlen(text) : 0;
	char key[NAME_MAX_LEN + 1];
	if (!len || len > NAME_MAX_LEN)
		return NULL;
	for (size_t i = 0; i <= len; i++)
		key[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
	struct name *n = map_get(&t->names, key);
	if (!n) {
		n = xcalloc(1, sizeof(*n) + len + 1);
		memcpy(n->key, key, len + 1);
		map_set(&t->names, key, n);
	}
	return n;
}

/* addr not set: the name is known and leads nowhere. */
static void name_count(struct nettable *t, const char *text, const struct ipaddr *addr, bool add)
{
	struct name *n = name_get(t, text);
	if (!n || (!add && !n->refs))
		return;
	n->refs = add ? n->refs + 1 : n->refs - 1;
	if (addr && ipaddr_is_set(addr)) {
		if (add)
			addr_add(&n->want, addr, false);
		else
			addr_del(&n->want, addr);
	}
	mark(&t->dirty_names, n, &n->dirty);
}

/* Below the names that lead to its VIP, or where it has none to the task itself. */
static void count_srv(struct nettable *t, const struct wire_endpoint *e, const char *srv,
		      const struct ipaddr *addr, bool add)
{
	const struct strlist *names = e->vip_names.n ? &e->vip_names : &e->names;
	const char *colon = strchr(srv, ':');
	int64_t port;
	if (!colon || !num_parse_i64(colon + 1, 1, UINT16_MAX, &port))
		return;
	for (size_t i = 0; i < names->n; i++) {
		auto_free char *text = xasprintf("%.*s.%s", (int)(colon - srv), srv, names->v[i]);
		struct name *n = name_get(t, text);
		if (n)
			n->port = (uint16_t)port;
		name_count(t, text, addr, add);
	}
}

static void count_names(struct nettable *t, const struct wire_endpoint *e, const struct ipaddr *ip,
			bool add)
{
	const struct ipaddr *addr = e->ready ? ip : NULL;
	for (size_t i = 0; i < e->names.n; i++)
		name_count(t, e->names.v[i], addr, add);
	name_count(t, e->task_name, addr, add);
	if (e->service) {
		auto_free char *tasks = xasprintf("tasks.%s", e->service);
		name_count(t, tasks, addr, add);
	}
	for (size_t i = 0; i < e->srv.n; i++)
		count_srv(t, e, e->srv.v[i], addr, add);
}

static bool same(const struct told *told, const struct ipaddr *v, size_t n)
{
	return told->known && told->n == n && (!n || memcmp(told->v, v, n * sizeof(*v)) == 0);
}

static void note(struct told *told, const struct ipaddr *v, size_t n)
{
	free(told->v);
	*told = (struct told){.v = n ? xmemdup(v, n * sizeof(*v)) : NULL, .n = n, .known = true};
}

/* false: try again. */
static bool tell_name(struct nettable *t, struct name *n)
{
	if (!n->refs) {
		overlay_name_set(t->overlay, t->id, n->key, NULL, 0, false);
		map_del(&t->names, n->key);
		return true;
	}
	auto_free struct ipaddr *v = xcalloc(n->want.n + 1, sizeof(*v));
	for (size_t i = 0; i < n->want.n; i++)
		v[i] = n->want.v[i].ip;
	if (!same(&n->told, v, n->want.n)) {
		int r = n->port ? overlay_srv_set(t->overlay, t->id, n->key, n->port, v, n->want.n,
						  true)
				: overlay_name_set(t->overlay, t->id, n->key, v, n->want.n, true);
		if (r < 0)
			return false;
		note(&n->told, v, n->want.n);
	}
	return true;
}

/* --- VIPs ------------------------------------------------------------------------------------- */

/* The VIP leads to the task while that is ready; it is there in any case. */
static void count_vip(struct nettable *t, const struct wire_endpoint *e, const char *text,
		      const struct ipaddr *task, bool add)
{
	struct ipaddr ip;
	if (!text || !ipaddr_parse(text, &ip))
		return;
	struct vip *v = map_get(&t->vips, text);
	if (!v && !add)
		return;
	if (!v) {
		v = xcalloc(1, sizeof(*v) + strlen(text) + 1);
		v->ip = ip;
		memcpy(v->key, text, strlen(text) + 1);
		map_set(&t->vips, text, v);
	}
	v->refs = add ? v->refs + 1 : v->refs - 1;
	if (add)
		v->prefer_local = e->vip_local;
	if (e->ready && ipaddr_is_set(task)) {
		if (add)
			addr_add(&v->want, task, streq(e->node_id, t->node_id));
		else
			addr_del(&v->want, task);
	}
	mark(&t->dirty_vips, v, &v->dirty);
	for (size_t i = 0; i < e->vip_names.n; i++)
		name_count(t, e->vip_names.v[i], &ip, add);
}

static int by_address(const void *a, const void *b)
{
	return ipaddr_compare(a, b);
}

static bool any_here(const struct addrs *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].here)
			return true;
	return false;
}

static bool tell_vip(struct nettable *t, struct vip *v)
{
	struct err err = {0};
	if (!v->refs) {
		if (overlay_vip_del(t->overlay, t->id, &v->ip, &err) < 0)
			log_warn("agent", "a VIP stays for now: %s", err_text(&err));
		map_del(&t->vips, v->key);
		return true;
	}
	bool local = v->prefer_local && any_here(&v->want);
	auto_free struct ipaddr *to = xcalloc(v->want.n + 1, sizeof(*to));
	size_t n = 0;
	for (size_t i = 0; i < v->want.n; i++)
		if (!local || v->want.v[i].here)
			to[n++] = v->want.v[i].ip;
	if (n)
		qsort(to, n, sizeof(*to), by_address);
	if (same(&v->told, to, n))
		return true;
	if (overlay_vip_set(t->overlay, t->id, &v->ip, to, n, &err) < 0) {
		log_warn("agent", "%s", err_text(&err));
		return false;
	}
	note(&v->told, to, n);
	return true;
}

/* --- peers ------------------------------------------------------------------------------------ */

static int parse_peer(const struct nettable *t, const struct wire_endpoint *e, struct ov_peer *out)
{
	struct ov_peer p = {0};
	if (!e->mac || !ipaddr_parse(e->vtep, &p.vtep) || (e->ip && !ipaddr_parse(e->ip, &p.ip)) ||
	    (e->ip6 && !ipaddr_parse(e->ip6, &p.ip6)) ||
	    sscanf(e->mac, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &p.mac[0], &p.mac[1], &p.mac[2],
		   &p.mac[3], &p.mac[4], &p.mac[5]) != 6 ||
	    (t->encrypted && !wire_tunnel_address(e->node_id, &p.vtep)))
		return -EINVAL;
	*out = p;
	return 0;
}

/* Two endpoints have one address when one takes over from the other: the last that came counts. */
static void count_peer(struct nettable *t, const struct wire_endpoint *e, bool add)
{
	const char *key = e->ip ? e->ip : e->ip6;
	struct ov_peer p;
	if (parse_peer(t, e, &p) < 0) {
		if (add)
			log_warn("agent", "endpoint \"%s\" has no usable address; left out", e->id);
		return;
	}
	struct peer *peer = map_get(&t->peers, key);
	if (!peer) {
		if (!add)
			return;
		peer = xcalloc(1, sizeof(*peer) + strlen(key) + 1);
		memcpy(peer->key, key, strlen(key) + 1);
		map_set(&t->peers, key, peer);
	}
	bool equal = peer->refs && memcmp(&peer->want, &p, sizeof(p)) == 0;
	if (!add && !equal)
		return;
	peer->refs = !add ? peer->refs - 1 : equal ? peer->refs + 1 : 1;
	if (add)
		peer->want = p;
	mark(&t->dirty_peers, peer, &peer->dirty);
}

static bool tell_peer(struct nettable *t, struct peer *p)
{
	struct err err = {0};
	if (!p->refs) {
		const struct ov_peer *was = p->known ? &p->told : &p->want;
		int r = overlay_peer_del(t->overlay, t->id,
					 ipaddr_is_set(&was->ip) ? &was->ip : &was->ip6, &err);
		if (r < 0 && r != -ENOENT) {
			log_warn("agent", "peer %s stays for now: %s", p->key, err_text(&err));
			return false;
		}
		map_del(&t->peers, p->key);
		return true;
	}
	if (p->known && memcmp(&p->told, &p->want, sizeof(p->want)) == 0)
		return true;
	if (overlay_peer_set(t->overlay, t->id, &p->want, &err) < 0) {
		log_warn("agent", "peer %s is not reachable yet: %s", p->key, err_text(&err));
		return false;
	}
	p->told = p->want;
	p->known = true;
	return true;
}

/* --- all -------------------------------------------------------------------------------------- */

static void count(struct nettable *t, const struct wire_endpoint *e, bool add)
{
	struct ipaddr ip = {0}, ip6 = {0};
	(void)ipaddr_parse(e->ip, &ip);
	(void)ipaddr_parse(e->ip6, &ip6);
	if (!ipaddr_is_set(&ip) && !ipaddr_is_set(&ip6))
		return;
	count_names(t, e, &ip, add);
	count_names(t, e, &ip6, add);
	count_vip(t, e, e->vip, &ip, add);
	count_vip(t, e, e->vip6, &ip6, add);
	if (e->node_id && !streq(e->node_id, t->node_id))
		count_peer(t, e, add);
}

void nettable_add(struct nettable *t, const struct wire_endpoint *e)
{
	count(t, e, true);
}

void nettable_del(struct nettable *t, const struct wire_endpoint *e)
{
	count(t, e, false);
}

void nettable_clear(struct nettable *t)
{
	map_each(&t->names, e)
	{
		struct name *n = e->val;
		n->refs = 0;
		n->want.n = 0;
		mark(&t->dirty_names, n, &n->dirty);
	}
	map_each(&t->vips, e)
	{
		struct vip *v = e->val;
		v->refs = 0;
		v->want.n = 0;
		mark(&t->dirty_vips, v, &v->dirty);
	}
	map_each(&t->peers, e)
	{
		struct peer *p = e->val;
		p->refs = 0;
		mark(&t->dirty_peers, p, &p->dirty);
	}
}

void nettable_flush(struct nettable *t)
{
	struct dirty peers = t->dirty_peers, vips = t->dirty_vips, names = t->dirty_names;
	t->dirty_peers = t->dirty_vips = t->dirty_names = (struct dirty){0};
	for (size_t i = 0; i < peers.n; i++) {
		struct peer *p = peers.v[i];
		p->dirty = false;
		if (!tell_peer(t, p))
			mark(&t->dirty_peers, p, &p->dirty);
	}
	for (size_t i = 0; i < vips.n; i++) {
		struct vip *v = vips.v[i];
		v->dirty = false;
		if (!tell_vip(t, v))
			mark(&t->dirty_vips, v, &v->dirty);
	}
	for (size_t i = 0; i < names.n; i++) {
		struct name *n = names.v[i];
		n->dirty = false;
		if (!tell_name(t, n))
			mark(&t->dirty_names, n, &n->dirty);
	}
	free(peers.v);
	free(vips.v);
	free(names.v);
}
