/* SPDX-License-Identifier: Apache-2.0
 * To canonical JSON by the table; see decode.h. What has its default value is left out, so that
 * reading it back gives the same struct. */
#include "manifests/decode.h"
#include "manifests/units.h"

#include <string.h>

static const void *at(const void *obj, size_t offset)
{
	return (const char *)obj + offset;
}

static json_t *list_json(const struct strlist *l)
{
	json_t *j = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(j, json_string(l->v[i]));
	return j;
}

static json_t *duration_json(int64_t ns)
{
	auto_free char *text = units_duration_text(ns);
	return json_string(text);
}

static json_t *pairs_json(const struct kvlist *l)
{
	json_t *j = json_object();
	for (size_t i = 0; i < l->n; i++)
		json_object_set_new(j, l->v[i].k, l->v[i].v ? json_string(l->v[i].v) : json_null());
	return j;
}

static void encode_section(json_t *j, const struct field *f, const void *obj, const void *defaults,
			   unsigned skip);

static json_t *records_json(const struct record *r, const struct records *l, unsigned skip)
{
	json_t *j = l->n ? json_array() : NULL;
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(j, encode_record(r, at(l->v, i * r->size), skip));
	return j;
}

static void encode_field(json_t *j, const struct field *f, const void *obj, const void *defaults,
			 unsigned skip)
{
	const void *v = at(obj, f->offset), *def = at(defaults, f->offset);
	json_t *out = NULL;
	switch (f->type) {
	case FIELD_NONE:
		break;
	case FIELD_STRING:
		json_put_str(j, f->name, *(char *const *)v);
		break;
	case FIELD_BOOL:
		if (f->set || *(const bool *)v != *(const bool *)def)
			out = json_boolean(*(const bool *)v);
		break;
	case FIELD_INT:
	case FIELD_MICROS:
	case FIELD_SIZE:
		if (*(const int64_t *)v != *(const int64_t *)def)
			out = json_integer(*(const int64_t *)v);
		break;
	case FIELD_DURATION:
		if (*(const int64_t *)v != *(const int64_t *)def)
			out = duration_json(*(const int64_t *)v);
		break;
	case FIELD_CPUS:
		if (*(const double *)v != 0)
			out = json_real(*(const double *)v);
		break;
	case FIELD_LIST:
	case FIELD_STRING_LIST:
		json_put_strlist(j, f->name, v);
		break;
	case FIELD_WORDS:
		out = list_json(v);
		break;
	case FIELD_PAIRS:
		json_put_new(j, f->name, pairs_json(v));
		break;
	case FIELD_CHOICE:
		if (*(const int *)v != *(const int *)def)
			out = json_string(f->names[*(const int *)v]);
		break;
	case FIELD_EITHER:
		if (*(const bool *)v)
			out = json_string(f->names[1]);
		break;
	case FIELD_RECORDS:
		out = records_json(f->record, v, skip);
		break;
	case FIELD_SECTION:
		encode_section(j, f, v, def, skip);
		break;
	}
	if (out)
		json_object_set_new(j, f->name, out);
}

static void encode_fields(json_t *j, const struct record *r, const void *obj, const void *defaults,
			  unsigned skip)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct field *f = &r->fields[i];
		bool writable = f->support == FIELD_HONOURED || f->support == FIELD_KEPT;
		if (!writable || (f->flags & (FIELD_LEGACY | FIELD_FILES | skip)))
			continue;
		if (f->set && !*(const bool *)at(obj, f->set))
			continue;
		if (f->encode)
			json_put_new(j, f->name, f->encode(obj));
		else
			encode_field(j, f, obj, defaults, skip);
	}
}

static void encode_section(json_t *j, const struct field *f, const void *obj, const void *defaults,
			   unsigned skip)
{
	json_t *section = json_object();
	encode_fields(section, f->record, obj, defaults, skip);
	if (f->set)
		json_object_set_new(j, f->name, section);
	else
		json_put_new(j, f->name, section);
}

json_t *encode_record(const struct record *r, const void *obj, unsigned skip)
{
	auto_free void *defaults = xcalloc(1, r->size);
	record_init(r, defaults);
	json_t *j = json_object();
	encode_fields(j, r, obj, defaults, skip);
	return j;
}
