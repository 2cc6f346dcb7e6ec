/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans are worked out by a forked process on its copy of the cluster: the controller goes on meanwhile,
 * nothing of the plan can reach its state, and whatever the machine learns, plans know. Private to
 * controller/api.
 */
#pragma once
#include "controller/api/api.h"
#include "controller/core/plan.h"

struct planner; /* of a server: the plans under way */

struct planner *planner_new(struct server *s);
void planner_free(struct planner *p); /* ends what is under way; NULL is fine */

/* plan NULL: err says why, and code is the -errno. s is in the state it has now, not that of the fork. */
typedef void (*planner_cb)(struct call *c, json_t *plan, int code, const struct err *err,
			   json_t *request);
/* Answers the request through cb, later; when the client leaves, the plan ends and cb is not called.
 * Takes request: {"stack":…}, {"remove":true} or {"scale":{"service","replicas"}}. */
void planner_start(struct call *c, json_t *request_taken, planner_cb cb);
