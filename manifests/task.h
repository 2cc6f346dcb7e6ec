/* SPDX-License-Identifier: Apache-2.0
 *
 * Task states and the legal moves between them. The controller moves a task up to ASSIGNED and to
 * LOST; the agent reports the rest.
 */
#pragma once
#include <stdbool.h>

enum task_state {
	TASK_PENDING,   /* no node fits yet; the reason says why */
	TASK_ASSIGNED,  /* has a node; the node has not reported */
	TASK_PREPARING, /* image, volumes, network */
	TASK_STARTING,  /* container is being created, or waits for its first good health check */
	TASK_RUNNING,
	TASK_BACKOFF, /* ended or failed to start; will be tried again by its agent */
	TASK_STOPPING,
	TASK_COMPLETE, /* ended by itself with status 0 and is not restarted */
	TASK_FAILED,   /* ended otherwise and is not restarted */
	TASK_STOPPED,  /* ended because it was told to */
	TASK_LOST,     /* its node is down; may still run there */
	TASK_STATE_MAX,
	TASK_STATE_INVALID = -1,
};
enum task_health { HEALTH_NONE, HEALTH_STARTING, HEALTH_HEALTHY, HEALTH_UNHEALTHY };

const char *task_state_name(enum task_state s);     /* "running" */
enum task_state task_state_parse(const char *name); /* NULL or unknown: TASK_STATE_INVALID */
bool task_state_ended(enum task_state s);           /* COMPLETE, FAILED, STOPPED */
bool task_state_may(enum task_state from, enum task_state to);
const char *task_health_name(enum task_health h);     /* "", "starting", ... */
enum task_health task_health_parse(const char *name); /* unknown: HEALTH_NONE */
/* Ready to be resolved and counted as up: RUNNING and not starting or unhealthy. */
bool task_ready(enum task_state s, enum task_health h);
