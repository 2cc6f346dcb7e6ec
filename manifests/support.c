/* SPDX-License-Identifier: Apache-2.0
 * The table of the language as a list; see stackfile_support in stackfile.h. */
#include "manifests/fields.h"
#include "manifests/stackfile.h"

#include <string.h>

#define DEPTH_MAX 8 /* of sections in sections; none is deeper */

static const char *support_word(enum field_support s)
{
	switch (s) {
	case FIELD_HONOURED:
		return "honoured";
	case FIELD_KEPT:
		return "kept";
	case FIELD_UNUSED:
		return "unused";
	case FIELD_REFUSED:
		return "refused";
	}
	return "refused";
}

/* above: of the section that the record is in; what is inside it is honoured no more than that */
static void add_record(json_t *rows, const struct record *r, const char *prefix,
		       enum field_support above, int depth)
{
	for (size_t i = 0; i < r->n && depth < DEPTH_MAX; i++) {
		const struct field *f = &r->fields[i];
		if (f->flags & FIELD_CANON)
			continue;
		enum field_support s = f->support > above ? f->support : above;
		auto_free char *path = xasprintf("%s%s%s", prefix, *prefix ? "." : "", f->name);
		json_t *row = json_object();
		json_put_str(row, "path", path);
		json_put_str(row, "support", support_word(s));
		json_put_str(row, "doc", f->doc);
		json_array_append_new(rows, row);
		bool section = f->form == FORM_OBJECT || f->type == FIELD_SECTION;
		bool many = f->form == FORM_NAMED || f->form == FORM_ITEMS;
		if (!f->record || (!section && !many))
			continue;
		auto_free char *inside = xasprintf("%s%s", path, many ? ".*" : "");
		add_record(rows, f->record, inside, s, depth + 1);
	}
}

json_t *stackfile_support(void)
{
	json_t *rows = json_array();
	add_record(rows, &record_top, "", FIELD_HONOURED, 0);
	return rows;
}
