/* SPDX-License-Identifier: Apache-2.0
 * Single questions to the network, asked from the namespace the thread is in, with a limit of time. */
#pragma once
#include "base/ipaddr.h"

#define NETPROBE_MS 500 /* until a question is asked again, three times */

/* An ICMP echo of size bytes (IP header included), DF set (RFC 792, RFC 1191). 0: answered;
 * -ETIMEDOUT; -EMSGSIZE: a smaller path MTU is known, in *ret_mtu; another -errno: it cannot be sent. */
int netprobe_echo(const struct ipaddr *to, int size, int *ret_mtu);
/* The same with this identifier. */
int netprobe_echo_as(const struct ipaddr *to, int size, uint16_t mark, int *ret_mtu);
/* Asks 127.0.0.11 for A and else AAAA of name. 0: *ret is its first address; -ENOENT: it has none;
 * -ETIMEDOUT, -errno: no answer. */
int netprobe_name(const char *name, struct ipaddr *ret);
/* A TCP connection that is closed at once, or a UDP packet of one byte; from 0: any port. 0: taken, or
 * answered; -ECONNREFUSED; -ETIMEDOUT: no answer in time (which UDP need not give). */
int netprobe_port(const struct ipaddr *to, uint8_t proto, uint16_t port, uint16_t from,
		  int wait_ms);

/* Of RFC 1071, in host order. */
uint16_t netprobe_sum(const uint8_t *p, size_t n);
/* Waits on a raw ICMP socket for the answer to one of the requests first to last, both in network
 * order like id; 0, -ETIMEDOUT after NETPROBE_MS, another -errno. */
int netprobe_await(int fd, bool v6, uint16_t id, uint16_t first, uint16_t last);
