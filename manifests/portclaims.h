/* SPDX-License-Identifier: Apache-2.0
 * Published ports that services cannot both have. One of mode ingress is every node's, so it excludes
 * any other of its number; two of mode host share a cluster, and the scheduler parts them. Of a range
 * one number has to be left: mode ingress gets it, and for mode host it shows that there is one.
 */
#pragma once
#include "base/map.h"
#include "base/str.h"
#include "manifests/spec.h"

struct portclaim {
	const char *stack, *service; /* borrowed, as port; stack NULL: the one that is read */
	const struct spec_port *port;
	struct spec_place place;
	uint16_t number;
	bool running;           /* a task has it: no matter to its own service */
	struct portclaim *next; /* of the same number and protocol */
};

/* A port that wants one of its range. */
struct portwish {
	const char *stack, *service;
	struct spec_port *port;
	uint16_t number; /* 0: none yet; else kept if it is free */
	size_t order;    /* among those with ranges alike */
};

/* claims: a map that starts as zero. number 0 claims nothing. */
void portclaim_add(struct map *claims, const char *stack, const char *service,
		   const struct spec_port *p, uint16_t number);
void portclaim_add_running(struct map *claims, const char *stack, const char *service,
			   const struct spec_port *p, uint16_t number);
/* The first claim that p with that number stands against; NULL: none. Of what its own service has it
 * stands against all. */
const struct portclaim *portclaim_against(const struct map *claims, const char *stack,
					  const char *service, const struct spec_port *p,
					  uint16_t number);
/* Gives each wish a number and claims it: what they have already, then the first that is free, of the
 * ranges that end first at first, so that none goes without one that another need not have. Sorts
 * them. Returns the first that gets none, or NULL. */
const struct portwish *portclaims_settle(struct map *claims, struct portwish *v, size_t n);
/* Who has the numbers of its range: "8000 is published by the service 'a' of the stack 's', 8001 …". */
void portclaims_holders(const struct map *claims, const struct portwish *w, struct str *out);
