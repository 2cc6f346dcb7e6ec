/* SPDX-License-Identifier: Apache-2.0
 *
 * What of the physical network this host can give to containers: its interfaces, by their own names and by
 * those of the configuration, and which drivers its kernel lacks. Told to the controller.
 */
#pragma once
#include "agent/core/core.h"
#include "manifests/wire.h"

struct lan_offer {
	struct kvlist
		no_driver; /* "macvlan", "ipvlan", "vlan" -> why not; asked of the kernel once */
	unsigned told;     /* overlay_parents_changes when it was told last */
};

void lan_offer_open(struct lan_offer *l);
void lan_offer_done(struct lan_offer *l);
/* Fills the members of n that are about it; the caller frees them with the rest of n's lists. */
void lan_offer_describe(struct lan_offer *l, const struct core *c, struct wire_node *n);
/* Is what was described last of another time? */
bool lan_offer_changed(const struct lan_offer *l, const struct core *c);
