/* SPDX-License-Identifier: Apache-2.0
 * KEY=VALUE files; see dotenv_parse in stackfile.h. */
#include "manifests/dotenv.h"
#include "manifests/interp.h"
#include "manifests/limits.h"
#include "manifests/stackinput.h"
#include "manifests/words.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

struct dotenv {
	const char *p, *end, *line_start;
	int line;
	struct interp in;
	struct kvlist *out;
	struct diag *d;
	const char *file;
};

static struct diag_place here(const struct dotenv *e)
{
	return (struct diag_place){e->file, e->line, (int)(e->p - e->line_start) + 1};
}

static void next_char(struct dotenv *e)
{
	if (*e->p++ == '\n') {
		e->line++;
		e->line_start = e->p;
	}
}

static void skip_blanks(struct dotenv *e)
{
	while (e->p < e->end && (*e->p == ' ' || *e->p == '\t' || *e->p == '\r'))
		e->p++;
}

static void skip_line(struct dotenv *e)
{
	while (e->p < e->end && *e->p != '\n')
		e->p++;
}

/* Letters of other scripts too, as in Compose. */
static bool is_key_char(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || (c && strchr("_.-[]", c));
}

/* A letter after a backslash in double quotes; what is no escape stays as it was written. */
static void add_escape(struct str *s, char c)
{
	static const char from[] = "abfnrtv\"\\", to[] = "\a\b\f\n\r\t\v\"\\";
	const char *at = strchr(from, c);
	if (c == '$')
		str_add(s, "$$");
	else if (c && at)
		str_addc(s, to[at - from]);
	else
		str_addf(s, "\\%c", c);
}

/* "\0ddd": the byte with this octal number; only ASCII, so that text stays UTF-8. */
static bool add_octal(struct dotenv *e, struct str *s)
{
	int value = 0, digits = 0;
	if (*e->p != '0')
		return false;
	while (digits < 3 && e->p + 1 + digits < e->end && e->p[1 + digits] >= '0' &&
	       e->p[1 + digits] <= '7')
		value = value * 8 + (e->p[1 + digits++] - '0');
	if (digits < 3 || value == 0 || value > 0x7f)
		return false;
	e->p += 1 + digits;
	if (value == '$')
		str_add(s, "$$");
	else
		str_addc(s, (char)value);
	return true;
}

/* In quotes a value may run over several lines. raw gets it, with what must not be expanded
 * written as $$. */
static int read_quoted(struct dotenv *e, struct str *raw)
{
	char quote = *e->p;
	struct diag_place start = here(e);
	next_char(e);
	while (e->p < e->end && *e->p != quote) {
		char c = *e->p;
		if (quote == '"' && c == '\\' && e->p + 1 < e->end) {
			next_char(e);
			if (add_octal(e, raw))
				continue;
			add_escape(raw, *e->p);
		} else if (quote == '\'' && c == '\\' && e->p + 1 < e->end && e->p[1] == quote) {
			next_char(e);
			str_addc(raw, quote);
		} else if (quote == '\'' && c == '$') {
			str_add(raw, "$$");
		} else {
			str_addc(raw, c);
		}
		next_char(e);
	}
	if (e->p == e->end) {
		diag_error(e->d, start, "the quotation that begins here has no end");
		return -EINVAL;
	}
	next_char(e);
	skip_blanks(e);
	if (e->p < e->end && *e->p != '\n' && *e->p != '#') {
		diag_error(e->d, here(e), "nothing may follow the quotation in this line");
		return -EINVAL;
	}
	skip_line(e);
	return 0;
}

static void read_plain(struct dotenv *e, struct str *raw)
{
	const char *start = e->p;
	while (e->p < e->end && *e->p != '\n') {
		/* Compose takes a '#' at the beginning, or after a tab, for part of the value */
		if (*e->p == '#' && e->p > start && e->p[-1] == ' ')
			break;
		e->p++;
	}
	const char *stop = e->p;
	while (stop > start && isspace((unsigned char)stop[-1]))
		stop--;
	str_addn(raw, start, (size_t)(stop - start));
	skip_line(e);
}

static int read_value(struct dotenv *e, const char *key)
{
	auto_str raw = {0};
	skip_blanks(e);
	e->in.at = here(e);
	str_add(&raw, "");
	if (e->p < e->end && (*e->p == '"' || *e->p == '\'')) {
		int rc = read_quoted(e, &raw);
		if (rc < 0)
			return rc;
	} else {
		read_plain(e, &raw);
	}
	auto_free char *value = interp_text(&e->in, raw.data);
	if (!value)
		return -EINVAL;
	kvlist_set(e->out, key, value);
	return 0;
}

static int read_entry(struct dotenv *e)
{
	const char export_[] = "export";
	size_t n = sizeof(export_) - 1;
	if ((size_t)(e->end - e->p) > n && memcmp(e->p, export_, n) == 0 &&
	    isblank((unsigned char)e->p[n])) {
		e->p += n;
		skip_blanks(e);
	}
	const char *start = e->p;
	while (e->p < e->end && is_key_char(*e->p))
		e->p++;
	auto_free char *key = xstrndup(start, (size_t)(e->p - start));
	skip_blanks(e);
	bool ends = e->p == e->end || *e->p == '\n' || *e->p == '#';
	if (!*key || (!ends && *e->p != '=' && *e->p != ':')) {
		diag_error(e->d, here(e),
			   "a line must be KEY=VALUE; a key has letters, digits, "
			   "'_', '.' and '-'");
		return -EINVAL;
	}
	if (e->out->n >= LIMIT_SERVICE_LIST) {
		diag_error(e->d, here(e), "the file has more than %d keys", LIMIT_SERVICE_LIST);
		return -EINVAL;
	}
	if (ends) {
		const char *inherited = e->in.env ? kvlist_get(e->in.env, key) : NULL;
		if (inherited)
			kvlist_set(e->out, key, inherited);
		skip_line(e);
		return 0;
	}
	e->p++;
	return read_value(e, key);
}

int dotenv_parse_raw(const char *file, const char *text, size_t len, const struct kvlist *env,
		     struct kvlist *out, struct diag *d)
{
	const char *end = text + len;
	int line = 1;
	for (const char *p = text; p < end; line++) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		size_t n = stop ? (size_t)(stop - p) : (size_t)(end - p);
		if (n > 0 && p[n - 1] == '\r')
			n--;
		auto_free char *own = xstrndup(p, n);
		const char *entry = own + strspn(own, " \t");
		const char *equals = strchr(entry, '=');
		auto_free char *key =
			equals ? xstrndup(entry, (size_t)(equals - entry)) : xstrdup(entry);
		const char *value = equals ? equals + 1 : env ? kvlist_get(env, key) : NULL;
		struct diag_place at = {file, line, 1};
		p = stop ? stop + 1 : end;
		if (!*entry || *entry == '#')
			continue;
		if (!*key || strlen(own) < n || !utf8_valid(own) || out->n >= LIMIT_SERVICE_LIST) {
			diag_error(d, at, "a line must be KEY=VALUE, at most %d of them",
				   LIMIT_SERVICE_LIST);
			return -EINVAL;
		}
		if (value)
			kvlist_set(out, key, value);
	}
	return 0;
}

int dotenv_parse(const char *file, const char *text, size_t len, const struct kvlist *env,
		 struct kvlist *out, struct diag *d)
{
	size_t errors = d->n_errors;
	struct dotenv e = {.p = text,
			   .end = text + len,
			   .line_start = text,
			   .line = 1,
			   .in = {.env = env, .before = out, .d = d, .left = STACKFILE_BYTES_MAX},
			   .out = out,
			   .d = d,
			   .file = file};
	const char *nul = len ? memchr(text, '\0', len) : NULL;
	if (nul) {
		diag_error(d, (struct diag_place){file, 0, 0}, "the file holds a NUL character");
		return -EINVAL;
	}
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		e.p = e.line_start = text + 3;
	while (e.p < e.end && !diag_full(d)) {
		skip_blanks(&e);
		if (e.p == e.end)
			break;
		if (*e.p == '#')
			skip_line(&e);
		else if (*e.p != '\n' && read_entry(&e) < 0)
			skip_line(&e);
		if (e.p < e.end)
			next_char(&e);
	}
	return d->n_errors > errors ? -EINVAL : 0;
}
