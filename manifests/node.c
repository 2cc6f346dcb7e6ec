/* SPDX-License-Identifier: Apache-2.0
 * The tree of nodes; see node.h. */
#include "manifests/node.h"
#include "base/str.h"

#include <string.h>

#define CHUNK_BYTES 16384

struct tree_chunk {
	struct tree_chunk *next;
	size_t used, size;
	char bytes[];
};

struct node *tree_add(struct tree *t, enum node_kind kind, int line, int column)
{
	if (t->n == t->n_slabs * TREE_SLAB) {
		t->slabs = vec_grow(t->slabs, t->n_slabs, &t->cap_slabs, sizeof(*t->slabs));
		t->slabs[t->n_slabs++] = xreallocarray(NULL, TREE_SLAB, sizeof(**t->slabs));
	}
	struct node *n = tree_node(t, t->n++);
	*n = (struct node){.kind = kind,
			   .file = t->file,
			   .line = line,
			   .column = column,
			   .text = "",
			   .weight = 1};
	return n;
}

char *tree_text(struct tree *t, const char *s, size_t n)
{
	struct tree_chunk *c = t->chunks;
	if (!c || c->size - c->used <= n) {
		size_t size = n >= CHUNK_BYTES / 4 ? n + 1 : CHUNK_BYTES;
		c = xmalloc(sizeof(*c) + size);
		*c = (struct tree_chunk){.next = t->chunks, .size = size};
		t->chunks = c;
	}
	char *copy = c->bytes + c->used;
	c->used += n + 1;
	if (n)
		memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

void tree_done(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(tree_node(t, i)->items); /* or pairs */
	for (size_t i = 0; i < t->n_slabs; i++)
		free(t->slabs[i]);
	free(t->slabs);
	while (t->chunks) {
		struct tree_chunk *next = t->chunks->next;
		free(t->chunks);
		t->chunks = next;
	}
	*t = (struct tree){0};
}

void node_reserve(struct node *n, size_t want)
{
	size_t size = n->kind == NODE_MAP ? sizeof(*n->pairs) : sizeof(*n->items);
	if (want <= n->cap)
		return;
	n->items = xreallocarray(n->items, want, size);
	n->cap = (uint32_t)want;
}

static void make_room(struct node *n)
{
	if (n->n == n->cap)
		node_reserve(n, n->cap ? (size_t)n->cap * 2 : 2);
}

void node_push(struct node *seq, struct node *item)
{
	make_room(seq);
	seq->items[seq->n++] = item;
	seq->weight += item->weight;
}

void node_put(struct node *map, struct node_pair pair)
{
	make_room(map);
	map->pairs[map->n++] = pair;
	map->weight += 1 + pair.value->weight;
}

const struct node_pair *node_find(const struct node *n, const char *key)
{
	for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++)
		if (n->pairs[i].key[0] == key[0] && strcmp(n->pairs[i].key, key) == 0)
			return &n->pairs[i];
	return NULL;
}

const struct node *node_child(const struct node *n, const char *key)
{
	const struct node_pair *p = node_find(n, key);
	return p ? p->value : n;
}

bool node_is_scalar(const struct node *n)
{
	return n->kind != NODE_NULL && n->kind != NODE_SEQ && n->kind != NODE_MAP;
}

const char *node_kind_text(enum node_kind k)
{
	switch (k) {
	case NODE_NULL:
		return "nothing";
	case NODE_BOOL:
		return "true or false";
	case NODE_INT:
	case NODE_FLOAT:
		return "a number";
	case NODE_STR:
		return "a string";
	case NODE_SEQ:
		return "a list";
	case NODE_MAP:
		return "a mapping";
	}
	return "nothing";
}

static bool one_of(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	return false;
}

#define DIGITS "0123456789"

static bool is_int(const char *s)
{
	if (str_starts(s, "0o"))
		return s[2] && strspn(s + 2, "01234567") == strlen(s + 2);
	if (str_starts(s, "0x"))
		return s[2] && strspn(s + 2, DIGITS "abcdefABCDEF") == strlen(s + 2);
	if (*s == '-' || *s == '+')
		s++;
	return *s && strspn(s, DIGITS) == strlen(s);
}

static bool is_float(const char *s)
{
	static const char *const special[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf", "+.INF",
					      "-.inf", "-.Inf", "-.INF", ".nan",  ".NaN",  ".NAN"};
	if (one_of(s, special, ARRAY_LEN(special)))
		return true;
	if (*s == '-' || *s == '+')
		s++;
	size_t whole = strspn(s, DIGITS);
	s += whole;
	if (*s == '.') {
		size_t part = strspn(s + 1, DIGITS);
		if (whole == 0 && part == 0)
			return false;
		s += 1 + part;
	} else if (whole == 0) {
		return false;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		if (*s == '-' || *s == '+')
			s++;
		size_t digits = strspn(s, DIGITS);
		if (digits == 0)
			return false;
		s += digits;
	}
	return *s == '\0';
}

enum node_kind node_core_kind(const char *text)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
	static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE"};
	if (one_of(text, nulls, ARRAY_LEN(nulls)))
		return NODE_NULL;
	if (one_of(text, bools, ARRAY_LEN(bools)))
		return NODE_BOOL;
	if (is_int(text))
		return NODE_INT;
	return is_float(text) ? NODE_FLOAT : NODE_STR;
}
