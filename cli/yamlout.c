/* SPDX-License-Identifier: Apache-2.0
 * Data as YAML; see yamlout.h. */
#include "cli/yamlout.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define KEY_MAX 160 /* bytes; quoted, a key may be six times as long */

static void indent(struct str *s, size_t depth)
{
	for (size_t i = 0; i < depth; i++)
		str_add(s, "  ");
}

/* Words that a reader of YAML 1.1 or 1.2 would take for something else than a string. */
static bool is_word(const char *t)
{
	static const char *const words[] = {"null", "true", "false", "yes", "no", "on",
					    "off",  "y",    "n",     "~",   ".",  "-",
					    "<<",   "=",    ".inf",  ".nan"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if ((words[i][0] | 0x20) == (t[0] | 0x20) && strcasecmp(words[i], t) == 0)
			return true;
	return false;
}

/* The bytes of the character here when it cannot stand in YAML as it is: controls, line breaks of Unicode,
 * byte order marks (YAML 1.2, 5.1); 0: it can. */
static size_t unprintable(const char *t, unsigned *ret_code)
{
	const unsigned char *u = (const unsigned char *)t;
	unsigned code = u[0];
	size_t n = 1;

	if (code == 0xc2) {
		code = u[1];
		n = 2;
	} else if (code >= 0xe0 && code < 0xf0 && u[1] && u[2]) {
		code = (code & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
		n = 3;
	}
	*ret_code = code;
	if (n == 3)
		return code == 0x2028 || code == 0x2029 || code == 0xfeff || code >= 0xfffe ? 3 : 0;
	return code < 0x20 || (code >= 0x7f && code < 0xa0 && (n == 2 || code == 0x7f)) ? n : 0;
}

/* Letters, digits and a few signs that mean nothing to YAML inside a word; not like a number. */
static bool is_plain(const char *t)
{
	size_t n = strlen(t);
	unsigned code;

	for (const char *p = t; *p; p++)
		if (unprintable(p, &code))
			return false;
	if (n == 0 || is_word(t) || strchr(" -?:,[]{}#&*!|>'\"%@`+.0123456789=~<", t[0]))
		return n > 1 && t[0] == '-' && (t[1] == '-' || t[1] == 'c') && !strpbrk(t, ":#") &&
		       t[n - 1] != ' ';
	return t[n - 1] != ' ' && t[n - 1] != ':' && !strstr(t, ": ") && !strstr(t, " #");
}

/* JSON's quotes are YAML's double quotes. */
static void add_quoted(struct str *s, const char *t)
{
	static const char short_forms[][3] =
		{['\b'] = "\\b", ['\f'] = "\\f", ['\n'] = "\\n", ['\r'] = "\\r",
		 ['\t'] = "\\t", ['"'] = "\\\"", ['\\'] = "\\\\"};
	const char *from = t;

	str_addc(s, '"');
	while (*t) {
		unsigned code;
		size_t n = unprintable(t, &code);
		const char *instead = code < ARRAY_LEN(short_forms) ? short_forms[code] : "";

		if (!n && !*instead) {
			t++;
			continue;
		}
		str_addn(s, from, (size_t)(t - from));
		if (*instead)
			str_add(s, instead);
		else
			str_addf(s, "\\u%04X", code);
		t += n ? n : 1;
		from = t;
	}
	str_addn(s, from, (size_t)(t - from));
	str_addc(s, '"');
}

static void add_string(struct str *s, const char *t)
{
	if (is_plain(t)) {
		str_add(s, t);
		return;
	}
	add_quoted(s, t);
}

/* Whether several lines can stand as they are: a literal block. What begins or ends with blanks or more than one line
 * break, and what cannot be printed, is quoted. */
static bool is_block(const char *t)
{
	size_t n = strlen(t);
	unsigned code;

	if (n < 2 || !strchr(t, '\n') || strchr(" \t\n", t[0]) || strstr(t, " \n") ||
	    t[n - 1] == ' ' || (t[n - 1] == '\n' && t[n - 2] == '\n'))
		return false;
	for (const char *p = t; *p; p++)
		if (*p != '\n' && *p != '\t' && unprintable(p, &code))
			return false;
	return true;
}

/* The last line has no break after it: whoever writes the value ends it. */
static void add_block(struct str *s, const char *t, size_t depth)
{
	size_t n = strlen(t);
	bool ends = t[n - 1] == '\n';

	str_add(s, ends ? "|" : "|-");
	for (const char *line = t, *end = t + n - ends; line <= end;) {
		size_t len = strcspn(line, "\n");

		str_addc(s, '\n');
		if (len)
			indent(s, depth);
		str_addn(s, line, len);
		line += len + 1;
	}
}

static void add_value(struct str *s, const json_t *j, size_t depth, bool in_list);

/* A long key says that it is one: readers look for the ':' of another for 1024 characters (YAML 1.2, 7.4.2). */
static void add_key(struct str *s, const char *k, size_t depth)
{
	bool far = strlen(k) > KEY_MAX;

	if (far)
		str_add(s, "? ");
	add_string(s, k);
	if (far) {
		str_addc(s, '\n');
		indent(s, depth);
	}
	str_addc(s, ':');
}

static void add_map(struct str *s, const json_t *j, size_t depth, bool in_list)
{
	const char *k;
	json_t *v;
	bool first = in_list;

	json_object_foreach((json_t *)j, k, v)
	{
		if (!first)
			indent(s, depth);
		first = false;
		add_key(s, k, depth);
		add_value(s, v, depth + 1, false);
	}
}

static void add_list(struct str *s, const json_t *j, size_t depth)
{
	json_t *v;
	size_t i;

	json_array_foreach(j, i, v)
	{
		indent(s, depth);
		str_addc(s, '-');
		add_value(s, v, depth + 1, true);
	}
}

/* The fewest digits that are read as the same number. */
static void add_real(struct str *s, const json_t *j)
{
	for (size_t digits = 15; digits <= 17; digits++) {
		auto_free char *text = json_dumps(j, JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
		auto_json *same = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

		if (digits == 17 || json_equal(same, j)) {
			str_add(s, text ? text : "null");
			return;
		}
	}
}

static void add_scalar(struct str *s, const json_t *j, size_t depth)
{
	const char *text = json_string_value(j);

	str_addc(s, ' ');
	if (text && is_block(text))
		add_block(s, text, depth);
	else if (text)
		add_string(s, text);
	else if (json_is_real(j))
		add_real(s, j);
	else if (json_is_integer(j))
		str_addf(s, "%lld", (long long)json_integer_value(j));
	else
		str_add(s, json_is_true(j) ? "true" : json_is_false(j) ? "false" : "null");
	str_addc(s, '\n');
}

static void add_value(struct str *s, const json_t *j, size_t depth, bool in_list)
{
	bool map = json_is_object(j), list = json_is_array(j);

	if ((map && json_object_size(j) == 0) || (list && json_array_size(j) == 0)) {
		str_add(s, map ? " {}\n" : " []\n");
	} else if (map) {
		str_add(s, in_list ? " " : "\n");
		add_map(s, j, depth, in_list);
	} else if (list) {
		str_addc(s, '\n');
		add_list(s, j, depth);
	} else {
		add_scalar(s, j, depth);
	}
}

char *yamlout_text(const json_t *j)
{
	struct str s = {0};

	if (json_is_object(j))
		add_map(&s, j, 0, false);
	else if (json_is_array(j))
		add_list(&s, j, 0);
	else
		add_scalar(&s, j, 1);
	return str_take(&s);
}
