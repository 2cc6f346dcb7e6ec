/* SPDX-License-Identifier: Apache-2.0
 * The names of one network: name to addresses, which rotate with each question. Pure. */
#pragma once
#include "base/ipaddr.h"
#include "base/map.h"
#include <stdbool.h>
#include <stddef.h>

#define NAMES_LABEL_MAX 253
#define NAMES_ADDR_MAX  100000 /* of one name */

struct names {
	struct map by_name; /* lower case */
};
void names_init(struct names *n);
void names_done(struct names *n);
/* Replaces; n 0 removes unless keep. -EINVAL for an impossible name or too many addresses. */
int names_set(struct names *n, const char *name, const struct ipaddr *addrs, size_t count,
	      bool keep);
/* The addresses of name (any case), the next one first in *first; NULL when it is not known.
 * Borrowed. A known name may have none. */
struct names_found {
	const struct ipaddr *v;
	size_t n, first;
	uint16_t port; /* of a name for SRV; 0: an ordinary one */
};
bool names_find(struct names *n, const char *name, struct names_found *ret);
/* The same for a name such as _http._tcp.web, by which SRV (RFC 2782) finds that port. */
int names_set_srv(struct names *n, const char *name, uint16_t port, const struct ipaddr *addrs,
		  size_t count, bool keep);
/* A name that has this address, one that has no other where there is one; NULL: none. Borrowed. */
const char *names_of(const struct names *n, const struct ipaddr *ip);
