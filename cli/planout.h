/* SPDX-License-Identifier: Apache-2.0
 * Plans for people: what the API answers (docs/api.md), as text. */
#pragma once
#include "base/json.h"

#define PLAN_NOTHING 0 /* exit statuses of plan and diff */
#define PLAN_ERROR   1
#define PLAN_CHANGES 2

void planout_changes(const json_t *plan); /* the difference, field by field */
void planout_all(const json_t *plan);     /* with tasks, networks, images and a sum */
