/* SPDX-License-Identifier: Apache-2.0
 * Canonical trees by the table; see shape.h. */
#include "manifests/shape.h"
#include "base/num.h"
#include "manifests/units.h"
#include "manifests/words.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct node *shape_node(struct shape *x, enum node_kind kind, const struct node *at)
{
	struct node *n = tree_add(x->t, kind, at->line, at->column);
	n->file = at->file;
	return n;
}

struct node *shape_text(struct shape *x, enum node_kind kind, const char *text,
			const struct node *at)
{
	struct node *n = shape_node(x, kind, at);
	n->text = tree_text(x->t, text, strlen(text));
	return n;
}

void shape_put(struct shape *x, struct node *map, const char *key, struct node *value)
{
	const char *copy = tree_text(x->t, key, strlen(key));
	node_put(map, (struct node_pair){copy, value, value->line, value->column});
}

void shape_set(struct shape *x, struct node *map, const char *key, struct node *value)
{
	struct node_pair *p = (struct node_pair *)node_find(map, key);
	if (p)
		p->value = value;
	else
		shape_put(x, map, key, value);
}

const struct field *record_field(const struct record *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->fields[i].name[0] == name[0] && strcmp(r->fields[i].name, name) == 0)
			return r->fields[i].flags & FIELD_CANON ? NULL : &r->fields[i];
	return NULL;
}

static struct node *same(const struct node *n)
{
	return (struct node *)n;
}

char *shape_path(struct shape *x, const char *text)
{
	if (x->raw_paths)
		return xstrdup(text);
	if (text[0] == '~' && x->home && (!text[1] || text[1] == '/')) {
		auto_free char *full = xasprintf("%s%s", x->home, text + 1);
		return path_clean(full);
	}
	bool remote = strstr(text, ":\\") || strstr(text, "://") || str_starts(text, "git@") ||
		      str_starts(text, "github.com/") || str_starts(text, "service:");
	if (!x->dir || remote || text[0] == '~' || !*text)
		return xstrdup(text);
	if (text[0] == '/')
		return xstrdup(text);
	auto_free char *full = xasprintf("%s/%s", x->dir, text);
	return path_clean(full);
}

static struct node *shape_string(struct shape *x, const struct field *f, const struct node *n)
{
	if (!node_is_scalar(n))
		return same(n);
	if (f->flags & FIELD_PATH) {
		auto_free char *path = shape_path(x, n->text);
		return shape_text(x, NODE_STR, path, n);
	}
	return n->kind == NODE_STR ? same(n) : shape_text(x, NODE_STR, n->text, n);
}

static struct node *shape_bool(struct shape *x, const struct node *n)
{
	static const char *const yes[] = {"true", "yes", "on", "y", "1"};
	static const char *const no[] = {"false", "no", "off", "n", "0"};
	for (size_t i = 0; node_is_scalar(n) && i < ARRAY_LEN(yes); i++) {
		if (strcasecmp(n->text, yes[i]) == 0)
			return shape_text(x, NODE_BOOL, "true", n);
		if (strcasecmp(n->text, no[i]) == 0)
			return shape_text(x, NODE_BOOL, "false", n);
	}
	return same(n);
}

static struct node *shape_number(struct shape *x, const struct node *n)
{
	int64_t value;
	double real;
	char text[32];
	if (!node_is_scalar(n))
		return same(n);
	if (num_parse_i64(n->text, INT64_MIN, INT64_MAX, &value)) {
		snprintf(text, sizeof(text), "%lld", (long long)value);
		return shape_text(x, NODE_INT, text, n);
	}
	if (!num_parse_double(n->text, &real))
		return same(n);
	snprintf(text, sizeof(text), "%.15g", real);
	return shape_text(x, node_core_kind(text), text, n);
}

static struct node *shape_unit(struct shape *x, const struct node *n, bool size)
{
	int64_t value;
	if (!node_is_scalar(n))
		return same(n);
	if (size ? !units_size(n->text, &value) : !units_duration(n->text, &value))
		return n->kind == NODE_STR ? same(n) : shape_text(x, NODE_STR, n->text, n);
	auto_free char *text =
		size ? xasprintf("%lld", (long long)value) : units_duration_canon(value);
	return shape_text(x, NODE_STR, text, n);
}

static struct node *as_list(struct shape *x, const struct node *n)
{
	if (n->kind == NODE_SEQ || n->kind == NODE_NULL)
		return same(n);
	struct node *list = shape_node(x, NODE_SEQ, n);
	node_push(list, same(n));
	return list;
}

static struct node *shape_strings(struct shape *x, const struct field *f, const struct node *n)
{
	const struct node *in = as_list(x, n);
	if (in->kind != NODE_SEQ)
		return same(n);
	struct node *out = shape_node(x, NODE_SEQ, n);
	node_reserve(out, in->n);
	for (size_t i = 0; i < in->n; i++)
		node_push(out, shape_string(x, f, in->items[i]));
	return f->form == FORM_SET ? shape_unique(x, f, out) : out;
}

static struct node *shape_words(struct shape *x, const struct node *n)
{
	static const struct field plain = {.name = ""};
	auto_strlist words = {0};
	if (n->kind == NODE_SEQ)
		return shape_strings(x, &plain, n);
	if (!node_is_scalar(n) || !words_split(n->text, &words))
		return same(n);
	struct node *out = shape_node(x, NODE_SEQ, n);
	for (size_t i = 0; i < words.n; i++)
		node_push(out, shape_text(x, NODE_STR, words.v[i], n));
	return out;
}

struct pairs { /* a mapping being made, with an index over its keys */
	struct shape *x;
	struct node *out;
	struct map index;
};

static void pairs_put(struct pairs *p, const char *key, struct node *value)
{
	size_t place = (size_t)(uintptr_t)map_get(&p->index, key);
	if (place > 0) {
		p->out->pairs[place - 1].value = value;
		return;
	}
	shape_put(p->x, p->out, key, value);
	map_set(&p->index, key, (void *)(uintptr_t)p->out->n);
}

static struct node *pair_value(struct shape *x, const struct field *f, const struct node *v)
{
	if (v->kind == NODE_NULL && !(f->flags & FIELD_NULLS))
		return shape_text(x, NODE_STR, "", v);
	return shape_string(x, f, v);
}

static struct node *shape_pairs(struct shape *x, const struct field *f, const struct node *n)
{
	if (n->kind != NODE_MAP && n->kind != NODE_SEQ)
		return same(n);
	struct pairs p = {x, shape_node(x, NODE_MAP, n), {0}};
	bool ok = true;
	for (size_t i = 0; i < n->n && n->kind == NODE_MAP; i++) {
		struct node *v = n->pairs[i].value;
		if (v->tag != NODE_RESET)
			pairs_put(&p, n->pairs[i].key, pair_value(x, f, v));
		else if (!x->finish)
			pairs_put(&p, n->pairs[i].key, v);
	}
	for (size_t i = 0; i < n->n && n->kind == NODE_SEQ && ok; i++) {
		const struct node *item = n->items[i];
		ok = node_is_scalar(item) && *item->text && *item->text != '=';
		const char *equals = ok ? strchr(item->text, '=') : NULL;
		auto_free char *key = equals ? xstrndup(item->text, (size_t)(equals - item->text))
					     : xstrdup(item->text);
		struct node *null = shape_node(x, NODE_NULL, item);
		struct node *text = equals ? shape_text(x, NODE_STR, equals + 1, item) : null;
		if (ok)
			pairs_put(&p, key, pair_value(x, f, text));
	}
	map_clear(&p.index);
	return ok ? p.out : same(n);
}

static struct node *shape_field(struct shape *x, const struct field *f, const struct node *n);

/* One of a list of mappings or of named mappings. */
static struct node *shape_item(struct shape *x, const struct field *f, const struct node *n)
{
	if (n->broken)
		return same(n);
	if (n->kind == NODE_MAP)
		return shape_record(x, f->record, n);
	struct node *longer = f->shape && n->kind != NODE_NULL ? f->shape(x, n) : NULL;
	if (longer && longer->kind == NODE_MAP)
		return shape_record(x, f->record, longer);
	return longer ? longer : same(n);
}

static struct node *shape_items(struct shape *x, const struct field *f, const struct node *n)
{
	const struct node *in = as_list(x, n);
	if (in->kind != NODE_SEQ)
		return same(n);
	struct node *out = shape_node(x, NODE_SEQ, n);
	for (size_t i = 0; i < in->n; i++) {
		struct node *item = shape_item(x, f, in->items[i]);
		if (item->kind != NODE_SEQ) {
			node_push(out, item);
			continue;
		}
		for (size_t k = 0; k < item->n; k++)
			node_push(out, shape_item(x, f, item->items[k]));
	}
	return shape_unique(x, f, out);
}

static struct node *shape_named(struct shape *x, const struct field *f, const struct node *n)
{
	if (n->kind != NODE_MAP && n->kind != NODE_SEQ)
		return same(n);
	struct pairs p = {x, shape_node(x, NODE_MAP, n), {0}};
	for (size_t i = 0; i < n->n; i++) {
		if (n->kind == NODE_SEQ) {
			struct node *item = n->items[i];
			if (!node_is_scalar(item)) {
				map_clear(&p.index);
				return same(n);
			}
			struct node *value =
				shape_node(x, f->record->nullable ? NODE_NULL : NODE_MAP, item);
			if (f->record == &record_depends)
				value = shape_record(x, f->record, shape_dependency(x, item));
			pairs_put(&p, item->text, value);
			continue;
		}
		const struct node_pair *pair = &n->pairs[i];
		struct node *value = shape_item(x, f, pair->value);
		if (pair->value->tag == NODE_RESET && x->finish)
			continue;
		if (value != pair->value)
			value->tag = pair->value->tag;
		struct node_pair put = *pair;
		put.value = value;
		node_put(p.out, put);
	}
	map_clear(&p.index);
	return p.out;
}

static struct node *shape_type(struct shape *x, const struct field *f, const struct node *n)
{
	if (f->shape)
		return f->shape(x, n);
	switch (f->type ? f->type : f->canon) {
	case FIELD_NONE:
		return same(n);
	case FIELD_STRING:
	case FIELD_CHOICE:
	case FIELD_EITHER:
		return shape_string(x, f, n);
	case FIELD_BOOL:
		return shape_bool(x, n);
	case FIELD_INT:
	case FIELD_CPUS:
	case FIELD_MICROS:
		return shape_number(x, n);
	case FIELD_SIZE:
		return shape_unit(x, n, true);
	case FIELD_DURATION:
		return shape_unit(x, n, false);
	case FIELD_LIST:
	case FIELD_STRING_LIST:
		return shape_strings(x, f, n);
	case FIELD_WORDS:
		return shape_words(x, n);
	case FIELD_PAIRS:
		return shape_pairs(x, f, n);
	case FIELD_RECORDS: /* their form says so */
		return same(n);
	case FIELD_SECTION:
		return n->kind == NODE_MAP ? shape_record(x, f->record, n) : same(n);
	}
	return same(n);
}

static struct node *shape_field(struct shape *x, const struct field *f, const struct node *n)
{
	if (n->kind == NODE_NULL || n->broken)
		return same(n);
	switch (f->form) {
	case FORM_TYPE:
		return shape_type(x, f, n);
	case FORM_ANY:
		return same(n);
	case FORM_OBJECT:
		return shape_item(x, f, n);
	case FORM_NAMED:
		return shape_named(x, f, n);
	case FORM_ITEMS:
		return shape_items(x, f, n);
	case FORM_SET:
		return shape_strings(x, f, n);
	case FORM_WORDS:
		return f->shape ? f->shape(x, n) : shape_words(x, n);
	}
	return same(n);
}

/* In the last pass: what says no more than nothing at all, and goes for the sake of short files. */
static bool says_nothing(const struct field *f, const struct node *v)
{
	enum field_type type = f->type ? f->type : f->canon;
	double value;
	if (!node_is_scalar(v) || (f->flags & FIELD_SAYS))
		return false;
	if (type == FIELD_BOOL)
		return streq(v->text, "false");
	bool number = type == FIELD_INT || type == FIELD_CPUS || type == FIELD_SIZE;
	return number && num_parse_double(v->text, &value) && value == 0;
}

struct node *shape_record(struct shape *x, const struct record *r, const struct node *n)
{
	struct node *out = shape_node(x, NODE_MAP, n);
	node_reserve(out, n->n);
	for (size_t i = 0; i < n->n; i++) {
		struct node_pair p = n->pairs[i];
		const struct field *f = record_field(r, p.key);
		enum node_tag tag = p.value->tag;
		if (tag == NODE_RESET && x->finish)
			continue;
		struct node *value = f ? shape_field(x, f, p.value) : p.value;
		if (x->finish && f && says_nothing(f, value))
			continue;
		if (tag && value != p.value)
			value->tag = tag;
		p.value = value;
		node_put(out, p);
	}
	shape_complete(x, r, out);
	return out;
}
