/* SPDX-License-Identifier: Apache-2.0
 * What is wrong with a link of ours in the host's namespace: for the check, which mends it, and the
 * trace, which tells it. */
#pragma once
#include "overlay/host.h"

struct links_seen { /* what the kernel has; links by name */
	struct link_list links;
	struct link_addrs addrs;
};
int links_look(struct overlay *o, struct links_seen *s, struct err *err);
void links_forget(struct links_seen *s);
const struct link_info *links_at(const struct links_seen *s, const char *name); /* NULL: none */

/* A phrase that goes behind the link's name; NULL: it is right. */
const char *links_bridge_fault(const struct overlay *o, const struct network *n,
			       const struct links_seen *s);
const char *links_vxlan_fault(const struct overlay *o, const struct network *n,
			      const struct links_seen *s);
/* Of b's; with macvlan and ipvlan the link inside. */
const char *links_veth_fault(struct overlay *o, const struct sandbox *b, const struct endpoint *e,
			     const struct links_seen *s);
