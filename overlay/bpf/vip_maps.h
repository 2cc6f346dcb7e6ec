/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables that the agent writes and the programs of vip.bpf.c read. Addresses are 16 bytes in
 * network order, IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). Included by both sides: plain types only.
 */
#pragma once
#include <linux/types.h>

struct vip_addr {
	__u32 w[4];
};

/* Map ck_vips: VIP -> its network and how many slots it has. */
struct vip_bpf_vip {
	__u32 network; /* VNI */
	__u32 n_slots; /* 0: nothing is ready */
};

/* Map ck_slots: VIP and slot -> address of a task. */
struct vip_bpf_slot {
	struct vip_addr vip;
	__u32 slot;
};

/* Map ck_members: which namespaces are on which network; the value says nothing. */
struct vip_bpf_member {
	__u64 netns; /* cookie, SO_NETNS_COOKIE */
	__u32 network;
	__u32 pad; /* 0 */
};
