/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables that the agent writes and the programs of fastpath.bpf.c read. Addresses are 16 bytes in
 * network order, IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). Included by both sides: plain types only.
 */
#pragma once
#include <linux/types.h>

struct fast_addr {
	__u32 w[4];
};

/* Map ck_self: one record, of this host's underlay. */
struct fast_self {
	struct fast_addr addr; /* all 0: frames are not taken from the underlay's link */
	__u32 port;            /* UDP port of VXLAN */
};

/* Map ck_links: index of a link of carrack's -> which network it is on and, of a container's port, what
 * may come out of it. */
struct fast_link {
	__u32 vni, mtu;
	__u8 mac[6]; /* all 0: a VXLAN link */
	__u8 pad[2];
	struct fast_addr ip, ip6; /* all 0: none */
};

/* Map ck_dests: where a MAC of a network is. */
struct fast_mac {
	__u32 vni;
	__u8 mac[6];
	__u8 pad[2];
};
struct fast_dest {
	__u32 ifindex; /* the container's port, or the network's VXLAN link */
	__u32 local;   /* 1: a port */
	/* Host of a MAC that is elsewhere; all 0 where the network is encrypted: then nothing in
	 * clear is its. */
	struct fast_addr vtep;
};

/* Map ck_count: packets that went this way, for each CPU. */
enum fast_count { FAST_OUT_LOCAL, FAST_OUT_TUNNEL, FAST_IN_UNDERLAY, FAST_IN_TUNNEL, FAST_COUNTS };
