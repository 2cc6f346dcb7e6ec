/* SPDX-License-Identifier: Apache-2.0
 * A sandbox's places on networks: veth pairs, and addresses and routes inside. */
#include "base/log.h"
#include "base/mem.h"
#include "overlay/bridge.h"
#include "overlay/host.h"
#include "overlay/netns.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* FNV-1a: link names are short, ids are long. */
void endpoint_name(const char *sandbox_id, size_t number, char out[IFNAMSIZ])
{
	uint64_t h = 0xcbf29ce484222325u;
	for (const char *p = sandbox_id; *p; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3u;
	h = (h ^ number) * 0x100000001b3u;
	snprintf(out, IFNAMSIZ, "ckv%012llx", (unsigned long long)(h ^ h >> 48) & 0xffffffffffffu);
}

int endpoint_ensure(struct overlay *o, struct endpoint *e, int ns, size_t number, struct err *err)
{
	const struct network *n = network_get(o, e->network_id);
	if (!n)
		return err_set(err, -ENOENT, "network \"%s\" is not on this host; set it first",
			       e->network_id);
	struct link_info li;
	if (e->veth_index && link_find(o->nl, e->veth, &li, NULL) == 0 && li.index == e->veth_index)
		return veth_attach(o->nl, li.index, n->bridge_index, err);
	char inside[IFNAMSIZ];
	snprintf(inside, sizeof(inside), "eth%u", (unsigned)number);
	struct veth_spec v = {.name = e->veth,
			      .peer_name = inside,
			      .peer_ns = ns,
			      .mtu = n->spec.mtu ? n->spec.mtu : o->mtu,
			      .bridge = n->bridge_index,
			      .group = BRIDGE_GROUP_BASE + n->spec.vni};
	memcpy(v.peer_mac, e->mac, sizeof(v.peer_mac));
	return veth_create(o->nl, &v, &e->veth_index, err);
}

void endpoint_remove(struct overlay *o, const struct endpoint *e)
{
	struct link_info li;
	struct err err = {0};
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
	fdb_add(out, &f);
	f.kind = FDB_NEIGH;
	f.ip = e->ip;
	if (ipaddr_is_set(&f.ip))
		fdb_add(out, &f);
	f.ip = e->ip6;
	if (ipaddr_is_set(&f.ip))
		fdb_add(out, &f);
}

static int configure_link(struct overlay *o, struct nlsock *nl, const struct endpoint *e,
			  size_t number, struct err *err)
{
	const struct network *n = network_get(o, e->network_id);
	char name[IFNAMSIZ];
	struct link_info li;
	snprintf(name, sizeof(name), "eth%u", (unsigned)number);
	int r = link_find(nl, name, &li, err);
	if (r < 0)
		return r == -ENODEV ? err_set(err, r, "link \"%s\" is missing in the sandbox", name)
				    : r;
	struct link_change c = {.up = true};
	r = link_set(nl, li.index, &c, err);
	if (r == 0)
		r = link_add_addr(nl, li.index, &e->ip, n->spec.subnet.len, err);
	if (r == 0)
		r = link_keep_addr(nl, li.index, &e->ip, n->spec.subnet.len, err);
	return r < 0 ? err_wrap(err, r, "cannot set up \"%s\" in the sandbox", name) : 0;
}

static int default_route(struct overlay *o, struct nlsock *nl, const struct sandbox *s,
			 struct err *err)
{
	for (size_t i = 0; i < s->n_endpoints; i++) {
		const struct network *n = network_get(o, s->endpoints[i].network_id);
		char name[IFNAMSIZ];
		struct link_info li;
		if (n->spec.internal)
			continue;
		snprintf(name, sizeof(name), "eth%u", (unsigned)i);
		int r = link_find(nl, name, &li, err);
		if (r == 0)
			r = link_default_route(nl, li.index, &n->spec.gateway, err);
		return r < 0 ? err_wrap(err, r, "cannot set the sandbox's default route") : 0;
	}
	return 0;
}

int endpoint_configure(struct overlay *o, const struct sandbox *s, struct err *err)
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
		r = configure_link(o, nl, &s->endpoints[i], i, err);
	return r < 0 ? r : default_route(o, nl, s, err);
}
