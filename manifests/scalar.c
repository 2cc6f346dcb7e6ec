/* SPDX-License-Identifier: Apache-2.0
 * Single values and findings of the decoder; see decode.h. */
#include "base/num.h"
#include "manifests/decode.h"
#include "manifests/limits.h"
#include "manifests/words.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PATH_TEXT_MAX 512 /* a longer path of keys is cut in messages */
#define PATH_KEY_MAX  100 /* of one key */

struct decode_mark decode_enter(struct decode *c, const char *key)
{
	struct decode_mark mark = {c->path.len, c->key};
	if (c->path.len < PATH_TEXT_MAX) {
		if (c->path.len)
			str_addc(&c->path, '.');
		str_addn(&c->path, key, strnlen(key, PATH_KEY_MAX));
	}
	c->key = key;
	return mark;
}

struct decode_mark decode_enter_item(struct decode *c, size_t i)
{
	struct decode_mark mark = {c->path.len, c->key};
	if (c->path.len < PATH_TEXT_MAX)
		str_addf(&c->path, "[%zu]", i);
	return mark;
}

void decode_leave(struct decode *c, struct decode_mark mark)
{
	if (c->path.data) {
		c->path.len = mark.len;
		c->path.data[mark.len] = '\0';
	}
	c->key = mark.key;
}

/* Not known whole: a member is a variable that stands as it is written. */
static bool holds_variable(const struct decode *c, const struct node *n)
{
	for (size_t i = 0; c->in && c->in->no_interpolate && n->kind == NODE_MAP && i < n->n; i++)
		if (n->pairs[i].value->broken)
			return true;
	return false;
}

static void add(struct decode *c, const struct node *n, bool warning, const char *fmt, va_list ap)
	__attribute__((format(printf, 4, 0)));
static void add(struct decode *c, const struct node *n, bool warning, const char *fmt, va_list ap)
{
	if (n->broken || holds_variable(c, n))
		return;
	if (c->in) {
		struct diag_place at = {n->file ? n->file : c->in->file, n->line, n->column};
		diag_addv(c->d, warning, at, fmt, ap);
		return;
	}
	if (warning || diag_full(c->d))
		return;
	auto_free char *text = xvasprintf(fmt, ap);
	diag_error(c->d, (struct diag_place){0}, "%s%s%s", c->path.len ? c->path.data : "",
		   c->path.len ? ": " : "", text);
}

void decode_error(struct decode *c, const struct node *n, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add(c, n, false, fmt, ap);
	va_end(ap);
}

void decode_refuse(struct decode *c, const struct node *n, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add(c, n, c->in && c->in->canonical, fmt, ap);
	va_end(ap);
}

void decode_warn(struct decode *c, const struct node *n, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add(c, n, true, fmt, ap);
	va_end(ap);
}

bool decode_string(struct decode *c, const struct node *n, const char **ret)
{
	if (n->kind == NODE_STR) {
		*ret = n->text;
		return true;
	}
	bool quotable = n->kind == NODE_BOOL || n->kind == NODE_INT || n->kind == NODE_FLOAT;
	if (quotable)
		decode_error(c, n, "'%s' must be a string; write \"%.100s\" in quotes", c->key,
			     n->text);
	else
		decode_error(c, n, "'%s' must be a string, not %s", c->key,
			     node_kind_text(n->kind));
	return false;
}

bool decode_scalar(struct decode *c, const struct node *n, const char **ret)
{
	if (!node_is_scalar(n)) {
		decode_error(c, n, "'%s' must be a string or a number, not %s", c->key,
			     node_kind_text(n->kind));
		return false;
	}
	*ret = n->text;
	return true;
}

bool decode_bool(struct decode *c, const struct node *n, bool *ret)
{
	static const char *const yes[] = {"true", "yes", "on", "y"};
	static const char *const no[] = {"false", "no", "off", "n"};
	const char *text = n->kind == NODE_BOOL || n->kind == NODE_STR ? n->text : "";
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
			*ret = strcasecmp(text, yes[i]) == 0;
			return true;
		}
	}
	decode_error(c, n, "'%s' must be true or false", c->key);
	return false;
}

static bool integer_text(const char *s, bool octal, int64_t *ret)
{
	int base = str_starts(s, "0x") ? 16 : str_starts(s, "0o") ? 8 : 10;
	const char *digits = base == 10 ? s : s + 2;
	if (base == 10 && octal && s[0] == '0' && s[1])
		base = 8;
	if (base == 10)
		return num_parse_i64(s, INT64_MIN, INT64_MAX, ret);
	if (strlen(digits) > 15 || !*digits ||
	    strspn(digits, base == 8 ? "01234567" : "0123456789abcdefABCDEF") != strlen(digits))
		return false;
	*ret = (int64_t)strtoull(digits, NULL, base);
	return true;
}

bool decode_int(struct decode *c, const struct node *n, const struct field *f, int64_t *ret)
{
	const char *text;
	int64_t value;
	if (!decode_scalar(c, n, &text))
		return false;
	if (!integer_text(text, f->flags & FIELD_OCTAL, &value) || value < f->min ||
	    value > f->max) {
		if (f->max == INT64_MAX)
			decode_error(c, n,
				     "'%s' must be a whole number, at least %lld, not "
				     "'%.100s'",
				     c->key, (long long)f->min, text);
		else
			decode_error(c, n,
				     "'%s' must be a whole number from %lld to %lld, not "
				     "'%.100s'",
				     c->key, (long long)f->min, (long long)f->max, text);
		return false;
	}
	*ret = (f->flags & FIELD_NONNEG) && value < 0 ? 0 : value;
	return true;
}

static bool collection(struct decode *c, const struct node *n, enum node_kind kind, size_t max)
{
	if (n->kind != kind) {
		decode_error(c, n, "'%s' must be %s, not %s", c->key, node_kind_text(kind),
			     node_kind_text(n->kind));
		return false;
	}
	if (n->n > max) {
		decode_error(c, n, "'%s' has %u entries; at most %zu are allowed", c->key, n->n,
			     max);
		return false;
	}
	return true;
}

bool decode_list(struct decode *c, const struct node *n, size_t max)
{
	return collection(c, n, NODE_SEQ, max);
}

bool decode_map(struct decode *c, const struct node *n, size_t max)
{
	return collection(c, n, NODE_MAP, max);
}

bool decode_strings(struct decode *c, const struct node *n, bool numbers, struct strlist *out)
{
	bool ok = decode_list(c, n, LIMIT_SERVICE_LIST);
	for (size_t i = 0; ok && i < n->n; i++) {
		const char *text;
		const struct node *item = n->items[i];
		bool number = item->kind == NODE_INT || item->kind == NODE_FLOAT;
		struct decode_mark mark = decode_enter_item(c, i);
		if (numbers && number)
			strlist_add(out, item->text);
		else if (decode_string(c, item, &text))
			strlist_add(out, text);
		else
			ok = false;
		decode_leave(c, mark);
	}
	return ok;
}

char *decode_host_path(struct decode *c, const struct node *n, const char *text)
{
	auto_free char *full = NULL;
	if (text[0] == '/') {
		full = xstrdup(text);
	} else if (!c->in || (text[0] != '~' && !c->in->project_dir)) {
		decode_error(c, n, "the host path '%.200s' must be absolute", text);
		return NULL;
	} else if (text[0] == '~') {
		const char *home = c->in->env ? kvlist_get(c->in->env, "HOME") : NULL;
		if (!home || home[0] != '/' || (text[1] && text[1] != '/')) {
			decode_error(c, n, "'%.200s' cannot be resolved; write an absolute path",
				     text);
			return NULL;
		}
		full = xasprintf("%s%s", home, text + 1);
	} else {
		full = xasprintf("%s/%s", c->in->project_dir, text);
	}
	if (strlen(full) >= LIMIT_PATH) {
		decode_error(c, n, "a path is longer than %d bytes", LIMIT_PATH);
		return NULL;
	}
	return path_clean(full);
}

char *decode_container_path(struct decode *c, const struct node *n, const char *text)
{
	if (text[0] != '/' || strlen(text) >= LIMIT_PATH) {
		decode_refuse(c, n, "the path in the container must be absolute, not '%.200s'",
			      text);
		return NULL;
	}
	return path_clean(text);
}
