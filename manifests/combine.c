/* SPDX-License-Identifier: Apache-2.0
 * Merging two canonical trees by the rules of the table; see shape_merge in shape.h. */
#include "manifests/shape.h"

#include <string.h>

static bool node_equal(const struct node *a, const struct node *b)
{
	if (a == b)
		return true;
	if (a->kind != b->kind || a->n != b->n || strcmp(a->text, b->text) != 0)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (a->kind == NODE_SEQ && !node_equal(a->items[i], b->items[i]))
			return false;
		if (a->kind != NODE_MAP)
			continue;
		const struct node_pair *p = node_find(b, a->pairs[i].key);
		if (!p || !node_equal(a->pairs[i].value, p->value))
			return false;
	}
	return true;
}

/* What tells an item from others: a config or secret without a target is known by its source. */
static const char *item_key(const struct field *f, const struct node *n)
{
	const struct node_pair *p = f->key ? node_find(n, f->key) : NULL;
	if (!p && f->record == &record_grant)
		p = node_find(n, "source");
	return p && node_is_scalar(p->value) ? p->value->text : NULL;
}

static void append(struct node *out, const struct node *from)
{
	for (size_t i = 0; i < from->n; i++)
		node_push(out, from->items[i]);
}

static struct node *merge_lists(struct shape *x, const struct node *a, const struct node *b)
{
	struct node *out = shape_node(x, NODE_SEQ, b);
	append(out, a);
	append(out, b);
	return out;
}

static struct node *merge_sets(struct shape *x, const struct node *a, const struct node *b)
{
	struct node *out = shape_node(x, NODE_SEQ, b);
	struct map seen = {0};
	const struct node *both[] = {a, b};
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < both[k]->n; i++) {
			struct node *item = both[k]->items[i];
			if (map_has(&seen, item->text))
				continue;
			map_set(&seen, item->text, out);
			node_push(out, item);
		}
	map_clear(&seen);
	return out;
}

/* The place of the item of out that b's item replaces; out->n: none. */
static size_t find_item(const struct field *f, const struct node *out, const struct map *index,
			const struct node *item)
{
	const char *key = item_key(f, item);
	if (f->key)
		return key && map_has(index, key) ? (size_t)(uintptr_t)map_get(index, key) - 1
						  : out->n;
	for (size_t i = 0; i < out->n; i++)
		if (node_equal(out->items[i], item))
			return i;
	return out->n;
}

static struct node *merge_items(struct shape *x, const struct field *f, const struct node *a,
				const struct node *b)
{
	struct node *out = shape_node(x, NODE_SEQ, b);
	struct map index = {0};
	const struct node *both[] = {a, b};
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < both[k]->n; i++) {
			struct node *item = both[k]->items[i];
			const char *key = item_key(f, item);
			size_t at = k ? find_item(f, out, &index, item) : out->n;
			if (at < out->n)
				out->items[at] = item;
			else
				node_push(out, item);
			if (key)
				map_set(&index, key, (void *)(uintptr_t)(at + 1));
		}
	map_clear(&index);
	return out;
}

static struct node *merge_maps(struct shape *x, const struct field *f, const struct node *a,
			       const struct node *b);

static struct node *merge_value(struct shape *x, const struct field *f, const struct node *a,
				const struct node *b)
{
	enum field_type type = !f ? FIELD_NONE : f->type ? f->type : f->canon;
	if (b->tag == NODE_OVERRIDE || a->kind == NODE_NULL)
		return (struct node *)b;
	if (b->kind == NODE_NULL)
		return (struct node *)a;
	if (a->kind != b->kind || node_is_scalar(b))
		return (struct node *)b;
	if (f && (f->form == FORM_WORDS || type == FIELD_WORDS))
		return (struct node *)b;
	if (b->kind == NODE_MAP) {
		if (f && f->record && f->form != FORM_NAMED && f->form != FORM_ANY)
			return shape_merge(x, f->record, a, b);
		return merge_maps(x, f, a, b);
	}
	if (f && f->form == FORM_SET)
		return merge_sets(x, a, b);
	if (f && f->form == FORM_ITEMS)
		return merge_items(x, f, a, b);
	return merge_lists(x, a, b);
}

/* Two logging drivers have nothing in common. */
static bool apart(const struct field *f, const struct node *a, const struct node *b)
{
	const struct node_pair *p = node_find(a, "driver"), *q = node_find(b, "driver");
	return f && strcmp(f->name, "logging") == 0 && p && q && !node_equal(p->value, q->value);
}

struct merge {
	struct shape *x;
	struct node *out;
	struct map index; /* key -> place in out, from 1 */
};

static void merge_put(struct merge *m, const struct node_pair *p)
{
	map_set(&m->index, p->key, (void *)(uintptr_t)(m->out->n + 1));
	node_put(m->out, *p);
}

static void merge_pair(struct merge *m, const struct field *f, const struct record *r,
		       const struct node_pair *p)
{
	size_t at = (size_t)(uintptr_t)map_get(&m->index, p->key);
	if (at == 0) {
		merge_put(m, p);
		return;
	}
	struct node_pair *old = &m->out->pairs[at - 1];
	bool whole = p->value->tag != NODE_UNTAGGED || apart(f, old->value, p->value);
	struct node *value = p->value;
	if (!whole && r && value->kind == NODE_MAP && old->value->kind == NODE_MAP)
		value = shape_merge(m->x, r, old->value, value);
	else if (!whole)
		value = merge_value(m->x, f, old->value, value);
	*old = *p;
	old->value = value;
}

/* Mappings without fields of their own: names, pairs, extensions. */
static struct node *merge_maps(struct shape *x, const struct field *f, const struct node *a,
			       const struct node *b)
{
	struct merge m = {x, shape_node(x, NODE_MAP, b), {0}};
	const struct record *r = f && f->form == FORM_NAMED ? f->record : NULL;
	for (size_t i = 0; i < a->n; i++)
		merge_put(&m, &a->pairs[i]);
	for (size_t i = 0; i < b->n; i++)
		merge_pair(&m, NULL, r, &b->pairs[i]);
	map_clear(&m.index);
	return m.out;
}

struct node *shape_merge(struct shape *x, const struct record *r, const struct node *base,
			 const struct node *later)
{
	if (base->kind != NODE_MAP || later->kind != NODE_MAP)
		return (struct node *)(later->kind == NODE_NULL ? base : later);
	struct merge m = {x, shape_node(x, NODE_MAP, later), {0}};
	for (size_t i = 0; i < base->n; i++)
		merge_put(&m, &base->pairs[i]);
	for (size_t i = 0; i < later->n; i++)
		merge_pair(&m, record_field(r, later->pairs[i].key), NULL, &later->pairs[i]);
	map_clear(&m.index);
	return m.out;
}
