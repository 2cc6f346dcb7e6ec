/* SPDX-License-Identifier: Apache-2.0
 *
 * The three kinds of links carrack makes: a network's bridge and VXLAN link, and the veth pairs of
 * endpoints. Each call adopts a link that is right and replaces one that is wrong.
 */
#pragma once
#include "overlay/link.h"

/* Every link of carrack is in a group of this base plus the network's VNI. */
#define BRIDGE_GROUP_BASE 0x63000000u
#define BRIDGE_VNI_MAX    0xffffffu

struct bridge_spec {
	const char *name;
	uint8_t mac[6];
	int mtu;
	uint32_t group;
	struct ipaddr gateway, gateway6; /* one may be missing */
	unsigned prefix_len, prefix6_len;
};
bool bridge_settings_right(const char *name, bool ipv6); /* what bridge_ensure sets in /proc/sys */
int bridge_ensure(struct nlsock *s, const struct bridge_spec *b, int *ret_index, struct err *err);

struct vxlan_spec {
	const char *name;
	uint32_t vni, group;
	int mtu, underlay, bridge;
	struct ipaddr local;
	uint16_t port;
	/* Its packets travel in the namespace of this socket, and underlay is a link there; NULL: in
	 * the host's. host_ns: descriptor of the host's. */
	struct nlsock *abroad;
	int host_ns;
};
bool vxlan_right(const struct link_info *li, const struct vxlan_spec *v);
/* *fresh: it was made now, so it has no entries. */
int vxlan_ensure(struct nlsock *s, const struct vxlan_spec *v, int *ret_index, bool *fresh,
		 struct err *err);

struct veth_spec {
	const char *name;      /* in the host */
	const char *peer_name; /* in the sandbox */
	int peer_ns;           /* descriptor */
	uint8_t peer_mac[6];
	int mtu, bridge;
	uint32_t group;
};
int veth_create(struct nlsock *s, const struct veth_spec *v, int *ret_index, struct err *err);
/* Puts the host's end on its bridge with learning off (the entries are written by us). */
int veth_attach(struct nlsock *s, int index, int bridge, struct err *err);
