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

struct nodetask;

/* A copy of w is kept. Adopts a container that runs, or begins. */
struct nodetask *nodetask_new(struct core *c, const struct wire_task *w);
/* A container nobody assigned: it is stopped and forgotten. */
struct nodetask *nodetask_new_stray(struct core *c, const char *id);
void nodetask_free(struct nodetask *t); /* leaves the container as it is */

void nodetask_update(struct nodetask *t,
		     const struct wire_task *w); /* desired state changed, perhaps */
void nodetask_remove(
	struct nodetask *t);            /* no longer assigned: stop, clean up; then nodetask_gone */
void nodetask_poke(struct nodetask *t); /* tries again what had to wait */
void nodetask_event(struct nodetask *t, const struct rt_status *st);

bool nodetask_gone(const struct nodetask *t); /* nothing is left: free it */
void nodetask_report(const struct nodetask *t);
enum task_state nodetask_state_now(const struct nodetask *t);
bool nodetask_ready(const struct nodetask *t); /* new connections may go to it */
const struct wire_task *nodetask_wire(const struct nodetask *t);
bool nodetask_uses_volume(const struct nodetask *t, const char *name);
