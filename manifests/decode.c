/* SPDX-License-Identifier: Apache-2.0
 * The decoder that the table drives; see decode.h. */
#include "manifests/decode.h"
#include "base/num.h"
#include "manifests/check.h"
#include "manifests/limits.h"
#include "manifests/shape.h"
#include "manifests/units.h"
#include "manifests/words.h"

#include <string.h>

#define CPUS_MAX   100000
#define MICROS_MAX 1000000000000 /* some days */

void record_init(const struct record *r, void *obj)
{
	memset(obj, 0, r->size);
	if (r->init)
		r->init(obj);
}

static void *at(void *obj, size_t offset)
{
	return (char *)obj + offset;
}

static void put_string(char **to, const char *text)
{
	free(*to);
	*to = xstrdup(text);
}

static void decode_choice(struct decode *c, const struct field *f, const struct node *n, void *obj)
{
	const char *text;
	if (!decode_string(c, n, &text))
		return;
	int i = 0;
	auto_str list = {0};
	for (; f->names[i] && !streq(f->names[i], text); i++)
		str_addf(&list, "%s%s", i ? ", " : "", f->names[i]);
	if (!f->names[i]) {
		if (!f->words || f->type == FIELD_CHOICE) /* the specification knows more words */
			decode_refuse(c, n, "'%s' cannot be '%.100s'; write one of: %s", c->key,
				      text, list.data);
		else
			decode_error(c, n, "'%s' cannot be '%.100s'; write one of: %s", c->key,
				     text, list.data);
		return;
	}
	if (f->type == FIELD_STRING)
		put_string(at(obj, f->offset), text);
	else if (f->type == FIELD_EITHER)
		*(bool *)at(obj, f->offset) = i == 1;
	else
		*(int *)at(obj, f->offset) = i;
}

static void decode_cpus(struct decode *c, const struct node *n, double *ret)
{
	const char *text;
	double value;
	if (!decode_scalar(c, n, &text))
		return;
	if (!num_parse_double(text, &value) || value < 0 || value > CPUS_MAX) {
		decode_error(c, n, "'%s' must be a number of CPUs such as 0.5, not '%.100s'",
			     c->key, text);
		return;
	}
	*ret = value;
}

static void decode_unit(struct decode *c, const struct field *f, const struct node *n, void *obj)
{
	const char *text;
	int64_t value;
	if (!decode_scalar(c, n, &text))
		return;
	bool size = f->type == FIELD_SIZE;
	if (size ? units_size(text, &value) : units_duration(text, &value))
		*(int64_t *)at(obj, f->offset) = value;
	else if (size)
		decode_error(c, n, "'%s' must be a size such as 64m or 1g, not '%.100s'", c->key,
			     text);
	else
		decode_error(c, n, "'%s' must be a duration such as 10s or 1m30s, not '%.100s'",
			     c->key, text);
}

static void decode_words(struct decode *c, const struct field *f, const struct node *n, void *obj)
{
	struct strlist words = {0};
	const char *text;
	bool ok = n->kind == NODE_SEQ ? decode_strings(c, n, false, &words)
				      : decode_string(c, n, &text);
	if (ok && n->kind != NODE_SEQ && !words_split(text, &words)) {
		decode_error(c, n, "a quotation in '%s' has no end", c->key);
		ok = false;
	}
	if (!ok) {
		strlist_done(&words);
		return;
	}
	struct strlist *to = at(obj, f->offset);
	strlist_done(to);
	*to = words;
}

static void decode_text_list(struct decode *c, const struct field *f, const struct node *n,
			     void *obj)
{
	struct strlist list = {0};
	const char *text;
	bool one = f->type == FIELD_STRING_LIST && n->kind != NODE_SEQ;
	if (one ? !decode_string(c, n, &text)
		: !decode_strings(c, n, f->flags & FIELD_NUMBERS, &list)) {
		strlist_done(&list);
		return;
	}
	if (one)
		strlist_add(&list, text);
	struct strlist *to = at(obj, f->offset);
	strlist_done(to);
	*to = list;
}

/* The value that the environment has for a key without one; NULL: none, or no text. */
static const char *from_environment(struct decode *c, const char *k)
{
	const char *v = c->in && c->in->env ? kvlist_get(c->in->env, k) : NULL;
	return v && utf8_valid(v) ? v : NULL;
}

/* index knows where each key of to is: lists of pairs may be long and name a key twice. */
static void pair_add(struct decode *c, const struct field *f, const char *k, const char *v,
		     struct map *index, struct kvlist *to)
{
	if (!v && (f->flags & FIELD_NULLS))
		v = from_environment(c, k);
	if (!v && !(f->flags & FIELD_NULLS))
		v = "";
	size_t place = (size_t)(uintptr_t)map_get(index, k);
	if (place > 0) {
		free(to->v[place - 1].v);
		to->v[place - 1].v = xstrdup(v);
		return;
	}
	to->v = vec_grow(to->v, to->n, &to->cap, sizeof(*to->v));
	to->v[to->n++] = (struct kv){xstrdup(k), xstrdup(v)};
	map_set(index, k, (void *)(uintptr_t)to->n);
}

static void decode_pair_item(struct decode *c, const struct field *f, const struct node *n,
			     struct map *index, struct kvlist *to)
{
	const char *text;
	if (!decode_scalar(c, n, &text))
		return;
	const char *equals = strchr(text, '=');
	auto_free char *k = equals ? xstrndup(text, (size_t)(equals - text)) : xstrdup(text);
	if (*k)
		pair_add(c, f, k, equals ? equals + 1 : NULL, index, to);
	else
		decode_error(c, n, "'%s' must be KEY=VALUE", c->key);
}

static void decode_pairs(struct decode *c, const struct field *f, const struct node *n, void *obj)
{
	struct kvlist *to = at(obj, f->offset);
	struct map index = {0};
	if (n->kind == NODE_SEQ ? !decode_list(c, n, LIMIT_SERVICE_LIST)
				: !decode_map(c, n, LIMIT_SERVICE_LIST))
		return;
	for (size_t i = 0; i < to->n; i++)
		map_set(&index, to->v[i].k, (void *)(uintptr_t)(i + 1));
	for (size_t i = 0; i < n->n; i++) {
		const char *text = NULL;
		if (n->kind == NODE_SEQ) {
			struct decode_mark mark = decode_enter_item(c, i);
			decode_pair_item(c, f, n->items[i], &index, to);
			decode_leave(c, mark);
			continue;
		}
		const struct node_pair *p = &n->pairs[i];
		struct decode_mark mark = decode_enter(c, p->key);
		if (p->value->kind == NODE_NULL || decode_scalar(c, p->value, &text))
			pair_add(c, f, p->key, text, &index, to);
		decode_leave(c, mark);
	}
	map_clear(&index);
}

static void decode_micros(struct decode *c, const struct node *n, int64_t *ret)
{
	const char *text;
	int64_t value;
	if (!decode_scalar(c, n, &text))
		return;
	if (num_parse_i64(text, -1, MICROS_MAX, &value))
		*ret = value;
	else if (units_duration(text, &value) && value / 1000 <= MICROS_MAX)
		*ret = value / 1000;
	else
		decode_error(c, n, "'%s' must be a number of microseconds, not '%.100s'", c->key,
			     text);
}

/* Each in its place at once: what is owned by half of one is freed with the whole. */
static void decode_records(struct decode *c, const struct node *n, const struct record *r,
			   struct records *to)
{
	if (!decode_list(c, n, LIMIT_SERVICE_RECORDS))
		return;
	to->v = xcalloc(n->n + 1, r->size);
	for (size_t i = 0; i < n->n && !diag_full(c->d); i++) {
		struct decode_mark mark = decode_enter_item(c, i);
		void *item = at(to->v, to->n++ * r->size);
		record_init(r, item);
		decode_record(c, n->items[i], r, item);
		decode_leave(c, mark);
	}
}

static void decode_plain(struct decode *c, const struct field *f, const struct node *n, void *obj)
{
	const char *text;
	switch (f->type) {
	case FIELD_NONE:
		break;
	case FIELD_STRING:
		if (f->names)
			decode_choice(c, f, n, obj);
		else if (decode_string(c, n, &text))
			put_string(at(obj, f->offset), text);
		break;
	case FIELD_CHOICE:
	case FIELD_EITHER:
		decode_choice(c, f, n, obj);
		break;
	case FIELD_BOOL:
		decode_bool(c, n, at(obj, f->offset));
		break;
	case FIELD_INT:
		decode_int(c, n, f, at(obj, f->offset));
		break;
	case FIELD_CPUS:
		decode_cpus(c, n, at(obj, f->offset));
		break;
	case FIELD_SIZE:
	case FIELD_DURATION:
		decode_unit(c, f, n, obj);
		break;
	case FIELD_LIST:
	case FIELD_STRING_LIST:
		decode_text_list(c, f, n, obj);
		break;
	case FIELD_WORDS:
		decode_words(c, f, n, obj);
		break;
	case FIELD_PAIRS:
		decode_pairs(c, f, n, obj);
		break;
	case FIELD_MICROS:
		decode_micros(c, n, at(obj, f->offset));
		break;
	case FIELD_RECORDS:
		decode_records(c, n, f->record, at(obj, f->offset));
		break;
	case FIELD_SECTION:
		decode_record(c, n, f->record, at(obj, f->offset));
		break;
	}
}

/* An older name decodes into its field; when that had a value already, both must be the same. */
static void decode_legacy(struct decode *c, const struct field *f, const struct node *n, void *obj,
			  const struct record *r)
{
	auto_free void *defaults = xcalloc(1, r->size);
	size_t size = f->type == FIELD_CPUS ? sizeof(double) : sizeof(int64_t);
	void *to = at(obj, f->offset);
	char before[sizeof(int64_t)];
	record_init(r, defaults);
	memcpy(before, to, size);
	decode_plain(c, f, n, obj);
	bool had = memcmp(before, (const char *)defaults + f->offset, size) != 0;
	if (had && memcmp(before, to, size) != 0) {
		decode_error(c, n, "'%s' does not agree with %s; keep one of them", c->key, f->doc);
		memcpy(to, before, size);
	}
}

static void decode_field(struct decode *c, const struct field *f, const struct node *n, void *obj,
			 const struct record *r)
{
	if (f->support == FIELD_REFUSED) {
		decode_refuse(c, n, "'%s' is not supported yet; %s", c->key, f->doc);
		return;
	}
	if (!c->in && (f->flags & FIELD_FILES)) {
		decode_error(c, n, "'%s' belongs in files alone", c->key);
		return;
	}
	if (f->support == FIELD_UNUSED) {
		decode_warn(c, n, "'%s' is not used: %s", c->key, f->doc);
		return;
	}
	/* a section without anything in it is there; any other key without a value is not */
	if (n->kind == NODE_NULL && f->type != FIELD_SECTION)
		return;
	if (f->support == FIELD_KEPT)
		decode_warn(c, n, "'%s': %s", c->key, f->doc);
	if (f->set)
		*(bool *)at(obj, f->set) = true;
	if (f->decode)
		f->decode(c, f, n, obj);
	else if (f->flags & FIELD_LEGACY)
		decode_legacy(c, f, n, obj, r);
	else
		decode_plain(c, f, n, obj);
}

static void unknown_key(struct decode *c, const struct record *r, const struct node_pair *p)
{
	struct node key = {.file = p->value->file,
			   .line = p->line,
			   .column = p->column,
			   .broken = p->value->broken};
	auto_free char *text = check_unknown_text(r, p);
	decode_error(c, &key, "%s", text);
}

static bool is_key(const struct decode *c, const struct field *f)
{
	return !c->in || !(f->flags & FIELD_CANON);
}

/* Puts the pair where the fields of its name are; false: there is none. */
static bool pair_place(const struct decode *c, const struct record *r, const struct node_pair *p,
		       const struct node_pair **of_field)
{
	bool known = false;
	for (size_t i = 0; i < r->n; i++) {
		const char *name = r->fields[i].name;
		if (name[0] != p->key[0] || strcmp(name, p->key) != 0 || !is_key(c, &r->fields[i]))
			continue;
		of_field[i] = p;
		known = true;
	}
	return known;
}

/* In the order of the table, not of the file: some fields build on those above them. */
void decode_record(struct decode *c, const struct node *n, const struct record *r, void *obj)
{
	if (n->kind == NODE_NULL)
		return;
	if (n->kind != NODE_MAP) {
		decode_error(c, n, "'%s' must be a mapping, not %s", c->key,
			     node_kind_text(n->kind));
		return;
	}
	const struct node_pair *of_field[RECORD_FIELDS_MAX] = {0};
	for (size_t i = 0; i < n->n && !diag_full(c->d); i++)
		if (!pair_place(c, r, &n->pairs[i], of_field) && !str_starts(n->pairs[i].key, "x-"))
			unknown_key(c, r, &n->pairs[i]);
	for (size_t i = 0; i < r->n && !diag_full(c->d); i++) {
		const struct node_pair *p = of_field[i];
		if (!p || p->value->broken)
			continue;
		struct node named = *p->value;
		if (r->fields[i].support != FIELD_HONOURED) {
			/* the finding is about the key, not its value */
			named.line = p->line;
			named.column = p->column;
		}
		struct decode_mark mark = decode_enter(c, p->key);
		decode_field(c, &r->fields[i], &named, obj, r);
		decode_leave(c, mark);
	}
}
