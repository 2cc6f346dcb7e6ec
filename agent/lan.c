/* SPDX-License-Identifier: Apache-2.0
 * What of the physical network this host offers; see lan.h. */
#include "agent/lan.h"
#include "agent/probe.h"

#include <errno.h>

void lan_offer_open(struct lan_offer *l)
{
	static const struct {
		enum probe_kind probe;
		const char *name, *text;
	} drivers[] = {
		{PROBE_MACVLAN, "macvlan", "this kernel has no macvlan"},
		{PROBE_IPVLAN, "ipvlan", "this kernel has no ipvlan"},
		{PROBE_VLAN, "vlan", "this kernel has no VLANs (8021q)"},
	};
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (probe_kernel(drivers[i].probe, NULL) == -EOPNOTSUPP)
			kvlist_set(&l->no_driver, drivers[i].name, drivers[i].text);
}

void lan_offer_done(struct lan_offer *l)
{
	kvlist_done(&l->no_driver);
}

void lan_offer_describe(struct lan_offer *l, const struct core *c, struct wire_node *n)
{
	overlay_parents(c->overlay, &n->parents, &n->no_bridge);
	kvlist_copy(&n->no_driver, &l->no_driver);
	l->told = overlay_parents_changes(c->overlay);
}

bool lan_offer_changed(const struct lan_offer *l, const struct core *c)
{
	return c->overlay && l->told != overlay_parents_changes(c->overlay);
}
