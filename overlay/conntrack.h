/* SPDX-License-Identifier: Apache-2.0
 *
 * Tracked connections of this network namespace that lead nowhere any more: NAT is decided once for a
 * connection, and a UDP "connection" lives as long as its client goes on sending.
 */
#pragma once
#include "base/err.h"
#include "base/ipaddr.h"
#include <stdbool.h>

struct conntrack_flow {
	uint8_t proto;
	struct ipaddr to, served_by; /* whom the client wrote to, and who answers */
	uint16_t to_port, served_port;
};
/* Forgets each flow for which stale says true; *ret_n: how many. The next packet is a new flow's. */
int conntrack_forget(bool (*stale)(const struct conntrack_flow *f, void *arg), void *arg,
		     size_t *ret_n, struct err *err);
