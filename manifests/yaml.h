/* SPDX-License-Identifier: Apache-2.0
 *
 * One YAML document to a tree of nodes: YAML 1.2 core scalars, anchors, aliases and merge keys, all
 * bounded. Private to manifests/; yaml.c alone knows libyaml.
 */
#pragma once
#include "manifests/diag.h"
#include "manifests/node.h"

/* An empty document gives a NODE_NULL root. NULL with errors in d; the nodes then still belong to t
 * (the caller ends it either way). */
struct node *yaml_read(const char *file, const char *text, size_t len, struct tree *t,
		       struct diag *d);
