/* SPDX-License-Identifier: Apache-2.0
 *
 * What the specification's schema says of a file, by the table of fields.h: which keys there are, what
 * kinds of value they take, which words and numbers. Holds for every key, honoured or not. A node that
 * is wrong is marked as broken, so that nothing more is said about it. Private to manifests/.
 */
#pragma once
#include "manifests/diag.h"
#include "manifests/fields.h"

struct check {
	struct diag *d;
	const char *file; /* of nodes that name none */
	struct tree *t;   /* for texts that become others */
	bool raw; /* variables stand as they are written: texts that hold one are not read */
};
/* One file as it is written, or part of it; what a later file may still mend is left alone. */
void check_written(const struct check *c, const struct record *r, struct node *map);
/* The whole: nothing is missing, empty, or there twice. */
void check_whole(const struct check *c, const struct record *r, struct node *map);

/* What to say about a key that r does not have; caller frees. */
char *check_unknown_text(const struct record *r, const struct node_pair *p);
