/* SPDX-License-Identifier: Apache-2.0
 * Where a key stands that the canonical stack has; private to manifests/. */
#pragma once
#include "manifests/diag.h"
#include "manifests/node.h"

/* path: of canon_stack's JSON, "networks.n.ipam.config[0].subnet". The nearest place above it where the files say
 * it otherwise or not at all; {0} when not even its beginning is there. */
struct diag_place keyplace_find(const struct node *root, const char *path);
