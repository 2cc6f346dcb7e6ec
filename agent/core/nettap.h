/* SPDX-License-Identifier: Apache-2.0
 *
 * Seeing one probe pass by: a packet socket on a link, which takes only what may be the probe or its
 * answer, plain or inside of VXLAN (RFC 7348). What a link sends is seen behind its filters, what it
 * receives before them.
 */
#pragma once
#include "base/ipaddr.h"

struct nettap_probe {
	struct ipaddr from, to;
	uint8_t proto; /* IPPROTO_ICMP (of either family), _TCP or _UDP */
	uint16_t port; /* TCP and UDP: where it goes */
	uint16_t id;   /* ICMP: identifier; else the port it comes from */
	uint16_t vxlan_port;
};

struct nettap {
	const char *hop; /* whose; the caller's */
	int fd;
	bool loose;       /* the sender's address may be another by now (masquerade) */
	bool there, back; /* seen: the probe, its answer */
};

/* Of the thread's network namespace; -errno. */
int nettap_open(struct nettap *t, const char *link, const struct nettap_probe *p);
void nettap_close(struct nettap *t);
/* Takes what came, waiting up to wait_ms; returns early when enough(arg) says so. */
void nettap_watch(struct nettap *v, size_t n, const struct nettap_probe *p, int wait_ms,
		  bool (*enough)(void *arg), void *arg);

enum nettap_way { NETTAP_NONE, NETTAP_THERE, NETTAP_BACK };
/* Pure: what is this packet, from its IP header on, to the probe? */
enum nettap_way nettap_match(const uint8_t *packet, size_t len, const struct nettap_probe *p,
			     bool loose);
