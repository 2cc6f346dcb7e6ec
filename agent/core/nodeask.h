/* SPDX-License-Identifier: Apache-2.0
 *
 * A question to this node that takes a while to answer: a forked copy of the agent answers it, JSON
 * object by object, so that waiting holds nothing up and what is looked at cannot change meanwhile.
 */
#pragma once
#include "agent/core/core.h"

struct nodeask;
struct nodeask_ops {
	void (*line)(json_t *object_taken, void *arg);
	void (*end)(int code, void *arg); /* 0: there was no line; 1: see them. The last call */
};
struct nodeask_out { /* in the child */
	const struct core *c;
	const json_t *options;
	int fd;
};
typedef void (*nodeask_fn)(struct nodeask_out *out);

void nodeask_emit(struct nodeask_out *out, json_t *object_taken);

/* options are copied; arg goes with ops. */
int nodeask_start(struct core *c, nodeask_fn fn, const json_t *options,
		  const struct nodeask_ops *ops, void *arg, struct nodeask **ret, struct err *err);
void nodeask_free(struct nodeask *n); /* ends the child; NULL is fine */
