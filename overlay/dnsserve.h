/* SPDX-License-Identifier: Apache-2.0
 * What dns.c and dnstcp.c share: one sandbox's resolver from the inside. */
#pragma once
#include "overlay/dns.h"
#include "overlay/upstream.h"
#include <netinet/in.h>

struct dnstcp; /* a client's TCP connection */
struct pending;

struct dns {
	struct loop *loop;
	struct upstream *up;
	struct dns_source src;
	struct strlist servers;
	int udp, tcp;
	uint16_t udp_port, tcp_port;
	struct watch *udp_watch, *tcp_watch;
	struct pending *pending;
	struct dnstcp *conns;
	size_t n_conns;
};

struct dnsserve_client {
	struct dnstcp *tcp; /* NULL: UDP, from */
	struct sockaddr_in from;
};
/* Answers msg, now or when upstream did. */
void dnsserve_query(struct dns *d, const struct dnsserve_client *c, const uint8_t *msg, size_t len);
/* Drops the questions of a connection (NULL: all) that wait for upstream. */
void dnsserve_forget(struct dns *d, const struct dnstcp *t);

void dnstcp_accept(int fd, unsigned flags, void *dns);
void dnstcp_answer(struct dnstcp *t, const uint8_t *msg, size_t len);
void dnstcp_close(struct dnstcp *t);
