/* SPDX-License-Identifier: Apache-2.0
 * Parents of networks on the physical network: which interface a name means on this host, which ones may be
 * one, and VLANs on them; see lan.h. */
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "overlay/lan.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PARENTS_MAX 64
#define VLAN_MAX    4094

void lan_open(struct overlay *o, const struct kvlist *names)
{
	if (names)
		kvlist_copy(&o->lan.names, names);
}

void lan_close(struct overlay *o)
{
	kvlist_done(&o->lan.names);
	kvlist_done(&o->lan.parents);
	kvlist_done(&o->lan.no_bridge);
}

/* "eth1.50": the length of what is in front of the VLAN, and that; 0: it has none. */
static size_t split_vlan(const char *name, unsigned *ret_vlan)
{
	const char *dot = strrchr(name, '.');
	uint64_t vlan;
	if (!dot || dot == name || !num_parse_u64(dot + 1, VLAN_MAX, &vlan) || vlan == 0)
		return 0;
	*ret_vlan = (unsigned)vlan;
	return (size_t)(dot - name);
}

bool lan_ifname(const struct overlay *o, const char *parent, char out[IFNAMSIZ])
{
	unsigned vlan;
	size_t len = split_vlan(parent, &vlan);
	const char *name = kvlist_get(&o->lan.names, parent);
	int n;
	if (!name && len) {
		auto_free char *front = xstrndup(parent, len);
		const char *lower = kvlist_get(&o->lan.names, front);
		n = snprintf(out, IFNAMSIZ, "%s.%u", lower ? lower : front, vlan);
	} else {
		n = snprintf(out, IFNAMSIZ, "%s", name ? name : parent);
	}
	return n > 0 && n < IFNAMSIZ;
}

static int make_vlan(struct overlay *o, const char *name, struct link_info *ret, struct err *err)
{
	struct link_info lower;
	unsigned vlan;
	size_t len = split_vlan(name, &vlan);
	auto_free char *front = len ? xstrndup(name, len) : NULL;
	int r = front ? link_find(o->nl, front, &lower, err) : -ENODEV;
	if (r < 0)
		return r == -ENODEV ? err_set(err, r, "this host has no interface '%s'",
					      front ? front : name)
				    : r;
	struct link_change up = {.up = true};
	r = lower.up ? 0 : link_set(o->nl, lower.index, &up, err);
	if (r == 0)
		r = lanlink_vlan(o->nl, name, lower.index, vlan, err);
	return r < 0 ? r : link_find(o->nl, name, ret, err);
}

int lan_parent(struct overlay *o, const char *parent, struct link_info *ret, struct err *err)
{
	char name[IFNAMSIZ];
	struct link_info li;
	struct err why = {0};
	if (!lan_ifname(o, parent, name))
		return err_set(err, -ENODEV, "'%s' is not the name of an interface", parent);
	int r = link_find(o->nl, name, &li, err);
	if (r == -ENODEV)
		r = make_vlan(o, name, &li, err);
	if (r < 0)
		return r;
	struct link_change up = {.up = true};
	r = li.up ? 0 : link_set(o->nl, li.index, &up, &why);
	if (r < 0)
		return err_set(err, r, "cannot set the interface '%s' up: %s", name,
			       err_text(&why));
	*ret = li;
	return 0;
}

static const struct link_info *at_index(const struct link_list *l, int index)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].index == index)
			return &l->v[i];
	return NULL;
}

static bool is_ours(const struct link_info *li)
{
	return strncmp(li->name, "ck", 2) == 0;
}

/* Why it can be no parent at all: somebody else has it. Caller frees; NULL: it can. */
static char *no_parent(const struct link_info *li, const struct link_list *links)
{
	const struct link_info *master = li->master ? at_index(links, li->master) : NULL;
	if (!li->master || (master && is_ours(master)))
		return NULL;
	return xasprintf("it is a port of '%s'; name that instead",
			 master ? master->name : "another");
}

char *lan_no_port(const struct overlay *o, const struct link_info *li,
		  const struct link_list *links, const struct link_addrs *addrs)
{
	char text[IPADDR_TEXT];
	char *why = no_parent(li, links);
	if (why || strcmp(li->kind, "bridge") == 0)
		return why;
	for (size_t i = 0; i < addrs->n; i++)
		if (addrs->v[i].index == li->index && addrs->v[i].global)
			return xasprintf("it has the host's address %s, which a bridge would cut "
					 "off; use the driver macvlan, or make a bridge yourself, "
					 "give it the address, and name that",
					 ipaddr_format(&addrs->v[i].ip, text));
	if (li->index == o->underlay.index)
		return xstrdup("it is the underlay of this host, which a bridge would cut off; use "
			       "the driver macvlan");
	return NULL;
}

static bool may_be_parent(const struct link_info *li)
{
	/* Ends of other programs' containers are on bridges of theirs. */
	bool foreign_end = strcmp(li->kind, "veth") == 0 && li->master;
	return li->ether && !is_ours(li) && !foreign_end && strcmp(li->kind, "vxlan") != 0 &&
	       strcmp(li->name, "lo") != 0;
}

static bool same_list(const struct kvlist *a, const struct kvlist *b)
{
	bool same = a->n == b->n;
	for (size_t i = 0; same && i < a->n; i++)
		same = streq(a->v[i].k, b->v[i].k) && streq(a->v[i].v, b->v[i].v);
	return same;
}

struct found {
	struct kvlist parents, no_bridge;
};

static void add(struct found *f, const char *name, const char *why, const char *why_port)
{
	kvlist_set(&f->parents, name, why ? why : "");
	if (why_port && !why)
		kvlist_set(&f->no_bridge, name, why_port);
}

void lan_look(struct overlay *o, const struct link_list *links, const struct link_addrs *addrs)
{
	struct found f = {0};
	for (size_t i = 0; i < links->n && f.parents.n < PARENTS_MAX; i++) {
		const struct link_info *li = &links->v[i];
		if (!may_be_parent(li))
			continue;
		auto_free char *why = no_parent(li, links);
		auto_free char *why_port = lan_no_port(o, li, links, addrs);
		add(&f, li->name, why, why_port);
		for (size_t k = 0; k < o->lan.names.n; k++)
			if (streq(o->lan.names.v[k].v, li->name))
				add(&f, o->lan.names.v[k].k, why, why_port);
	}
	/* A VLAN that is made when it is needed: what it would be on is here. */
	for (size_t k = 0; k < o->lan.names.n; k++) {
		unsigned vlan;
		const char *name = o->lan.names.v[k].v;
		size_t len = split_vlan(name, &vlan);
		auto_free char *front = len ? xstrndup(name, len) : NULL;
		if (front && kvlist_find(&f.parents, front) &&
		    !kvlist_find(&f.parents, o->lan.names.v[k].k))
			add(&f, o->lan.names.v[k].k, NULL, NULL);
	}
	if (!same_list(&f.parents, &o->lan.parents) || !same_list(&f.no_bridge, &o->lan.no_bridge))
		o->lan.changes++;
	kvlist_done(&o->lan.parents);
	kvlist_done(&o->lan.no_bridge);
	o->lan.parents = f.parents;
	o->lan.no_bridge = f.no_bridge;
}

void overlay_parents(const struct overlay *o, struct kvlist *parents, struct kvlist *no_bridge)
{
	kvlist_copy(parents, &o->lan.parents);
	kvlist_copy(no_bridge, &o->lan.no_bridge);
}

unsigned overlay_parents_changes(const struct overlay *o)
{
	return o->lan.changes;
}

static bool is_used(const struct overlay *o, const char *link)
{
	char name[IFNAMSIZ];
	map_each(&o->networks, e)
	{
		const struct network *n = e->val;
		if (lan_is(n) && lan_ifname(o, n->spec.parent, name) && streq(name, link))
			return true;
	}
	return false;
}

void lan_tidy(struct overlay *o)
{
	auto_link_list links = {0};
	struct err err = {0};
	int r = link_list(o->nl, &links, &err);
	for (size_t i = 0; i < links.n && r == 0; i++)
		if (links.v[i].group == LAN_VLAN_GROUP && !is_used(o, links.v[i].name))
			r = link_del(o->nl, links.v[i].index, &err);
	if (r < 0)
		log_warn("overlay", "a VLAN stays for now: %s", err_text(&err));
}
