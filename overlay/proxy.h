/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections that reach the held socket of a published TCP port, passed on to where the port leads.
 * Packets of loopback cannot be sent to a container without route_localnet, and IPv6 cannot become
 * IPv4, so they are taken here.
 */
#pragma once
#include "base/loop.h"
#include "overlay/overlay.h"

#define PROXY_PAIRS_MAX 512 /* connections of one port */
#define PROXY_BACKLOG   128

struct proxy;
/* fd: listens, non-blocking; stays the caller's and must outlive the proxy. */
struct proxy *proxy_new(struct loop *l, int fd);
/* Where new connections go, in turns; those there are go on. far: to other hosts. */
void proxy_set(struct proxy *p, const struct ov_backend *backends, size_t n, bool far);
void proxy_free(struct proxy *p); /* closes its connections; NULL is fine */
