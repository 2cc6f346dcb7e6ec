/* SPDX-License-Identifier: Apache-2.0
 *
 * One container's health check: runs the test at its interval and says when the verdict changes.
 * Failures in the start period do not count until the first success.
 */
#pragma once
#include "agent/core/plan.h"
#include "agent/runtime/runtime.h"
#include "base/loop.h"
#include "manifests/task.h"

#define HEALTH_OUTPUT_MAX 400 /* bytes of the test's output kept for the reason */

struct health;
/* h: the new verdict; why: one sentence with the last output, for unhealthy. May free the check. */
typedef void (*health_cb)(enum task_health h, const char *why, void *arg);

/* Takes *cfg. ran_ms: how long the container has run already (an adopted one); it is taken to be
 * healthy when that is past its start period and first interval. */
struct health *health_new(struct loop *l, struct runtime *r, const char *id,
			  struct plan_health *cfg_taken, uint64_t ran_ms);
void health_listen(struct health *h, health_cb cb, void *arg);
void health_free(struct health *h); /* NULL is fine */
enum task_health health_now(const struct health *h);
