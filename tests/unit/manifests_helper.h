/* SPDX-License-Identifier: Apache-2.0
 * What the tests of manifests/ share: parsing a text with a few variables, and its findings. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* needs the four above, so it stands apart */
#include <cmocka.h>

#include "manifests/canon.h"
#include "manifests/stackfile.h"
#include <errno.h>
#include <string.h>

static int helper_read(const char *path, char **ret, size_t *len, void *arg)
{
	(void)arg;
	if (str_ends(path, "/huge")) {
		*len = 2 << 20;
		*ret = xcalloc(1, *len + 1);
		return 0;
	}
	if (str_ends(path, "/binary")) {
		*len = 3;
		*ret = xmemdup("a\0b", 4);
		return 0;
	}
	if (!str_ends(path, "/app.env"))
		return -ENOENT;
	*ret = xstrdup("A=from file\nB=\"b $HOME\"\n");
	*len = strlen(*ret);
	return 0;
}

static inline struct spec_stack *parse(const char *text, struct diag *d)
{
	struct kvlist env = {0};
	kvlist_set(&env, "HOME", "/home/u");
	kvlist_set(&env, "EMPTY", "");
	kvlist_set(&env, "V", "value");
	struct stackfile_input in = {.file = "t.yaml",
				     .text = text,
				     .len = strlen(text),
				     .project_dir = "/srv/My App",
				     .env = &env,
				     .values = true,
				     .read = helper_read};
	struct spec_stack *s = stackfile_parse(&in, d);
	kvlist_done(&env);
	return s;
}

/* Parses what must be right. */
static inline struct spec_stack *parse_ok(const char *text)
{
	struct diag d = {0};
	struct spec_stack *s = parse(text, &d);
	for (size_t i = 0; i < d.n && !s; i++)
		print_error("%d:%d: %s\n", d.v[i].line, d.v[i].column, d.v[i].text);
	assert_non_null(s);
	diag_done(&d);
	return s;
}

/* The first finding (an error, or a warning when the text is right) must be at line:column and
 * hold the words. */
static inline void expect_finding(const char *text, bool warning, int line, int column,
				  const char *words)
{
	struct diag d = {0};
	struct spec_stack *s = parse(text, &d);
	const struct diag_line *l = NULL;
	for (size_t i = 0; i < d.n && !l; i++)
		if (d.v[i].warning == warning)
			l = &d.v[i];
	if (!l || l->line != line || l->column != column || !strstr(l->text, words))
		print_error("text:\n%s\ngot %d:%d '%s', not %d:%d '%s'\n", text, l ? l->line : -1,
			    l ? l->column : -1, l ? l->text : "nothing", line, column, words);
	assert_non_null(l);
	assert_int_equal(l->line, line);
	assert_int_equal(l->column, column);
	assert_non_null(strstr(l->text, words));
	if (warning)
		assert_non_null(s);
	else
		assert_null(s);
	spec_stack_free(s);
	diag_done(&d);
}

struct finding { /* an error, the first that there is */
	const char *text;
	int line, column;
	const char *words;
};

static inline void expect_errors(const struct finding *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_finding(v[i].text, false, v[i].line, v[i].column, v[i].words);
}

/* parse(print(s)) must be s. */
static inline void expect_round_trip(const struct spec_stack *s)
{
	struct err err = {0};
	struct spec_stack *again = NULL;
	auto_json *j = canon_stack(s);
	if (canon_stack_parse(j, &again, &err) < 0)
		print_error("%s\n", err.text);
	assert_non_null(again);
	auto_json *j2 = canon_stack(again);
	auto_free char *a = json_text(j), *b = json_text(j2);
	assert_string_equal(a, b);
	for (size_t i = 0; i < s->n_services; i++) {
		char ha[65], hb[65];
		canon_task_hash(&s->services[i], ha);
		canon_task_hash(&again->services[i], hb);
		assert_string_equal(ha, hb);
	}
	spec_stack_free(again);
}
