/* SPDX-License-Identifier: Apache-2.0
 * Differences of two canonical stacks; see diff.h. */
#include "manifests/diff.h"
#include "manifests/canon.h"
#include "manifests/fields.h"
#include "manifests/placeholder.h"

#include <string.h>

struct diff {
	struct str path;
	json_t *out;
	bool running;      /* what is looked at may change while the container runs */
	bool fills_labels; /* the service has its labels filled in somewhere */
};

static void differ(struct diff *d, const struct field *f, json_t *old, json_t *next);

/* Appends ".key", or ["key"] where a dot would mislead. Returns the length before. */
static size_t enter(struct diff *d, const char *key)
{
	size_t len = d->path.len;
	if (strpbrk(key, ".[]\" ") || !*key)
		str_addf(&d->path, "[\"%s\"]", key);
	else
		str_addf(&d->path, "%s%s", len ? "." : "", key);
	return len;
}

static void leave(struct diff *d, size_t len)
{
	d->path.len = len;
	d->path.data[len] = '\0';
}

static void note(struct diff *d, json_t *old, json_t *next)
{
	json_t *j = json_object();
	json_object_set_new(j, "path", json_string(d->path.data));
	json_object_set(j, "old", old ? old : json_null());
	json_object_set(j, "new", next ? next : json_null());
	json_object_set_new(j, "effect", json_string(d->running ? "in place" : "restart"));
	json_array_append_new(d->out, j);
}

/* May it change while the container runs? */
static bool runs_on(const struct diff *d, const struct field *f)
{
	bool labels = f && f->type == FIELD_PAIRS &&
		      f->offset == offsetof(struct spec_service, deploy_labels);
	return f && (f->flags & FIELD_RUNNING) && !(labels && d->fills_labels);
}

static void member(struct diff *d, const struct field *f, const char *key, json_t *old,
		   json_t *next)
{
	bool was = d->running;
	size_t len = enter(d, key);
	d->running = was || runs_on(d, f);
	differ(d, f, old, next);
	d->running = was;
	leave(d, len);
}

/* A mapping that is there on one side only differs in each of its members, an empty one by itself. */
static void section(struct diff *d, const struct field *f, json_t *old, json_t *next)
{
	auto_json *none = json_object();
	size_t before = json_array_size(d->out);
	member(d, f, f->name, old ? old : none, next ? next : none);
	if (json_array_size(d->out) > before)
		return;
	size_t len = enter(d, f->name);
	bool was = d->running;
	d->running = was || runs_on(d, f);
	note(d, old, next);
	d->running = was;
	leave(d, len);
}

/* The members of a record, in the order of its table. */
static void differ_record(struct diff *d, const struct record *r, json_t *old, json_t *next)
{
	if (r == &record_service) {
		auto_free char *text = json_text(next ? next : old);
		d->fills_labels = strstr(text, PLACEHOLDER_LABELS) != NULL;
	}
	for (size_t i = 0; i < r->n; i++) {
		const struct field *f = &r->fields[i];
		json_t *a = json_object_get(old, f->name), *b = json_object_get(next, f->name);
		if (f->flags & FIELD_LEGACY)
			continue;
		if (!a != !b && json_is_object(a ? a : b))
			section(d, f, a, b);
		else
			member(d, f, f->name, a, b);
	}
}

/* A mapping from names: each by itself; item: what describes the values, or NULL. */
static void differ_names(struct diff *d, const struct field *item, json_t *old, json_t *next)
{
	const char *key;
	json_t *v;
	json_object_foreach(old, key, v) member(d, item, key, v, json_object_get(next, key));
	json_object_foreach(next, key, v) if (!json_object_get(old, key))
		member(d, item, key, NULL, v);
}

static json_t *find_item(json_t *list, const char *key, const char *name)
{
	size_t i;
	json_t *v;
	json_array_foreach(list, i, v) if (streq(json_str(v, key), name)) return v;
	return NULL;
}

static void keyed_item(struct diff *d, const struct field *item, const char *name, json_t *old,
		       json_t *next)
{
	size_t len = d->path.len;
	str_addf(&d->path, "[%s]", name);
	differ(d, item, old, next);
	leave(d, len);
}

/* A list whose items are told apart by one member. */
static void differ_keyed(struct diff *d, const struct field *f, json_t *old, json_t *next)
{
	const struct field item = {.record = f->record, .form = FORM_OBJECT};
	size_t i;
	json_t *v;
	json_array_foreach(old, i, v)
	{
		const char *name = json_str_or(v, f->key, "");
		keyed_item(d, &item, name, v, find_item(next, f->key, name));
	}
	json_array_foreach(next, i, v)
	{
		const char *name = json_str_or(v, f->key, "");
		if (!find_item(old, f->key, name))
			keyed_item(d, &item, name, NULL, v);
	}
}

static bool has_item(const json_t *list, const json_t *item)
{
	size_t i;
	json_t *v;
	json_array_foreach(list, i, v) if (json_equal(v, item)) return true;
	return false;
}

/* What only the first list has; a new reference, empty where the lists differ in order alone. */
static json_t *items_without(const json_t *list, const json_t *other)
{
	json_t *left = json_array(), *v;
	size_t i;
	json_array_foreach(list, i, v) if (!has_item(other, v)) json_array_append(left, v);
	return left;
}

/* Lists without names for their items: what came and what went; one that was changed is one line. */
static void differ_items(struct diff *d, json_t *old, json_t *next)
{
	auto_json *gone = items_without(old, next), *come = items_without(next, old);
	size_t n_gone = json_array_size(gone), n_come = json_array_size(come);
	for (size_t i = 0; i < n_gone || i < n_come; i++)
		note(d, json_array_get(gone, i), json_array_get(come, i));
}

static bool keyed(const struct field *f, const json_t *list)
{
	if (!f->key)
		return false;
	auto_strlist seen = {0};
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_str(json_array_get(list, i), f->key);
		if (!name || strlist_has(&seen, name))
			return false;
		strlist_add(&seen, name);
	}
	return true;
}

static void differ(struct diff *d, const struct field *f, json_t *old, json_t *next)
{
	if (old == next || (old && next && json_equal(old, next)))
		return;
	enum field_form form = f ? f->form : FORM_TYPE;
	const struct record *r = f ? f->record : NULL;
	size_t before = json_array_size(d->out);
	if (json_is_object(old) && json_is_object(next)) {
		const struct field item = {.record = r, .form = FORM_OBJECT};
		if (r && form != FORM_NAMED)
			differ_record(d, r, old, next);
		else
			differ_names(d, r ? &item : NULL, old, next);
	} else if (json_is_array(old) && json_is_array(next) && form == FORM_ITEMS &&
		   keyed(f, old) && keyed(f, next)) {
		differ_keyed(d, f, old, next);
	} else if (json_is_array(old) && json_is_array(next) &&
		   (form == FORM_ITEMS || form == FORM_SET)) {
		differ_items(d, old, next);
	}
	if (json_array_size(d->out) == before) /* plain values, and lists in another order */
		note(d, old, next);
}

/* What everybody looks for first is written even where it is the default. */
static json_t *stack_json(const struct spec_stack *s)
{
	json_t *j = s ? canon_stack(s) : json_object();
	for (size_t i = 0; s && i < s->n_services; i++) {
		if (s->services[i].mode != DEPLOY_REPLICATED)
			continue;
		json_t *svc = json_object_get(json_object_get(j, "services"), s->services[i].name);
		json_t *deploy = json_object_get(svc, "deploy");
		if (!deploy) {
			deploy = json_object();
			json_object_set_new(svc, "deploy", deploy);
		}
		json_object_set_new(deploy, "replicas", json_integer(s->services[i].replicas));
	}
	return j;
}

json_t *diff_stacks(const struct spec_stack *old, const struct spec_stack *next)
{
	static const char *const sections[] = {"services", "networks", "volumes", "configs",
					       "secrets"};
	auto_json *a = stack_json(old), *b = stack_json(next), *none = json_object();
	struct diff d = {.out = json_array()};
	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		const struct field *f = NULL;
		for (size_t k = 0; k < record_top.n; k++)
			if (streq(record_top.fields[k].name, sections[i]))
				f = &record_top.fields[k];
		json_t *x = json_object_get(a, sections[i]), *y = json_object_get(b, sections[i]);
		member(&d, f, sections[i], x ? x : none, y ? y : none);
	}
	str_done(&d.path);
	return d.out;
}
