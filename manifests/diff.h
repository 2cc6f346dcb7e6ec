/* SPDX-License-Identifier: Apache-2.0
 *
 * What differs between two versions of a stack, field by field, with the paths of the file. Driven by the
 * table of the language (fields.h), which also says what a change does to running containers.
 */
#pragma once
#include "base/json.h"
#include "manifests/spec.h"

/* An array of {"path","old","new","effect"}, in the order of the table; new reference. old or new is null
 * where the key is not there (for a value: its default holds). effect is "restart" when containers
 * must be made anew for it, "in place" when they run on. Either side may be NULL: no stack. */
json_t *diff_stacks(const struct spec_stack *old, const struct spec_stack *next);
