/* SPDX-License-Identifier: Apache-2.0
 *
 * One task on this node: a state machine from image to end.
 *
 *   PREPARING (image, volumes, networks, sandbox) -> STARTING -> RUNNING -> COMPLETE or FAILED
 *        ^                                             |            |
 *        +---------------- BACKOFF <-------------------+------------+      any -> STOPPING -> STOPPED
 *
 * An ended task keeps its container (for its log) but neither sandbox nor networks, until its
 * assignment goes.
 */
#pragma once
#include "agent/core/core.h"
#include "manifests/wire.h"
#include <stdbool.h>

struct task;

/* A copy of w is kept. Adopts a container that runs, or begins. */
struct task *task_new(struct core *c, const struct wire_task *w);
/* A container nobody assigned: it is stopped and forgotten. */
struct task *task_new_stray(struct core *c, const char *id);
void task_free(struct task *t); /* leaves the container as it is */

void task_update(struct task *t, const struct wire_task *w); /* desired state changed, perhaps */
void task_remove(struct task *t); /* no longer assigned: stop, clean up; then task_gone */
void task_poke(struct task *t);   /* tries again what had to wait */
void task_event(struct task *t, const struct rt_status *st);

bool task_gone(const struct task *t); /* nothing is left: free it */
void task_report(const struct task *t);
enum task_state task_state_now(const struct task *t);
const struct wire_task *task_wire(const struct task *t);
bool task_uses_volume(const struct task *t, const char *name);
