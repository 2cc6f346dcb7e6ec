/* SPDX-License-Identifier: Apache-2.0
 * Published ports that services cannot both have. One of mode ingress is every node's, so it excludes
 * any other of its number; two of mode host share a cluster, and the scheduler parts them.
 */
#pragma once
#include "base/map.h"
#include "manifests/spec.h"

struct portclaim {
	const struct spec_service *svc; /* borrowed, as port */
	const struct spec_port *port;
	struct portclaim *next; /* of the same number and protocol */
};

#define PORTCLAIM_KEY 32 /* "8080/tcp" */

void portclaim_key(const struct spec_port *p, char out[PORTCLAIM_KEY]);
/* claims: a map that starts as zero. A port that each node chooses claims nothing. */
void portclaim_add(struct map *claims, const struct spec_service *svc, const struct spec_port *p);
/* The first claim of a service other than svc that p stands against; NULL: none. */
const struct portclaim *portclaim_against(const struct map *claims, const struct spec_service *svc,
					  const struct spec_port *p);
