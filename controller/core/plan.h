/* SPDX-License-Identifier: Apache-2.0
 *
 * What an apply would do, worked out by doing it: on a copy of the cluster. The shape of the answer is
 * in docs/api.md.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"

struct cluster;

struct plan_ask {
	const char *stack;
	const json_t *spec;  /* the canonical stack; NULL: with scale or its removal */
	const char *service; /* to be scaled to replicas; NULL: no */
	int64_t replicas;
};

/* Changes c, which is of no other use afterwards: for a forked process. *ret: new reference. An error is
 * what the request itself would be refused with. */
/* Is `then`, a saved plan, still what would be done, which is `now`? -ESTALE, with what has moved on. */
int cluster_plan_same(const json_t *then, const json_t *now, struct err *err);
/* After the request of a plan that was made on this very state, before the next step: its tasks are to
 * go where the plan has them. */
void cluster_plan_follow(struct cluster *c, const json_t *plan);

int cluster_plan(struct cluster *c, const struct plan_ask *ask, json_t **ret, struct err *err);
