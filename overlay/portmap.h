/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of the table inet ck_overlay that leads published ports to what serves them. Pure: appends
 * to a script, runs nothing.
 *
 * A packet costs three lookups whatever the number of ports: gateF_* says which chain a port goes to,
 * "aF_N" for N backends, and that chain takes one of them at random from backF_PROTO. F is the family,
 * 4 or 6; *_at are ports of one address of the host, the others are of all its addresses. Only the first
 * packet of a connection passes here.
 *
 * Where a host has no backend of its own, a port leads to other hosts: farF. Such a packet leaves with
 * this host's underlay address, so that its answer comes back, and with the DSCP PORTMAP_HOP: the host
 * that gets it serves it or refuses it, and never sends it on.
 */
#pragma once
#include "overlay/overlay.h"

#define PORTMAP_HOP 43 /* a DSCP of pool 3 (RFC 2474 section 6), which standards leave alone */

struct portmap_entry {
	struct ipaddr host_ip; /* not set: all addresses; 0.0.0.0 or ::: all of that family */
	uint16_t port;
	uint8_t proto;
	bool far;
	const struct ov_backend *backends; /* at most PORTMAP_BACKENDS_MAX count; none: refused */
	size_t n;
};
#define PORTMAP_BACKENDS_MAX 256

void portmap_tables(struct str *s); /* sets, maps and chains */
void portmap_rules(struct str *s, const struct ipaddr *underlay);
void portmap_flush(struct str *s);
/* Loopback addresses have no rules here: packets to them stay the host's own (see hold.h). */
void portmap_entry(struct str *s, bool add, const struct portmap_entry *e);
