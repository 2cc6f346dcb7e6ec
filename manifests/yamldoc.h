/* SPDX-License-Identifier: Apache-2.0
 *
 * One YAML (or JSON) document by others as data, within the bounds of the stack language.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"

/* New reference; NULL with err: file:line:column and what is wrong. */
json_t *yamldoc_json(const char *file, const char *text, size_t len, struct err *err);
