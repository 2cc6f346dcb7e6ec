/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagrams that reach the held socket of a published UDP port, passed on to where the port leads, and
 * the answers back from the address that the client wrote to. Each client has a socket of its own for
 * as long as something passes.
 */
#pragma once
#include "base/loop.h"
#include "overlay/overlay.h"

#define UDPPROXY_FLOWS_MAX 512   /* of one port; the one that was silent longest makes room */
#define UDPPROXY_IDLE_MS   60000 /* without a datagram either way */

struct udpproxy;
/* fd: bound, non-blocking; stays the caller's and must outlive the proxy. */
struct udpproxy *udpproxy_new(struct loop *l, int fd);
void udpproxy_free(struct udpproxy *p); /* NULL is fine */
/* Where new flows go; flows to what is no longer among these end. */
void udpproxy_set(struct udpproxy *p, const struct ov_backend *backends, size_t n, bool far);
