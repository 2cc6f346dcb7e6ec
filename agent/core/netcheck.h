/* SPDX-License-Identifier: Apache-2.0
 *
 * `carrack net check` and `net repair` on one node: its tables against what the controller holds, the
 * underlay to each peer (answers, path MTU), the overlay from a container here to one on each peer,
 * the names. A child does it, so that waiting for answers holds nothing up.
 */
#pragma once
#include "agent/core/core.h"

struct netcheck;
struct netcheck_ops {
	void (*line)(json_t *finding_taken,
		     void *arg);          /* {"node","peer","network","what","text"} */
	void (*end)(int code, void *arg); /* 0: nothing is wrong; 1: see the lines. The last call */
};

/* network: name or id; NULL: all that are on this node. */
int netcheck_start(struct core *c, const char *network, const struct netcheck_ops *ops, void *arg,
		   struct netcheck **ret, struct err *err);
void netcheck_free(struct netcheck *n); /* ends the child; NULL is fine */
/* Compares and mends at once; one line says how much. ops->end is called before this returns. */
int netcheck_repair(struct core *c, const struct netcheck_ops *ops, void *arg, struct err *err);
