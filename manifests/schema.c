/* SPDX-License-Identifier: Apache-2.0
 * The table of the language as a JSON schema (draft-07) for editors; see stackfile_schema in stackfile.h. */
#include "manifests/fields.h"
#include "manifests/stackfile.h"

#include <string.h>

#define NAMES "^[a-zA-Z0-9._-]+$"

struct schema {
	json_t *definitions;
	struct {
		const struct record *record;
		char *name;
	} * v;
	size_t n, cap;
};

static json_t *record_ref(struct schema *s, const struct record *r, const char *name);

/* Types of JSON that values of these kinds are. */
static json_t *types(unsigned kinds)
{
	static const struct {
		unsigned kind;
		const char *name;
	} all[] = {{KIND_NULL, "null"},  {KIND_BOOL, "boolean"}, {KIND_INT, "integer"},
		   {KIND_NUM, "number"}, {KIND_STR, "string"},   {KIND_SEQ, "array"},
		   {KIND_MAP, "object"}};
	json_t *list = json_array();
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (kinds & all[i].kind)
			json_array_append_new(list, json_string(all[i].name));
	if (json_array_size(list) != 1)
		return list;
	json_t *one = json_incref(json_array_get(list, 0));
	json_decref(list);
	return one;
}

static json_t *of_kinds(unsigned kinds)
{
	json_t *j = json_object();
	if (kinds != KIND_ANY)
		json_object_set_new(j, "type", types(kinds));
	return j;
}

/* a value that is other than a mapping, or one by r */
static json_t *or_record(struct schema *s, unsigned kinds, const struct record *r, const char *name)
{
	unsigned other = kinds & ~KIND_MAP;
	if (!(kinds & KIND_MAP))
		return of_kinds(kinds);
	if (!other)
		return record_ref(s, r, name);
	json_t *j = json_object(), *any = json_array();
	json_array_append_new(any, of_kinds(other));
	json_array_append_new(any, record_ref(s, r, name));
	json_object_set_new(j, "anyOf", any);
	return j;
}

static bool in_mapping(const struct field *f)
{
	return f->form == FORM_NAMED || (field_kinds(f) & KIND_MAP);
}

static json_t *entry_schema(struct schema *s, const struct field *f, bool in_list)
{
	unsigned kinds = field_members(f);
	bool record = f->record && (f->form == FORM_NAMED || f->form == FORM_ITEMS);
	if (in_list && in_mapping(f) && f->form != FORM_ITEMS)
		return of_kinds(KIND_STR);
	if (record)
		return or_record(s, kinds, f->record, f->name);
	json_t *j = of_kinds(kinds);
	if (kinds & KIND_SEQ && kinds != KIND_ANY)
		json_object_set_new(j, "items", of_kinds(KIND_STR));
	return j;
}

static void bounds(json_t *j, const struct field *f)
{
	enum field_type type = f->type ? f->type : f->canon;
	bool number = type == FIELD_INT || type == FIELD_CPUS;
	if (!number || (f->min == 0 && f->max == 0))
		return;
	json_object_set_new(j, "minimum", json_integer(f->min));
	if (f->max != INT64_MAX)
		json_object_set_new(j, "maximum", json_integer(f->max));
}

static void words(json_t *j, const struct field *f)
{
	if (f->words && field_kinds(f) == KIND_STR) {
		json_t *list = json_array();
		for (size_t i = 0; f->words[i]; i++)
			json_array_append_new(list, json_string(f->words[i]));
		json_object_set_new(j, "enum", list);
	}
	json_put_str(j, "pattern", f->pattern);
}

static void collections(struct schema *s, json_t *j, const struct field *f, unsigned kinds)
{
	/* what is written any way, and external: {name: X} */
	if (f->form == FORM_ANY || kinds == KIND_ANY || field_members(f) == KIND_ANY)
		return;
	if (kinds & KIND_SEQ) {
		json_object_set_new(j, "items", entry_schema(s, f, true));
		if (f->flags & FIELD_UNIQUE)
			json_object_set_new(j, "uniqueItems", json_true());
	}
	if (!(kinds & KIND_MAP))
		return;
	bool names = f->form == FORM_NAMED && f->members == 0;
	json_t *patterns = json_object();
	json_object_set_new(patterns, names ? NAMES : "^.+$", entry_schema(s, f, false));
	json_object_set_new(j, "patternProperties", patterns);
	json_object_set_new(j, "additionalProperties", json_false());
}

static json_t *value_schema(struct schema *s, const struct field *f)
{
	unsigned kinds = field_kinds(f);
	bool inner = f->record && (f->form == FORM_OBJECT || f->type == FIELD_SECTION);
	if (inner)
		return or_record(s, kinds, f->record, f->name);
	json_t *j = of_kinds(kinds);
	words(j, f);
	bounds(j, f);
	collections(s, j, f, kinds);
	return j;
}

static json_t *described(const struct field *f, json_t *j)
{
	const char *before = f->support == FIELD_REFUSED  ? "Not supported: "
			     : f->support == FIELD_UNUSED ? "Not used: "
			     : f->flags & FIELD_LEGACY    ? "Older name of "
							  : "";
	if (json_object_get(j, "$ref")) { /* draft-07 reads nothing beside a $ref */
		json_t *all = json_array(), *outer = json_object();
		json_array_append_new(all, j);
		json_object_set_new(outer, "allOf", all);
		j = outer;
	}
	json_object_set_new(j, "description", json_sprintf("%s%s", before, f->doc));
	return j;
}

static json_t *record_schema(struct schema *s, const struct record *r)
{
	json_t *j = json_object(), *properties = json_object(), *needed = json_array();
	json_put_str(j, "type", "object");
	for (size_t i = 0; i < r->n; i++) {
		const struct field *f = &r->fields[i];
		if (f->flags & FIELD_CANON)
			continue;
		json_object_set_new(properties, f->name, described(f, value_schema(s, f)));
		if (f->flags & FIELD_NEEDED)
			json_array_append_new(needed, json_string(f->name));
	}
	json_object_set_new(j, "properties", properties);
	if (!r->closed)
		json_object_set_new(j, "patternProperties", json_pack("{s:{}}", "^x-"));
	json_object_set_new(j, "additionalProperties", json_false());
	if (json_array_size(needed))
		json_object_set(j, "required", needed);
	json_decref(needed);
	return j;
}

static json_t *record_ref(struct schema *s, const struct record *r, const char *name)
{
	size_t i = 0;
	while (i < s->n && s->v[i].record != r)
		i++;
	if (i == s->n) {
		bool taken = json_object_get(s->definitions, name);
		s->v = vec_grow(s->v, s->n, &s->cap, sizeof(*s->v));
		s->v[s->n].record = r;
		s->v[s->n].name = taken ? xasprintf("%s_%zu", name, s->n) : xstrdup(name);
		s->n++;
		json_object_set_new(s->definitions, s->v[i].name, json_object());
		json_object_set_new(s->definitions, s->v[i].name, record_schema(s, r));
	}
	json_t *j = json_object();
	json_object_set_new(j, "$ref", json_sprintf("#/definitions/%s", s->v[i].name));
	return j;
}

json_t *stackfile_schema(void)
{
	struct schema s = {.definitions = json_object()};
	json_t *top = record_schema(&s, &record_top), *j = json_object();
	json_put_str(j, "$schema", "http://json-schema.org/draft-07/schema#");
	json_put_str(j, "title", "A stack of carrack, in the format of the Compose Specification");
	json_object_update(j, top);
	json_object_set(j, "definitions", s.definitions);
	json_decref(top);
	json_decref(s.definitions);
	for (size_t i = 0; i < s.n; i++)
		free(s.v[i].name);
	free(s.v);
	return j;
}
