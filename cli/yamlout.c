/* SPDX-License-Identifier: Apache-2.0
 * Data as YAML; see yamlout.h. */
#include "cli/yamlout.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

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

	if (n == 0 || is_word(t) || strchr(" -?:,[]{}#&*!|>'\"%@`+.0123456789=~<", t[0]))
		return n > 1 && t[0] == '-' && t[1] != ' ' && (t[1] == '-' || t[1] == 'c') &&
		       !strpbrk(t, ":#\n\t") && t[n - 1] != ' ';
	if (t[n - 1] == ' ' || t[n - 1] == ':' || strstr(t, ": ") || strstr(t, " #"))
		return false;
	for (const char *p = t; *p; p++)
		if (unprintable(p, &code))
			return false;
	return true;
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

static void add_value(struct str *s, const json_t *j, size_t depth, bool in_list);

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
		add_string(s, k);
		str_addc(s, ':');
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

static void add_scalar(struct str *s, const json_t *j)
{
	str_addc(s, ' ');
	if (json_is_string(j)) {
		add_string(s, json_string_value(j));
	} else if (json_is_real(j)) {
		auto_free char *text = json_dumps(j, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

		str_add(s, text ? text : "null");
	} else if (json_is_integer(j)) {
		str_addf(s, "%lld", (long long)json_integer_value(j));
	} else {
		str_add(s, json_is_true(j) ? "true" : json_is_false(j) ? "false" : "null");
	}
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
		add_scalar(s, j);
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
		add_scalar(&s, j);
	return str_take(&s);
}
