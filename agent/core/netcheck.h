/* SPDX-License-Identifier: Apache-2.0
 *
 * `carrack net check` and `net repair` on one node: its tables against what the controller holds, the
 * underlay to each peer (answers, path MTU), the overlay from a container here to one on each peer,
 * names and VIPs.
 */
#pragma once
#include "agent/core/nodeask.h"

/* Options {"networks":[names or ids] or absent: all that are on this node}. Each line is a finding
 * {"node","peer","network","what","text"}. */
void netcheck_work(struct nodeask_out *out);
/* Compares and mends at once, if one of options' networks is here; one line says how much. ops->end is
 * called before this returns. */
int netcheck_repair(struct core *c, const json_t *options, const struct nodeask_ops *ops, void *arg,
		    struct err *err);
