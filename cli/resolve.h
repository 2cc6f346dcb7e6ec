/* SPDX-License-Identifier: Apache-2.0
 *
 * What a person means by a name: tasks by name, id prefix or service; services as "stack/service",
 * "stack_service" or alone where that is unambiguous. Pure functions over the controller's lists.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"

/* A member's text; NULL when it is absent or empty. */
const char *member_text(const json_t *obj, const char *key);

/* Tasks that name means, at least one: all of a service, or the one of a task name or id prefix (of
 * several generations with one name the live one, else the newest). *ret: new array. */
int resolve_tasks(const json_t *tasks, const char *name, json_t **ret, struct err *err);
/* The one running task that name means; borrowed from tasks. */
int resolve_running(const json_t *tasks, const char *name, const json_t **ret, struct err *err);
/* Borrowed from services. */
int resolve_service(const json_t *services, const char *name, const json_t **ret, struct err *err);
