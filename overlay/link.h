/* SPDX-License-Identifier: Apache-2.0
 *
 * Links of any kind: finding, listing, changing and deleting them, and their addresses and routes.
 */
#pragma once
#include "base/err.h"
#include "base/ipaddr.h"
#include "overlay/nl.h"
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct link_info {
	int index, master, mtu, lower; /* lower: IFLA_LINK, what a VLAN, macvlan or ipvlan is on */
	char name[IFNAMSIZ];
	char kind[16]; /* "vxlan", "bridge", "veth", "" for a plain device */
	uint8_t mac[6];
	uint32_t group;
	bool up, running;
	bool ether;    /* its frames have an Ethernet header */
	uint32_t mode; /* of kind "macvlan": MACVLAN_MODE_* */
	struct {       /* of kind "vxlan" */
		uint32_t vni;
		struct ipaddr local;
		int underlay;
		uint16_t port;
		bool learning;
		bool abroad; /* its packets travel in another namespace */
		bool odd; /* something is set that nothing of ours sets: a default destination, ... */
	} vxlan;
	struct { /* of kind "bridge" */
		bool stp, vlan_filtering, snooping;
	} bridge;
	struct { /* as a port of a bridge (linux/if_bridge.h); all false of no port */
		bool forwarding, learning, flood, suppress, isolated;
	} port;
};

/* -ENODEV, with no text, when there is none of that name. */
int link_find(struct nlsock *s, const char *name, struct link_info *ret, struct err *err);
struct link_list {
	struct link_info *v;
	size_t n, cap;
};
int link_list(struct nlsock *s, struct link_list *ret, struct err *err); /* all of the namespace */
static inline void cleanup_link_list(struct link_list *l)
{
	free(l->v);
}
#define auto_link_list __attribute__((cleanup(cleanup_link_list))) struct link_list

struct link_change { /* what link_set sets; 0 or NULL: left alone */
	int master, mtu;
	const uint8_t *mac;
	bool up;
};
int link_set(struct nlsock *s, int index, const struct link_change *c, struct err *err);
int link_rename(struct nlsock *s, int index, const char *name,
		struct err *err);                           /* one that is down */
int link_del(struct nlsock *s, int index, struct err *err); /* absent is fine */
/* Deletes all links of a group at once: one wait for the kernel instead of one for each link. */
int link_del_group(struct nlsock *s, uint32_t group, struct err *err);

int link_add_addr(struct nlsock *s, int index, const struct ipaddr *a, unsigned prefix_len,
		  struct err *err);
/* Removes the addresses of keep's family other than keep. */
int link_keep_addr(struct nlsock *s, int index, const struct ipaddr *keep, unsigned prefix_len,
		   struct err *err);
int link_del_addr(struct nlsock *s, int index, const struct ipaddr *a, unsigned prefix_len,
		  struct err *err);
int link_default_route(struct nlsock *s, int index, const struct ipaddr *gateway, struct err *err);

/* What has this sender leaves by this gateway, whatever the default route is. */
int link_answer_route(struct nlsock *s, int index, const struct ipaddr *from,
		      const struct ipaddr *gateway, struct err *err);

struct link_addr {
	struct ipaddr ip;
	int index;
	unsigned prefix_len;
	bool global;
};
struct link_addrs {
	struct link_addr *v;
	size_t n, cap;
};
int link_addrs(struct nlsock *s, struct link_addrs *ret, struct err *err);
static inline void cleanup_link_addrs(struct link_addrs *l)
{
	free(l->v);
}
#define auto_link_addrs __attribute__((cleanup(cleanup_link_addrs))) struct link_addrs
struct link_route {         /* of the main table */
	struct ipprefix to; /* not set: the default route, of family */
	struct ipaddr gateway;
	int index;
	uint8_t family;
	bool dead; /* blackhole, prohibit, unreachable */
};
struct link_routes {
	struct link_route *v;
	size_t n, cap;
};
int link_routes(struct nlsock *s, struct link_routes *ret, struct err *err);
static inline void cleanup_link_routes(struct link_routes *l)
{
	free(l->v);
}
#define auto_link_routes __attribute__((cleanup(cleanup_link_routes))) struct link_routes
/* The way that the kernel would take to an address now. -ENETUNREACH, no text: it knows none. */
int link_route_to(struct nlsock *s, const struct ipaddr *to, struct link_route *ret,
		  struct err *err);
/* The default route's link and MTU metric (0: none); -ENETUNREACH, no text, without such a route. */
int link_default(struct nlsock *s, int *ret_index, int *ret_mtu, struct err *err);
