/* SPDX-License-Identifier: Apache-2.0
 * Real files beside what a reference tool made of them: CARRACK_CORPUS (default ../shared/corpus)
 * has INDEX.tsv (folder, main file, "ok" or an error) and in each folder expected.compose.yaml.
 * Prints how many are taken or refused alike and how many canonical files are equal, and fails when
 * these fall below what was reached before. */
#include "base/fd.h"
#include "base/num.h"
#include "manifests/yaml.h"
#include "manifests_helper.h"
#include <stdio.h>

#define ALIKE_LEAST 99 /* of a hundred, with those that docs/compose.md explains */
#define EQUAL_LEAST 99

struct counts {
	size_t files, alike, newer, expected, equal;
};

static bool empty_json(const json_t *j)
{
	const char *k;
	json_t *v;
	json_object_foreach((json_t *)j, k, v) if (!empty_json(v)) return false;
	return !j || json_is_null(j) || json_is_object(j) ||
	       (json_is_array(j) && json_array_size(j) == 0) ||
	       (json_is_string(j) && json_string_length(j) == 0);
}

static bool empty_node(const struct node *n)
{
	for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++)
		if (!empty_node(n->pairs[i].value))
			return false;
	return n->kind == NODE_NULL || n->kind == NODE_MAP || (n->kind == NODE_SEQ && n->n == 0) ||
	       (n->kind == NODE_STR && !*n->text);
}

static const char *root_dir; /* of the case: what /WD stands for in the reference */

/* text with /WD, /WD-1 and /WD-2 for the case's folder and those above it */
static char *with_marks(const char *text)
{
	auto_free char *dir = xstrdup(root_dir);
	static const char *const marks[] = {"/WD", "/WD-1", "/WD-2"};
	struct str out = {0};
	str_add(&out, text);
	for (size_t i = 0; i < ARRAY_LEN(marks) && strlen(dir) > 1; i++) {
		char *at;
		while ((at = strstr(out.data, dir))) {
			struct str next = {0};
			str_addn(&next, out.data, (size_t)(at - out.data));
			str_addf(&next, "%s%s", marks[i], at + strlen(dir));
			str_done(&out);
			out = next;
		}
		char *slash = strrchr(dir, '/');
		*slash = '\0';
	}
	return str_take(&out);
}

static bool same(const struct node *n, const json_t *j);

static bool same_map(const struct node *n, const json_t *j)
{
	const char *k;
	json_t *v;
	for (size_t i = 0; i < n->n; i++) {
		json_t *other = json_object_get(j, n->pairs[i].key);
		if (!same(n->pairs[i].value, other))
			return false;
	}
	json_object_foreach((json_t *)j, k, v) if (!node_find(n, k) && !empty_json(v)) return false;
	return true;
}

static bool same(const struct node *n, const json_t *j)
{
	double number;
	if (empty_node(n) || empty_json(j))
		return empty_node(n) && empty_json(j);
	if (n->kind == NODE_MAP)
		return json_is_object(j) && same_map(n, j);
	if (n->kind == NODE_SEQ) {
		if (!json_is_array(j) || json_array_size(j) != n->n)
			return false;
		for (size_t i = 0; i < n->n; i++)
			if (!same(n->items[i], json_array_get(j, i)))
				return false;
		return true;
	}
	if (n->kind == NODE_BOOL)
		return json_is_boolean(j) && json_is_true(j) == (n->text[0] == 't');
	if (n->kind == NODE_INT || n->kind == NODE_FLOAT)
		return json_is_number(j) && num_parse_double(n->text, &number) &&
		       json_number_value(j) == number;
	auto_free char *text = json_is_string(j) ? with_marks(json_string_value(j)) : NULL;
	return text && streq(n->text, text);
}

static bool equals_reference(const char *dir, const json_t *j)
{
	auto_free char *path = xasprintf("%s/expected.compose.yaml", dir), *text = NULL;
	size_t len;
	struct tree t = {0};
	struct diag d = {0};
	if (file_read(path, STACKFILE_BYTES_MAX, &text, &len, NULL) < 0)
		return false;
	struct node *root = yaml_read(path, text, len, &t, &d);
	bool equal = root && same(root, j);
	tree_done(&t);
	diag_done(&d);
	return equal;
}

static int read_any(const char *path, char **ret, size_t *len, void *arg)
{
	(void)arg;
	return file_read(path, STACKFILE_BYTES_MAX, ret, len, NULL);
}

static void one_case(const char *dir, const char *file, const char *verdict, struct counts *c)
{
	bool taken = streq(verdict, "ok");
	/* the reference is older than the specification: it says so of keys that it does not know */
	bool unknown = strstr(verdict, "is not allowed") != NULL;
	auto_free char *path = xasprintf("%s/%s", dir, file), *text = NULL, *dotenv = NULL;
	auto_free char *env_path = xasprintf("%s/.env", dir);
	size_t len, env_len;
	struct kvlist env = {0};
	struct diag d = {0};
	if (file_read(path, STACKFILE_BYTES_MAX, &text, &len, NULL) < 0)
		return;
	kvlist_set(&env, "HOME", "/root");
	kvlist_set(&env, "PATH", "/usr/bin");
	kvlist_set(&env, "LANG", "C");
	if (file_read(env_path, STACKFILE_BYTES_MAX, &dotenv, &env_len, NULL) == 0)
		dotenv_parse(env_path, dotenv, env_len, NULL, &env, &d);
	struct stackfile_input in = {.file = path,
				     .text = text,
				     .len = len,
				     .project_dir = dir,
				     .name = "corpus",
				     .env = &env,
				     .read = read_any};
	auto_json *j = stackfile_config(&in, &d);
	root_dir = dir;
	bool alike = (j != NULL) == taken, equal = j && taken && equals_reference(dir, j);
	c->files++;
	c->alike += alike;
	c->expected += taken;
	c->equal += equal;
	c->newer += !alike && j && unknown;
	if (!alike && unknown)
		print_message("%s: newer than the reference\n", dir);
	else if (!alike)
		print_message("%s: %s\n", dir, taken ? "refused here alone" : "taken here alone");
	else if (taken && !equal)
		print_message("%s: not the same\n", dir);
	diag_done(&d);
	kvlist_done(&env);
}

static void reference(void **state)
{
	(void)state;
	const char *set = getenv("CARRACK_CORPUS");
	auto_free char *root = realpath(set ? set : "../shared/corpus", NULL), *text = NULL;
	auto_free char *index = root ? xasprintf("%s/INDEX.tsv", root) : NULL;
	size_t len;
	struct counts c = {0};
	if (!index || file_read(index, STACKFILE_BYTES_MAX, &text, &len, NULL) < 0) {
		print_message("skipped: there is no folder with INDEX.tsv (CARRACK_CORPUS)\n");
		skip();
	}
	char *rest = text;
	strsep(&rest, "\n");
	for (char *line; (line = strsep(&rest, "\n"));) {
		const char *name = strsep(&line, "\t"), *file = line ? strsep(&line, "\t") : NULL;
		const char *verdict = line ? strsep(&line, "\t") : NULL;
		auto_free char *dir = xasprintf("%s/%s", root, name);
		if (verdict)
			one_case(dir, file, verdict, &c);
	}
	print_message("taken or refused alike: %zu of %zu, %zu more have keys that the reference "
		      "does not "
		      "know yet\ncanonical files equal: %zu of %zu\n",
		      c.alike, c.files, c.newer, c.equal, c.expected);
	assert_true((c.alike + c.newer) * 100 >= c.files * ALIKE_LEAST);
	assert_true(c.equal * 100 >= c.expected * EQUAL_LEAST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(reference)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
