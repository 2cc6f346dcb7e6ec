/* SPDX-License-Identifier: Apache-2.0
 * What to say about a key that is not one: what was meant, or where it belongs. */
#include "base/str.h"
#include "manifests/check.h"
#include "manifests/shape.h"
#include "manifests/words.h"

#include <string.h>

#define DEPTH_MAX 3 /* of sections in sections that are looked into */

/* The section below r that has the key, as "deploy.resources.limits"; NULL: none. Caller frees. */
static char *section_with(const struct record *r, const char *key, int depth)
{
	for (size_t i = 0; depth > 0 && i < r->n; i++) {
		const struct field *f = &r->fields[i];
		bool section = f->record && (f->form == FORM_OBJECT || f->type == FIELD_SECTION);
		if (!section || f->support == FIELD_REFUSED || (f->flags & FIELD_CANON))
			continue;
		if (record_field(f->record, key))
			return xstrdup(f->name);
		auto_free char *below = section_with(f->record, key, depth - 1);
		if (below)
			return xasprintf("%s.%s", f->name, below);
	}
	return NULL;
}

char *check_unknown_text(const struct record *r, const struct node_pair *p)
{
	auto_free const char **names = xcalloc(r->n + 1, sizeof(*names));
	for (size_t i = 0; i < r->n; i++)
		names[i] = r->fields[i].flags & FIELD_CANON ? "" : r->fields[i].name;
	const char *near = nearest_word(p->key, names, r->n);
	auto_free char *section = near ? NULL : section_with(r, p->key, DEPTH_MAX);
	if (section)
		return xasprintf("%s has no key '%.100s'; it goes under '%s'", r->what, p->key,
				 section);
	if (r == &record_top && !near && record_field(&record_service, p->key))
		return xasprintf("a stack file has no key '%.100s'; it goes into a service, under "
				 "'services'",
				 p->key);
	if (r == &record_top && !near && p->value->kind == NODE_MAP)
		return xasprintf("a stack file has no key '%.100s'; services go under 'services'",
				 p->key);
	return xasprintf("%s has no key '%.100s'%s%s%s", r->what, p->key,
			 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}
