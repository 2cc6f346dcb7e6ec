/* SPDX-License-Identifier: Apache-2.0
 *
 * What makes a published TCP port answer on the host's 127.0.0.1 as well: packets of loopback cannot
 * be sent to a container without route_localnet, so connections are taken here and passed on.
 */
#pragma once
#include "base/ipaddr.h"
#include "base/loop.h"

#define PROXY_PAIRS_MAX 256 /* connections of one port */

struct proxy;
/* Listens on a bound socket, which stays the caller's and must outlive the proxy; NULL: it cannot. */
struct proxy *proxy_new(struct loop *l, int fd, const struct ipaddr *ip, uint16_t port);
void proxy_free(struct proxy *p); /* closes its connections; NULL is fine */
