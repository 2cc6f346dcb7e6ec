/* SPDX-License-Identifier: Apache-2.0
 *
 * The resolver of a sandbox: UDP and TCP sockets inside its namespace, served on the agent's loop.
 * Names of the sandbox's networks are answered here; all others go upstream as they are.
 */
#pragma once
#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"
#include "overlay/names.h"
#include <stdbool.h>
#include <stdint.h>

#define DNS_ADDRESS "127.0.0.11"
#define DNS_TTL     1 /* seconds; addresses follow health */

struct upstream;
struct dns;

/* How the resolver asks its owner about names; both borrow. */
struct dns_source {
	/* Fills ret for a name on one of this sandbox's networks; false: not known there. */
	bool (*find)(void *arg, const char *name, struct names_found *ret);
	/* The name of an address on one of its networks. *ours: the address belongs to one of them. */
	const char *(*name_of)(void *arg, const struct ipaddr *ip, bool *ours);
	void *arg;
};

/* Opens the sockets in the calling thread's namespace, which must be the sandbox's with lo up.
 * servers: upstream addresses of this sandbox; empty: the host's. Copied. */
int dns_open(struct loop *l, struct upstream *up, const struct dns_source *src,
	     const struct strlist *servers, struct dns **ret, struct err *err);
void dns_close(struct dns *d); /* NULL is fine */
void dns_ports(const struct dns *d, uint16_t *udp, uint16_t *tcp);
