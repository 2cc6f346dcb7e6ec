/* SPDX-License-Identifier: Apache-2.0
 *
 * Canonical trees: every short form of a document written out, by the table of fields.h, so that
 * files can be merged key by key and printed. Trees are not changed; what differs is made new.
 * What is wrong stays as it is written: the decoder says why. Private to manifests/.
 */
#pragma once
#include "base/map.h"
#include "manifests/diag.h"
#include "manifests/fields.h"
#include "manifests/node.h"

struct shape {
	struct tree *t;
	const char *dir;  /* relative paths begin here; NULL: they stay */
	bool raw_paths;   /* paths stay as they are written */
	const char *home; /* what ~ stands for; NULL: it stays */
	bool finish;      /* last pass: defaults are filled in, what !reset names goes */
	struct diag *d;   /* for what a long form has no place for; NULL: nothing is said */
	const char *file; /* of nodes that name none */
	bool strict;      /* such things are errors, not warnings */
};

struct node *shape_record(struct shape *x, const struct record *r, const struct node *n);
/* later over base, both shaped by r; keeps what only one of them has */
struct node *shape_merge(struct shape *x, const struct record *r, const struct node *base,
			 const struct node *later);

/* A list in which an entry that is there twice stands where the first was, as the last one says. */
struct node *shape_unique(struct shape *x, const struct field *f, const struct node *list);
bool shape_equal(const struct node *a, const struct node *b);

const struct field *record_field(const struct record *r, const char *name); /* NULL: none */

/* A node of x's tree placed where at is. */
struct node *shape_text(struct shape *x, enum node_kind kind, const char *text,
			const struct node *at);
struct node *shape_node(struct shape *x, enum node_kind kind, const struct node *at);
void shape_put(struct shape *x, struct node *map, const char *key, struct node *value);
/* Sets key in map, which nobody shares, or replaces its value. */
void shape_set(struct shape *x, struct node *map, const char *key, struct node *value);

/* What the records ports, volumes and so on have beyond their fields. */
void shape_complete(struct shape *x, const struct record *r, struct node *map);
char *shape_path(struct shape *x, const char *text); /* caller frees */

/* Long forms (struct field.shape). */
struct node *shape_dependency(struct shape *x, const struct node *at);
struct node *shape_port(struct shape *x, const struct node *n);
struct node *shape_mount(struct shape *x, const struct node *n);
struct node *shape_device(struct shape *x, const struct node *n);
struct node *shape_env_file(struct shape *x, const struct node *n);
struct node *shape_config(struct shape *x, const struct node *n);
struct node *shape_secret(struct shape *x, const struct node *n);
struct node *shape_build_secret(struct shape *x, const struct node *n);
struct node *shape_ulimit(struct shape *x, const struct node *n);
struct node *shape_hosts(struct shape *x, const struct node *n);
struct node *shape_test(struct shape *x, const struct node *n);
struct node *shape_gpus(struct shape *x, const struct node *n);
struct node *shape_ssh(struct shape *x, const struct node *n);
struct node *shape_build(struct shape *x, const struct node *n);
struct node *shape_extends(struct shape *x, const struct node *n);
struct node *shape_include(struct shape *x, const struct node *n);
