/* SPDX-License-Identifier: Apache-2.0
 * Which key a finding is about, by its place in the file; private to manifests/. */
#pragma once
#include "manifests/diag.h"
#include "manifests/node.h"

/* Gives the findings in file, whose tree is root, the path of the key they point at. */
void locate_findings(struct diag *d, const char *file, const struct node *root);
