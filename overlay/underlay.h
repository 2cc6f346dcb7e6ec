/* SPDX-License-Identifier: Apache-2.0
 * The host's own interface on which the hosts reach each other: finding it, its address and MTU. */
#pragma once
#include "base/str.h"
#include "overlay/link.h"

#define UNDERLAY_OVERHEAD  50 /* outer Ethernet, IPv4, UDP and VXLAN headers */
#define UNDERLAY_OVERHEAD6 70 /* the same over IPv6 */

struct underlay {
	struct ipaddr ip;
	int index, mtu; /* mtu: of the route, before the overhead */
	char name[IFNAMSIZ];
};
/* Lets this host pass on IPv6; links that took routes from advertisements go on taking them. */
int underlay_forward6(struct err *err);
/* Subnets of links that are not carrack's, appended as text. */
void underlay_subnets(struct nlsock *s, struct strlist *out);
/* want: an interface's name or address; NULL: that of the default route, or the only one. */
int underlay_find(struct nlsock *s, const char *want, struct underlay *ret, struct err *err);
