/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of a packet between a sandbox of this host and an address: each thing in the kernel that it
 * passes here, from the container's interface to the underlay, and whether that is as it should be. For a
 * forked copy of the process only (see overlay_compare).
 */
#pragma once
#include "overlay/overlay.h"

enum ov_hop_state { OV_HOP_RIGHT, OV_HOP_WRONG, OV_HOP_NOTE };

struct ov_hop {
	const char *hop; /* "interface", "route", "port", "guard", "bridge", "forwarding", ... */
	enum ov_hop_state state;
	const char *text; /* what the kernel has, and, where that is wrong, what it should be */
	const char *fix;  /* what to do; NULL: `carrack net repair`, or nothing is wrong */
};
typedef void (*ov_hop_fn)(const struct ov_hop *hop, void *arg);

#define OV_NAME 16 /* of a link, IFNAMSIZ */

struct ov_path {     /* where the packets can be seen on this host; "" where they do not come by */
	bool within; /* the address is of a network that the sandbox is on */
	bool here;   /* and of another sandbox of this host */
	bool gateway, vip;
	bool encrypted;
	const char
		*network_id; /* the one by which they leave; NULL: none. Borrowed, as the others */
	const char *netns, *tunnel; /* paths of namespaces; tunnel: NULL unless encrypted */
	char inside[OV_NAME], veth[OV_NAME], bridge[OV_NAME], vxlan[OV_NAME], underlay[OV_NAME];
	struct ipaddr own; /* the sandbox's address there */
	uint16_t vxlan_port;
};

/* -ENOENT: no such sandbox here. */
int overlay_path(struct overlay *o, const char *sandbox, const struct ipaddr *to,
		 struct ov_path *ret, struct err *err);
/* Of a VIP only where it leads: trace the task's address then. */
int overlay_trace(struct overlay *o, const char *sandbox, const struct ipaddr *to, ov_hop_fn each,
		  void *arg, struct err *err);
