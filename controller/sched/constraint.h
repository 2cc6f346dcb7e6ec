/* SPDX-License-Identifier: Apache-2.0
 * Placement constraints and platforms, matched against one node: private to controller/sched. */
#pragma once
#include "controller/sched/sched.h"

bool constraint_met(const char *text, const struct sched_node *n); /* malformed: false */
/* "linux/arm64", "linux" or NULL; a node that has not said what it is fits everything. */
bool constraint_platform(const char *platform, const struct sched_node *n);
