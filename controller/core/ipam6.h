/* SPDX-License-Identifier: Apache-2.0
 *
 * IPv6 addresses of one subnet. What is handed out comes from a window at its start (or of its range),
 * kept as a bitmap like an IPv4 subnet's; fixed addresses may be anywhere in it. Pure.
 */
#pragma once
#include "base/ipaddr.h"
#include "base/map.h"
#include "controller/core/ipam.h"

#define IPAM6_PREFIX_MIN 16
#define IPAM6_PREFIX_MAX 124
#define IPAM6_MAC_TEXT   IPAM_MAC_TEXT

struct ipam6 { /* embedded; zero is "none" */
	struct ipprefix subnet, window;
	struct ipaddr gateway;
	struct ipam_subnet bits; /* the window, as numbers from some base */
	struct map fixed;        /* text of those taken outside of it */
};

/* gateway none: the first address; range none: the whole subnet is handed out from. */
int ipam6_init(struct ipam6 *s, const struct ipprefix *subnet, const struct ipaddr *gateway,
	       const struct ipprefix *range, struct err *err);
void ipam6_done(struct ipam6 *s);
bool ipam6_is_set(const struct ipam6 *s);
int ipam6_take(struct ipam6 *s, struct ipaddr *ret);           /* -ENOSPC */
int ipam6_take_high(struct ipam6 *s, struct ipaddr *ret);      /* from the window's end; -ENOSPC */
int ipam6_take_fixed(struct ipam6 *s, const struct ipaddr *a); /* -EADDRINUSE, -ERANGE */
void ipam6_give(struct ipam6 *s, const struct ipaddr *a);
/* For an endpoint without IPv4: 02:43 and the last four bytes. */
void ipam6_mac_text(const struct ipaddr *a, char out[IPAM_MAC_TEXT]);

/* A random /48 of fd00::/8 (RFC 4193 3.2.2). */
struct ipprefix ipam6_pool_random(uint64_t random);
/* The n-th /64 of the pool, which is at most that long; none when there are fewer. */
struct ipprefix ipam6_pool_nth(const struct ipprefix *pool, uint64_t n);
