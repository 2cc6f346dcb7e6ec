/* SPDX-License-Identifier: Apache-2.0
 * All tasks of this node: what is assigned against what is there. */
#pragma once
#include "agent/core/core.h"
#include "agent/core/nodetask.h"

struct taskset;
struct taskset *taskset_new(struct core *c);
void taskset_free(struct taskset *s); /* containers go on; NULL is fine */

/* Begins, stops, adopts and forgets until tasks match assignments; safe to call at any time. */
void taskset_sync(struct taskset *s);
/* Takes away sandboxes that belong to no task; once after the start. */
void taskset_sweep_sandboxes(struct taskset *s);
/* Takes away files of configs and secrets that no task needs; once after the start. */
void taskset_sweep_secrets(struct taskset *s);
void taskset_event(struct taskset *s, const char *id, const struct rt_status *st);
void taskset_report_all(struct taskset *s);
size_t taskset_count(const struct taskset *s);
/* A task by its id; NULL: not here. */
struct nodetask *taskset_find(const struct taskset *s, const char *id);
void taskset_each(const struct taskset *s, void (*each)(const struct nodetask *t, void *arg),
		  void *arg);
bool taskset_volume_used(const struct taskset *s, const char *name);
