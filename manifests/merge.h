/* SPDX-License-Identifier: Apache-2.0
 * Merge keys ("<<: *base") and the bound on what aliases may add; private to manifests/. */
#pragma once
#include "manifests/diag.h"
#include "manifests/node.h"

/* What yaml.c stores as the key of a plain "<<", known by its address: a quoted "<<" is a key. */
extern const char merge_key[];

struct merge_budget {
	size_t taken; /* nodes that aliases and merges have added so far */
};
/* Takes n more nodes, given that the document itself has written ones; false: too many. */
bool merge_budget_take(struct merge_budget *b, size_t n, size_t written);
/* Replaces the merge keys of a finished mapping by what they name: own keys win, earlier ones too.
 * -EINVAL with an error in d. */
int merge_keys(struct node *map, struct merge_budget *b, size_t written, const char *file,
	       struct diag *d);
