/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks on the physical network (drivers other than OV_OVERLAY): their parent, their links, and what is
 * told to the machines out there. Private to overlay/.
 *
 * macvlan, ipvlan: each endpoint is a link of that kind on the parent, alone in its sandbox.
 * bridge: endpoints are veths on a bridge of the host, or on one of ours that has the parent as a port.
 *
 * A host's own connectivity is never touched: a parent that has an address is not put into a bridge.
 */
#pragma once
#include "overlay/host.h"

#define LAN_VLAN_GROUP                                                                             \
	0x62000001u    /* VLAN links that we made, and take away with their last network */
#define LAN_ANNOUNCE 6 /* times, see announce.c */

static inline bool lan_is(const struct network *n)
{
	return n->spec.driver != OV_OVERLAY;
}
static inline bool lan_is_inside(const struct network *n)
{
	return n->spec.driver == OV_MACVLAN || n->spec.driver == OV_IPVLAN;
}

static inline int lan_mtu(const struct network *n)
{
	return n->spec.mtu && n->spec.mtu < n->lan.mtu ? n->spec.mtu : n->lan.mtu;
}

/* lan.c */
int lan_build(struct overlay *o, struct network *n, struct err *err);
/* What is wrong with its parent or bridge, behind the interface's name, which is put into name; NULL: nothing. */
const char *lan_fault(const struct overlay *o, const struct network *n,
		      const struct link_list *links, char name[IFNAMSIZ]);
/* Compares a network with the host's links, sorted by name, and mends; true: links are new. */
bool lan_mend(struct overlay *o, struct network *n, const struct link_list *links);

/* lanparent.c */
void lan_open(struct overlay *o, const struct kvlist *names);
void lan_close(struct overlay *o);
/* The interface that a parent's name means here. false: no name of an interface. */
bool lan_ifname(const struct overlay *o, const char *parent, char out[IFNAMSIZ]);
/* The interface itself; a VLAN on one that is there is made. -ENODEV with a sentence. */
int lan_parent(struct overlay *o, const char *parent, struct link_info *ret, struct err *err);
/* Why it cannot be a bridge's port; NULL: it can. Caller frees. */
char *lan_no_port(const struct overlay *o, const struct link_info *li,
		  const struct link_list *links, const struct link_addrs *addrs);
/* Remembers what may be a parent; see overlay_parents. */
void lan_look(struct overlay *o, const struct link_list *links, const struct link_addrs *addrs);
/* Takes away VLAN links that no network is on any more. */
void lan_tidy(struct overlay *o);

/* lanlink.c */
int lanlink_vlan(struct nlsock *s, const char *name, int lower, unsigned vlan, struct err *err);
struct lanlink {
	const char *name;   /* one that the host has not */
	int lower, ns, mtu; /* ns: descriptor of the namespace that it comes to be in */
	enum ov_driver driver;
	enum ov_macvlan mode;
	uint8_t mac[6]; /* macvlan */
};
int lanlink_create(struct nlsock *s, const struct lanlink *l, struct err *err);
bool lanlink_right(const struct link_info *li, const struct lanlink *l);

/* lanend.c */
/* A macvlan or ipvlan endpoint: its link inside is there. */
int lanend_ensure(struct overlay *o, const struct network *n, struct endpoint *e, int ns,
		  struct err *err);
/* What is wrong with it; NULL: nothing, or it cannot be told. */
const char *lanend_fault(struct overlay *o, const struct sandbox *s, const struct endpoint *e);
int lanend_find(struct overlay *o, const struct endpoint *e, int ns); /* its index or 0 */
void lanend_remove(struct overlay *o, const struct sandbox *s, const struct endpoint *e);
/* Guards of a sandbox; the thread is in its namespace. */
int lanend_guard(struct sandbox *s, struct err *err);
/* Compares them and mends, there too. */
int lanend_guard_check(struct overlay *o, struct sandbox *s, struct err *err);

/* announce.c: gratuitous ARP and unsolicited neighbour advertisements, so that machines which remember
 * where an address was take it from where it is now. */
void announce_open(struct overlay *o);
void announce_sandbox(struct overlay *o, struct sandbox *s);       /* now and a few times more */
void announce_network(struct overlay *o, const struct network *n); /* all of its endpoints */
