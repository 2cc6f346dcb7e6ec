/* SPDX-License-Identifier: Apache-2.0
 * The canonical tree as data, in the shape of Compose's own canonical file. Private to manifests/. */
#pragma once
#include "base/json.h"
#include "manifests/shape.h"
#include "manifests/spec.h"
#include "manifests/stackinput.h"

/* A tree as data. New reference. */
json_t *node_json(const struct node *n);
/* The tree as it is, with the name of the stack. New reference. */
json_t *config_plain_json(const struct node *root, const char *name);
/* root is finished and right; stack_taken is the same, typed, and freed;
 * in->env gives values to keys without one. New reference. */
json_t *config_json(const struct node *root, struct spec_stack *stack_taken,
		    const struct stackfile_input *in, bool uses_default);
