/* SPDX-License-Identifier: Apache-2.0
 * Merging two canonical trees by the rules of the table; see shape_merge in shape.h. */
#include "manifests/shape.h"

#include <string.h>

bool shape_equal(const struct node *a, const struct node *b)
{
	if (a == b)
		return true;
	if (a->kind != b->kind || a->n != b->n || strcmp(a->text, b->text) != 0)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (a->kind == NODE_SEQ && !shape_equal(a->items[i], b->items[i]))
			return false;
		if (a->kind != NODE_MAP)
			continue;
		const struct node_pair *p = node_find(b, a->pairs[i].key);
		if (!p || !shape_equal(a->pairs[i].value, p->value))
			return false;
	}
	return true;
}

static const char *text_of(const struct node *n, const char *key, const char *otherwise)
{
	const struct node_pair *p = node_find(n, key);
	return p && node_is_scalar(p->value) ? p->value->text : otherwise;
}

/* What tells an item from others, or NULL: a port is told by all of its four parts, a config or
 * secret without a target by its source. */
static const char *item_key(struct shape *x, const struct field *f, const struct node *n)
{
	if (f->record == &record_port && n->kind == NODE_MAP) {
		auto_free char *key =
			xasprintf("%s:%s:%s/%s", text_of(n, "host_ip", "0.0.0.0"),
				  text_of(n, "published", ""), text_of(n, "target", ""),
				  text_of(n, "protocol", "tcp"));
		return tree_text(x->t, key, strlen(key));
	}
	const char *found = f->key ? text_of(n, f->key, NULL) : NULL;
	if (!found && f->key && f->record == &record_grant)
		found = text_of(n, "source", NULL);
	return found;
}

/* What tells an entry of a set from others: the part before a '='. */
static char *set_key(const struct node *n)
{
	return node_is_scalar(n) ? xstrndup(n->text, strcspn(n->text, "=")) : NULL;
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

/* Lines of /etc/hosts: those that are there already are not said again. */
static struct node *merge_hosts(struct shape *x, const struct node *a, const struct node *b)
{
	struct node *out = shape_node(x, NODE_SEQ, b);
	struct map seen = {0};
	append(out, a);
	for (size_t i = 0; i < a->n; i++)
		map_set(&seen, a->items[i]->text, out);
	for (size_t i = 0; i < b->n; i++)
		if (!map_has(&seen, b->items[i]->text))
			node_push(out, b->items[i]);
	map_clear(&seen);
	return out;
}

/* Adds the entries of from to out; one that is there already is replaced where it stands. */
static void set_add(struct node *out, struct map *index, const struct node *from)
{
	for (size_t i = 0; i < from->n; i++) {
		auto_free char *key = set_key(from->items[i]);
		size_t at = key ? (size_t)(uintptr_t)map_get(index, key) : 0;
		if (at > 0) {
			out->items[at - 1] = from->items[i];
			continue;
		}
		node_push(out, from->items[i]);
		if (key)
			map_set(index, key, (void *)(uintptr_t)out->n);
	}
}

static struct node *merge_sets(struct shape *x, const struct node *a, const struct node *b)
{
	struct node *out = shape_node(x, NODE_SEQ, b);
	struct map index = {0};
	set_add(out, &index, a);
	set_add(out, &index, b);
	map_clear(&index);
	return out;
}

static void items_add(struct shape *x, const struct field *f, struct node *out, struct map *index,
		      const struct node *from)
{
	for (size_t i = 0; i < from->n; i++) {
		struct node *item = from->items[i];
		const char *key = item_key(x, f, item);
		size_t at = key ? (size_t)(uintptr_t)map_get(index, key) : 0;
		if (at > 0) {
			/* of one subnet, the later file may say more */
			bool more = f->record == &record_ipam_config;
			out->items[at - 1] =
				more ? shape_merge(x, f->record, out->items[at - 1], item) : item;
			continue;
		}
		node_push(out, item);
		if (key)
			map_set(index, key, (void *)(uintptr_t)out->n);
	}
}

static struct node *merge_items(struct shape *x, const struct field *f, const struct node *a,
				const struct node *b)
{
	struct node *out = shape_node(x, NODE_SEQ, b);
	struct map index = {0};
	items_add(x, f, out, &index, a);
	items_add(x, f, out, &index, b);
	map_clear(&index);
	return out;
}

struct node *shape_unique(struct shape *x, const struct field *f, const struct node *list)
{
	const struct node none = {.kind = NODE_SEQ};
	if (list->kind != NODE_SEQ)
		return (struct node *)list;
	return f->form == FORM_SET ? merge_sets(x, &none, list) : merge_items(x, f, &none, list);
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
	if (f && f->shape == shape_hosts)
		return merge_hosts(x, a, b);
	if (f && f->form == FORM_ITEMS)
		return merge_items(x, f, a, b);
	return merge_lists(x, a, b);
}

/* Two logging drivers have nothing in common. */
static bool apart(const struct field *f, const struct node *a, const struct node *b)
{
	const struct node_pair *p = node_find(a, "driver"), *q = node_find(b, "driver");
	return f && strcmp(f->name, "logging") == 0 && p && q && !shape_equal(p->value, q->value);
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
