/* SPDX-License-Identifier: Apache-2.0
 *
 * A document as a tree of nodes with positions, whatever it was written in. Private to manifests/.
 * The tree owns all nodes; aliases make one node a child of several, so it is a graph without
 * cycles, and nodes are changed only by the passes that go over tree_node.
 */
#pragma once
#include "base/mem.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum node_tag { NODE_UNTAGGED, NODE_RESET, NODE_OVERRIDE };
enum node_kind { NODE_NULL, NODE_BOOL, NODE_INT, NODE_FLOAT, NODE_STR, NODE_SEQ, NODE_MAP };

struct node;
struct node_pair {
	const char *key; /* owned by the tree */
	struct node *value;
	int line, column; /* of the key */
};
struct node { /* a stack may have a million: kept small */
	enum node_kind kind : 8;
	enum node_tag tag : 8; /* !reset, !override: how it is merged */
	bool broken;           /* it is wrong, and that has been said: nothing more is */
	uint32_t n, cap;
	uint32_t weight;  /* this node and all below, shared ones counted each time */
	int line, column; /* from 1; 0: unknown */
	const char *file; /* it was read from; owned by the tree; may be NULL */
	const char *text; /* scalars: as written, after interpolation; owned by the tree */
	union {
		struct node **items;     /* sequences */
		struct node_pair *pairs; /* mappings, in order, keys unique */
	};
};

struct tree_chunk;
struct tree {
	struct tree_chunk *chunks; /* of text */
	const char *file;          /* of the nodes that are added next */
	int lines;                 /* of that file before the text that is read next */
	struct node **slabs;       /* of TREE_SLAB nodes each */
	size_t n_slabs, cap_slabs;
	size_t n; /* nodes */
};
#define TREE_SLAB 256

/* The i-th node that was added. */
static inline struct node *tree_node(const struct tree *t, size_t i)
{
	return &t->slabs[i / TREE_SLAB][i % TREE_SLAB];
}

struct node *tree_add(struct tree *t, enum node_kind kind, int line, int column);
char *tree_text(struct tree *t, const char *s, size_t n); /* a copy, NUL-terminated */
void tree_done(struct tree *t);

void node_reserve(struct node *n, size_t want); /* room for so many, when that is known before */
void node_push(struct node *seq, struct node *item);
void node_put(struct node *map, struct node_pair pair);
/* NULL: n is no mapping, or has no such key. */
const struct node_pair *node_find(const struct node *n, const char *key);
/* The value of key, or n itself: the nearest place for a finding about it. */
const struct node *node_child(const struct node *n, const char *key);
bool node_is_scalar(const struct node *n);    /* not null, a sequence or a mapping */
const char *node_kind_text(enum node_kind k); /* "a list" */
/* The kind of a plain scalar by the core schema of YAML 1.2. */
enum node_kind node_core_kind(const char *text);
