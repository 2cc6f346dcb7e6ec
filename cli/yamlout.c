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

/* Letters, digits and a few signs that mean nothing to YAML inside a word; not like a number. */
static bool is_plain(const char *t)
{
	size_t n = strlen(t);

	if (n == 0 || is_word(t) || strchr(" -?:,[]{}#&*!|>'\"%@`+.0123456789=~<", t[0]))
		return n > 1 && t[0] == '-' && t[1] != ' ' && (t[1] == '-' || t[1] == 'c') &&
		       !strpbrk(t, ":#\n\t") && t[n - 1] != ' ';
	if (t[n - 1] == ' ' || t[n - 1] == ':' || strstr(t, ": ") || strstr(t, " #"))
		return false;
	for (const char *p = t; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

static void add_string(struct str *s, const char *t)
{
	if (is_plain(t)) {
		str_add(s, t);
		return;
	}
	/* JSON's quotes are YAML's double quotes */
	auto_json *j = json_string(t);
	char *text = json_dumps(j, JSON_ENCODE_ANY);

	str_add(s, text ? text : "\"\"");
	free(text);
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
	char *text;

	str_addc(s, ' ');
	if (json_is_string(j)) {
		add_string(s, json_string_value(j));
		str_addc(s, '\n');
		return;
	}
	text = json_dumps(j, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	str_addf(s, "%s\n", text ? text : "null");
	free(text);
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
