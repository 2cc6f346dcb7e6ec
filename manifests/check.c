/* SPDX-License-Identifier: Apache-2.0
 * The schema's rules by the table; see check.h. */
#include "manifests/check.h"
#include "base/map.h"
#include "base/num.h"
#include "manifests/plain.h"
#include "manifests/shape.h"
#include "manifests/units.h"
#include "manifests/words.h"

#include <regex.h>
#include <string.h>
#include <strings.h>

#define WHOLE_MAX 9e18 /* below INT64_MAX, which a double cannot be */

static enum field_type value_type(const struct field *f)
{
	return f->type ? f->type : f->canon;
}

static unsigned type_kinds(const struct field *f)
{
	switch (value_type(f)) {
	case FIELD_NONE:
		return KIND_ANY;
	case FIELD_STRING:
	case FIELD_CHOICE:
	case FIELD_EITHER:
	case FIELD_DURATION:
		return KIND_STR;
	case FIELD_BOOL:
		return KIND_BOOL | KIND_STR;
	case FIELD_INT:
	case FIELD_MICROS:
		return KIND_INT | KIND_STR;
	case FIELD_RECORDS:
		return KIND_SEQ;
	case FIELD_CPUS:
	case FIELD_SIZE:
		return KIND_NUM | KIND_STR;
	case FIELD_LIST:
		return KIND_SEQ;
	case FIELD_STRING_LIST:
		return KIND_SEQ | KIND_STR;
	case FIELD_WORDS:
		return KIND_NULL | KIND_STR | KIND_SEQ;
	case FIELD_PAIRS:
		return KIND_MAP | KIND_SEQ;
	case FIELD_SECTION:
		return KIND_MAP | (f->record->nullable ? KIND_NULL : 0);
	}
	return KIND_ANY;
}

unsigned field_kinds(const struct field *f)
{
	if (f->kinds)
		return f->kinds;
	switch (f->form) {
	case FORM_TYPE:
	case FORM_SET:
		return type_kinds(f);
	case FORM_ANY:
		return KIND_ANY;
	case FORM_OBJECT:
		return KIND_MAP | (f->shape ? KIND_STR : 0) | (f->record->nullable ? KIND_NULL : 0);
	case FORM_NAMED:
		return KIND_MAP;
	case FORM_ITEMS:
		return KIND_SEQ;
	case FORM_WORDS:
		return KIND_NULL | KIND_STR | KIND_SEQ;
	}
	return KIND_ANY;
}

unsigned field_members(const struct field *f)
{
	if (f->members)
		return f->members;
	if (f->form == FORM_NAMED)
		return KIND_MAP | (f->record->nullable ? KIND_NULL : 0);
	if (f->form == FORM_ITEMS)
		return KIND_MAP | (f->shape ? KIND_STR : 0);
	switch (value_type(f)) {
	case FIELD_LIST:
	case FIELD_STRING_LIST:
	case FIELD_WORDS:
		return KIND_STR | (f->flags & FIELD_NUMBERS ? KIND_NUM : 0);
	case FIELD_PAIRS:
		return KIND_STR | KIND_NUM | KIND_BOOL | KIND_NULL;
	case FIELD_NONE:
		return f->form == FORM_WORDS ? KIND_STR : KIND_ANY;
	case FIELD_STRING:
	case FIELD_BOOL:
	case FIELD_INT:
	case FIELD_CPUS:
	case FIELD_SIZE:
	case FIELD_DURATION:
	case FIELD_CHOICE:
	case FIELD_EITHER:
	case FIELD_MICROS:
	case FIELD_RECORDS:
	case FIELD_SECTION:
		break;
	}
	return KIND_ANY;
}

static void wrong(const struct check *c, struct node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void wrong(const struct check *c, struct node *n, const char *fmt, ...)
{
	va_list ap;
	struct diag_place at = {n->file ? n->file : c->file, n->line, n->column};
	if (!n->broken) {
		va_start(ap, fmt);
		diag_addv(c->d, false, at, fmt, ap);
		va_end(ap);
	}
	n->broken = true;
}

static bool kind_fits(const struct node *n, unsigned kinds)
{
	double value;
	switch (n->kind) {
	case NODE_NULL:
		return kinds & KIND_NULL;
	case NODE_BOOL:
		return kinds & KIND_BOOL;
	case NODE_INT:
		return kinds & (KIND_INT | KIND_NUM);
	case NODE_FLOAT: /* 3.0 is a whole number as well */
		return (kinds & KIND_NUM) ||
		       ((kinds & KIND_INT) && num_parse_double(n->text, &value) &&
			value > -WHOLE_MAX && value < WHOLE_MAX && value == (double)(int64_t)value);
	case NODE_STR:
		return kinds & KIND_STR;
	case NODE_SEQ:
		return kinds & KIND_SEQ;
	case NODE_MAP:
		return kinds & KIND_MAP;
	}
	return false;
}

/* "a string or a list" */
static char *kinds_text(unsigned kinds)
{
	static const struct {
		unsigned kind;
		const char *text;
	} all[] = {{KIND_BOOL, "true or false"}, {KIND_INT, "a whole number"},
		   {KIND_NUM, "a number"},       {KIND_STR, "a string"},
		   {KIND_SEQ, "a list"},         {KIND_MAP, "a mapping"}};
	struct str s = {0};
	size_t left = 0;
	/* what takes truth values and numbers as text is worth calling a string; what takes them written as strings is not */
	if ((kinds & KIND_STR) && (kinds & KIND_BOOL) && (kinds & KIND_NUM))
		kinds &= ~(KIND_BOOL | KIND_INT | KIND_NUM);
	else if (kinds & (KIND_BOOL | KIND_INT | KIND_NUM) && !(kinds & (KIND_SEQ | KIND_MAP)))
		kinds &= ~KIND_STR;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		left += (kinds & all[i].kind) != 0;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (kinds & all[i].kind)
			str_addf(&s, "%s%s",
				 s.len == 0   ? ""
				 : --left > 1 ? ", "
					      : " or ",
				 all[i].text);
	return str_take(&s);
}

static bool kind_check(const struct check *c, struct node *n, unsigned kinds, const char *key)
{
	if (kind_fits(n, kinds))
		return true;
	auto_free char *text = kinds_text(kinds);
	bool quotes = node_is_scalar(n) && (kinds & KIND_STR) &&
		      !(kinds & (KIND_BOOL | KIND_INT | KIND_NUM));
	wrong(c, n, "'%.100s' must be %s, not %s%s", key, text, node_kind_text(n->kind),
	      quotes ? "; write it in quotes" : "");
	return false;
}

static bool is_bool_word(const char *text)
{
	static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "y", "n"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

static bool pattern_fits(const char *pattern, const char *text)
{
	regex_t re;
	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	bool fits = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return fits;
}

static void words_check(const struct check *c, const struct field *f, struct node *n)
{
	auto_str list = {0};
	for (size_t i = 0; f->words[i]; i++) {
		if (streq(f->words[i], n->text))
			return;
		str_addf(&list, "%s%s", i ? ", " : "", f->words[i]);
	}
	wrong(c, n, "'%s' cannot be '%.100s'; write one of: %s", f->name, n->text, list.data);
}

static void number_check(const struct check *c, const struct field *f, struct node *n)
{
	int64_t value;
	double real;
	bool bounded = f->min || f->max;
	bool octal = (f->flags & FIELD_OCTAL) && n->text[0] == '0' && n->text[1];
	if (octal || str_starts(n->text, "0x") || n->kind == NODE_FLOAT)
		return; /* the decoder reads these */
	if (!num_parse_i64(*n->text == '+' ? n->text + 1 : n->text, INT64_MIN, INT64_MAX, &value)) {
		if (num_parse_double(n->text, &real) && n->kind != NODE_STR)
			return;
		wrong(c, n, "'%s' must be a whole number, not '%.100s'", f->name, n->text);
	} else if (bounded && f->max == INT64_MAX && value < f->min) {
		wrong(c, n, "'%s' must be a whole number, at least %lld, not '%.100s'", f->name,
		      (long long)f->min, n->text);
	} else if (bounded && (value < f->min || value > f->max)) {
		wrong(c, n, "'%s' must be a whole number from %lld to %lld, not '%.100s'", f->name,
		      (long long)f->min, (long long)f->max, n->text);
	}
}

/* The text of a scalar of the right kind. */
static void text_check(const struct check *c, const struct field *f, struct node *n)
{
	int64_t value;
	double real;
	if (!node_is_scalar(n) || (c->raw && strchr(n->text, '$')))
		return;
	if (f->words && n->kind == NODE_STR) {
		words_check(c, f, n);
		return;
	}
	switch (value_type(f)) {
	case FIELD_BOOL:
		if (!is_bool_word(n->text))
			wrong(c, n, "'%s' must be true or false, not '%.100s'", f->name, n->text);
		return;
	case FIELD_INT:
		number_check(c, f, n);
		return;
	case FIELD_CPUS:
		if (!num_parse_double(n->text, &real) || real < 0 ||
		    (f->max && real > (double)f->max))
			wrong(c, n, "'%s' must be a number such as 0.5, not '%.100s'", f->name,
			      n->text);
		return;
	case FIELD_SIZE:
		if (!units_size(n->text, &value) &&
		    (n->kind == NODE_STR || !num_parse_double(n->text, &real)))
			wrong(c, n, "'%s' must be a size such as 64m or 1g, not '%.100s'", f->name,
			      n->text);
		return;
	case FIELD_DURATION:
		if (!units_duration(n->text, &value))
			wrong(c, n, "'%s' must be a duration such as 10s or 1m30s, not '%.100s'",
			      f->name, n->text);
		return;
	case FIELD_STRING:
	case FIELD_CHOICE:
	case FIELD_EITHER:
		if (f->pattern && !pattern_fits(f->pattern, n->text))
			wrong(c, n, "'%s' cannot be '%.100s'; it must fit %s", f->name, n->text,
			      f->pattern);
		return;
	case FIELD_NONE:
	case FIELD_LIST:
	case FIELD_STRING_LIST:
	case FIELD_WORDS:
	case FIELD_PAIRS:
	case FIELD_MICROS: /* the decoder says */
	case FIELD_RECORDS:
	case FIELD_SECTION:
		return;
	}
}

static bool has_record(const struct field *f)
{
	return f->record && (f->form == FORM_OBJECT || f->form == FORM_NAMED ||
			     f->form == FORM_ITEMS || f->type == FIELD_SECTION);
}

static bool name_fits(const char *name)
{
	return *name && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789._-") == strlen(name);
}

static void entry_written(const struct check *c, const struct field *f, struct node *n,
			  unsigned kinds, const char *key)
{
	if (n->broken || n->tag == NODE_RESET || !kind_check(c, n, kinds, key))
		return;
	if (n->kind == NODE_MAP && has_record(f))
		check_written(c, f->record, n);
	for (size_t i = 0; n->kind == NODE_SEQ && i < n->n; i++)
		kind_check(c, n->items[i], KIND_STR, key);
}

static void list_written(const struct check *c, const struct field *f, struct node *n)
{
	bool instead = f->form == FORM_NAMED || value_type(f) == FIELD_PAIRS ||
		       (field_kinds(f) & KIND_MAP);
	struct map seen = {0};
	for (size_t i = 0; i < n->n; i++) {
		struct node *item = n->items[i];
		entry_written(c, f, item, instead ? KIND_STR : field_members(f), f->name);
		if (f->form != FORM_NAMED || item->kind != NODE_STR)
			continue;
		if (map_has(&seen, item->text))
			wrong(c, item, "'%.100s' is there twice; keep one", item->text);
		map_set(&seen, item->text, n);
	}
	map_clear(&seen);
}

/* What a container is given is told where it is not what was written. */
static void plain_written(const struct check *c, struct node *n, const char *key)
{
	auto_free char *text = node_is_scalar(n) ? plain_text(n->kind, n->text) : NULL;
	if (!text || n->broken)
		return;
	diag_warn(c->d, (struct diag_place){n->file ? n->file : c->file, n->line, n->column},
		  "'%.100s' is '%s' here, the value that YAML sees; write \"%.100s\" in quotes to "
		  "keep "
		  "it as it is",
		  key, text, n->text);
	n->text = tree_text(c->t, text, strlen(text));
}

static void map_written(const struct check *c, const struct field *f, struct node *n)
{
	/* the schema lets ulimits and models have any name */
	bool names = f->form == FORM_NAMED && f->members == 0;
	for (size_t i = 0; i < n->n; i++) {
		struct node_pair *p = &n->pairs[i];
		if (names && !name_fits(p->key)) {
			struct node key = {.file = p->value->file,
					   .line = p->line,
					   .column = p->column};
			wrong(c, &key,
			      "the name '%.100s' may have letters, digits, '-', '_' and '.'",
			      p->key);
			p->value->broken = true;
		}
		/* a later file may bring the value */
		if (p->value->kind != NODE_NULL)
			entry_written(c, f, p->value, field_members(f), p->key);
		if (value_type(f) == FIELD_PAIRS)
			plain_written(c, p->value, p->key);
	}
}

static void value_written(const struct check *c, const struct field *f, struct node *n)
{
	if (n->broken || n->tag == NODE_RESET || n->kind == NODE_NULL)
		return;
	if (value_type(f) == FIELD_DURATION && node_is_scalar(n) && n->kind != NODE_STR)
		wrong(c, n, "'%s' must be a duration such as 10s or 1m30s, not '%.100s'", f->name,
		      n->text);
	if (n->broken || !kind_check(c, n, field_kinds(f), f->name))
		return;
	if (n->kind == NODE_SEQ)
		list_written(c, f, n);
	else if (n->kind == NODE_MAP && f->record &&
		 (f->form == FORM_OBJECT || f->type == FIELD_SECTION))
		check_written(c, f->record, n);
	else if (n->kind == NODE_MAP && f->form != FORM_ANY)
		map_written(c, f, n);
	else
		text_check(c, f, n);
}

void check_written(const struct check *c, const struct record *r, struct node *map)
{
	for (size_t i = 0; i < map->n && !diag_full(c->d); i++) {
		struct node_pair *p = &map->pairs[i];
		const struct field *f = record_field(r, p->key);
		if (f) {
			value_written(c, f, p->value);
		} else if (r->closed || !str_starts(p->key, "x-")) {
			struct node key = {.file = p->value->file,
					   .line = p->line,
					   .column = p->column,
					   .broken = p->value->broken};
			auto_free char *text = check_unknown_text(r, p);
			wrong(c, &key, "%s", text);
			p->value->broken = true;
		}
	}
}

static void unique_check(const struct check *c, struct node *n)
{
	struct map seen = {0};
	for (size_t i = 0; i < n->n; i++) {
		struct node *item = n->items[i];
		if (!node_is_scalar(item))
			continue;
		if (map_has(&seen, item->text))
			wrong(c, item, "'%.100s' is there twice; keep one", item->text);
		map_set(&seen, item->text, n);
	}
	map_clear(&seen);
}

static void null_check(const struct check *c, struct node *n, unsigned kinds, const char *key,
		       const struct node_pair *at)
{
	struct node place = {.file = n->file,
			     .line = at->line,
			     .column = at->column,
			     .broken = n->broken};
	if (n->kind != NODE_NULL || (kinds & KIND_NULL) || n->tag == NODE_RESET)
		return;
	auto_free char *text = kinds_text(kinds);
	wrong(c, &place, "'%.100s' has no value: it must be %s; give it one, or leave it out", key,
	      text);
	n->broken = true;
}

static void value_whole(const struct check *c, const struct field *f, struct node *n)
{
	if (n->broken || n->tag == NODE_RESET)
		return;
	if (n->kind == NODE_MAP && f->record &&
	    (f->form == FORM_OBJECT || f->type == FIELD_SECTION)) {
		check_whole(c, f->record, n);
		return;
	}
	bool inside = has_record(f) && f->form != FORM_OBJECT;
	for (size_t i = 0; n->kind == NODE_MAP && f->form != FORM_ANY && i < n->n; i++) {
		struct node *v = n->pairs[i].value;
		null_check(c, v, field_members(f), n->pairs[i].key, &n->pairs[i]);
		if (inside && v->kind == NODE_MAP && v->tag != NODE_RESET && !v->broken)
			check_whole(c, f->record, v);
	}
	for (size_t i = 0; inside && n->kind == NODE_SEQ && i < n->n; i++)
		if (n->items[i]->kind == NODE_MAP && !n->items[i]->broken)
			check_whole(c, f->record, n->items[i]);
	if (n->kind == NODE_SEQ && (f->flags & FIELD_UNIQUE))
		unique_check(c, n);
}

void check_whole(const struct check *c, const struct record *r, struct node *map)
{
	for (size_t i = 0; i < map->n && !diag_full(c->d); i++) {
		const struct node_pair *p = &map->pairs[i];
		const struct field *f = record_field(r, p->key);
		if (!f)
			continue;
		null_check(c, p->value, field_kinds(f), p->key, p);
		value_whole(c, f, p->value);
	}
	for (size_t i = 0; i < r->n; i++)
		if ((r->fields[i].flags & FIELD_NEEDED) && !node_find(map, r->fields[i].name))
			wrong(c, map, "%s needs '%s', %s", r->what, r->fields[i].name,
			      r->fields[i].doc);
}
