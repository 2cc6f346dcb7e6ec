/* SPDX-License-Identifier: Apache-2.0
 * Networks on the physical network, as this host's links; see lan.h. */
#include "overlay/lan.h"
#include "base/log.h"
#include "base/mem.h"
#include "overlay/bridge.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int own_bridge(struct overlay *o, struct network *n, const struct link_info *parent,
		      struct err *err)
{
	auto_link_list links = {0};
	auto_link_addrs addrs = {0};
	struct link_info have;
	int r = link_list(o->nl, &links, err);
	if (r == 0)
		r = link_addrs(o->nl, &addrs, err);
	if (r < 0)
		return r;
	auto_free char *why = lan_no_port(o, parent, &links, &addrs);
	if (why)
		return err_set(err, -EBUSY, "the interface '%s' cannot be put into a bridge: %s",
			       parent->name, why);
	bool there = link_find(o->nl, n->bridge, &have, NULL) == 0;
	if (parent->master && !(there && parent->master == have.index))
		return err_set(err, -EBUSY,
			       "the interface '%s' is in the bridge of another network; make a "
			       "bridge yourself, with the interface in it, and name that in both",
			       parent->name);
	struct bridge_spec b = {.name = n->bridge,
				.mtu = parent->mtu,
				.group = BRIDGE_GROUP_BASE + n->spec.vni};
	memcpy(b.mac, parent->mac, sizeof(b.mac));
	r = bridge_ensure(o->nl, &b, &n->bridge_index, err);
	if (r < 0 || parent->master == n->bridge_index)
		return r;
	struct link_change c = {.master = n->bridge_index, .up = true};
	struct err why_not = {0};
	r = link_set(o->nl, parent->index, &c, &why_not);
	if (r == 0)
		return 0;
	if (!there)
		(void)link_del(o->nl, n->bridge_index, NULL);
	return err_set(err, r, "cannot put the interface '%s' into a bridge: %s", parent->name,
		       r == -EBUSY ? "macvlan or ipvlan is in use on it, and it can have only one"
				   : err_text(&why_not));
}

int lan_build(struct overlay *o, struct network *n, struct err *err)
{
	struct link_info parent;
	int r = lan_parent(o, n->spec.parent, &parent, err);
	if (r < 0)
		return r;
	if (n->spec.driver == OV_BRIDGED && strcmp(parent.kind, "bridge") == 0)
		n->bridge_index = parent.index;
	else if (n->spec.driver == OV_BRIDGED)
		r = own_bridge(o, n, &parent, err);
	if (r < 0)
		return r;
	n->lan.parent = parent.index;
	n->lan.mtu = parent.mtu;
	return 0;
}

static const struct link_info *by_name(const struct link_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (streq(l->v[i].name, name))
			return &l->v[i];
	return NULL;
}

static const char *fault(const struct network *n, const struct link_info *parent,
			 const struct link_list *links)
{
	if (!parent)
		return "is missing";
	if (!parent->up)
		return "is down";
	if (parent->index != n->lan.parent)
		return "is another than it was";
	if (n->spec.driver != OV_BRIDGED)
		return NULL;
	if (strcmp(parent->kind, "bridge") == 0)
		return n->bridge_index == parent->index ? NULL : "is another than it was";
	const struct link_info *b = by_name(links, n->bridge);
	if (!b || !b->up || b->index != n->bridge_index || parent->master != b->index)
		return "is not in its bridge, or that is missing or down";
	return b->mtu == parent->mtu ? NULL : "and its bridge have not one MTU";
}

static const struct link_info *parent_of(const struct overlay *o, const struct network *n,
					 const struct link_list *links, char name[IFNAMSIZ])
{
	*name = '\0';
	return lan_ifname(o, n->spec.parent, name) ? by_name(links, name) : NULL;
}

const char *lan_fault(const struct overlay *o, const struct network *n,
		      const struct link_list *links, char name[IFNAMSIZ])
{
	const struct link_info *parent = parent_of(o, n, links, name);
	const char *wrong = fault(n, parent, links);
	return wrong ? wrong : parent->running ? NULL : "has no carrier";
}

/* Told once, not at each check. */
static void cut_off(struct network *n, const char *why)
{
	if (!streq(n->lan.why, why))
		log_warn("overlay", "network \"%s\" is cut off: %s", n->id, why);
	free(n->lan.why);
	n->lan.why = xstrdup(why);
}

bool lan_mend(struct overlay *o, struct network *n, const struct link_list *links)
{
	char name[IFNAMSIZ];
	struct err err = {0};
	const struct link_info *parent = parent_of(o, n, links, name);
	const char *wrong = fault(n, parent, links);
	bool running = parent && parent->running;
	if (o->look) {
		const char *seen = lan_fault(o, n, links, name);
		if (seen)
			check_found(o, n->id, 0, "its interface '%s' %s", name, seen);
		return false;
	}
	if (running && !n->lan.running) /* machines out there may have forgotten its addresses */
		announce_network(o, n);
	n->lan.running = running;
	if (wrong && lan_build(o, n, &err) < 0) {
		cut_off(n, err_text(&err));
		return false;
	}
	free_and_null(&n->lan.why);
	if (!wrong) {
		n->lan.mtu = parent->mtu;
		return false;
	}
	announce_network(o, n);
	return check_found(o, n->id, 1, "interface '%s' of network \"%s\" %s", name, n->id, wrong);
}
