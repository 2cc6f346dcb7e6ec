/* SPDX-License-Identifier: Apache-2.0
 *
 * Host ports held by a bound socket, so that nothing else on the host gets them and one in use is
 * found. Packets for containers take the rules' way (portmap.h) and do not reach the socket. What does
 * reach it is passed on by a proxy, for TCP and UDP: packets of the host's own loopback, and IPv6 to a
 * container that has IPv4 only (its address is the host's then).
 */
#pragma once
#include "base/loop.h"
#include "overlay/overlay.h"

struct hold; /* of one port */

/* *port 0: any free one, told there. *ret NULL, and 0, where the kernel lacks the protocol: nobody else
 * has the port either. -EADDRINUSE, -EADDRNOTAVAIL and so on, without a sentence. */
int hold_open(struct loop *l, const struct ipaddr *host_ip, uint8_t proto, uint16_t *port,
	      struct hold **ret);
void hold_close(struct hold *h); /* NULL is fine */
/* Where new connections and flows go from now on, in turns; far: to other hosts. None: refused. */
void hold_serve(struct hold *h, const struct ov_backend *backends, size_t n, bool far);

/* A sentence for what hold_open said; returns code. */
int hold_refused(const struct ipaddr *host_ip, uint8_t proto, uint16_t port, int code,
		 struct err *err);
const char *hold_proto(uint8_t proto); /* "tcp" */
