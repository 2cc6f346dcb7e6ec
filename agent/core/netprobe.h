/* SPDX-License-Identifier: Apache-2.0
 * Single questions to the network, asked from the namespace the thread is in, with a limit of time. */
#pragma once
#include "base/ipaddr.h"

#define NETPROBE_MS 1000

/* An ICMP echo of size bytes (IP header included), DF set (RFC 792, RFC 1191). 0: answered;
 * -ETIMEDOUT; -EMSGSIZE: a smaller path MTU is known, in *ret_mtu; another -errno: it cannot be sent. */
int netprobe_echo(const struct ipaddr *to, int size, int *ret_mtu);
/* Asks 127.0.0.11 for A and AAAA of name. 0: it answered with an address; -ENOENT: with none;
 * -ETIMEDOUT, -errno: it did not. */
int netprobe_name(const char *name);
