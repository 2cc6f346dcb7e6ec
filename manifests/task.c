/* SPDX-License-Identifier: Apache-2.0
 * Task states and their moves; see task.h. */
#include "manifests/task.h"
#include "base/str.h"

static const char *const state_names[TASK_STATE_MAX] = {
	[TASK_PENDING] = "pending",   [TASK_ASSIGNED] = "assigned", [TASK_PREPARING] = "preparing",
	[TASK_STARTING] = "starting", [TASK_RUNNING] = "running",   [TASK_BACKOFF] = "backoff",
	[TASK_STOPPING] = "stopping", [TASK_COMPLETE] = "complete", [TASK_FAILED] = "failed",
	[TASK_STOPPED] = "stopped",   [TASK_LOST] = "lost",
};

static const char *const health_names[] = {
	[HEALTH_NONE] = "",
	[HEALTH_STARTING] = "starting",
	[HEALTH_HEALTHY] = "healthy",
	[HEALTH_UNHEALTHY] = "unhealthy",
};

const char *task_state_name(enum task_state s)
{
	return s >= 0 && s < TASK_STATE_MAX ? state_names[s] : "unknown";
}

enum task_state task_state_parse(const char *name)
{
	for (int i = 0; i < TASK_STATE_MAX; i++)
		if (streq(state_names[i], name))
			return (enum task_state)i;
	return TASK_STATE_INVALID;
}

bool task_state_ended(enum task_state s)
{
	return s == TASK_COMPLETE || s == TASK_FAILED || s == TASK_STOPPED;
}

/* An agent that was away reports where a task is now, not each step on the way there, so moves may
 * skip states; what is never undone is an assignment, a stop that began, and an end. */
bool task_state_may(enum task_state from, enum task_state to)
{
	if (from < 0 || to < 0 || from >= TASK_STATE_MAX || to >= TASK_STATE_MAX)
		return false;
	if (from == to)
		return true;
	if (task_state_ended(from) || to == TASK_PENDING)
		return false;
	if (from == TASK_PENDING)
		return to == TASK_ASSIGNED || to == TASK_STOPPED || to == TASK_FAILED;
	if (to == TASK_ASSIGNED)
		return false;
	if (from == TASK_STOPPING)
		return task_state_ended(to) || to == TASK_LOST;
	return true;
}

const char *task_health_name(enum task_health h)
{
	return (size_t)h < ARRAY_LEN(health_names) ? health_names[h] : "";
}

enum task_health task_health_parse(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(health_names); i++)
		if (streq(health_names[i], name))
			return (enum task_health)i;
	return HEALTH_NONE;
}

bool task_ready(enum task_state s, enum task_health h)
{
	return s == TASK_RUNNING && (h == HEALTH_NONE || h == HEALTH_HEALTHY);
}
