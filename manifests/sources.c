/* SPDX-License-Identifier: Apache-2.0
 * Reading the files of a stack; see sources.h. */
#include "manifests/sources.h"
#include "manifests/check.h"
#include "manifests/interp.h"
#include "manifests/limits.h"
#include "manifests/words.h"
#include "manifests/yaml.h"

#include <errno.h>
#include <string.h>

char *sources_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

/* Where the next document begins after at, or the end. A line that begins with --- begins one, whatever
 * it is in (YAML 1.2, 9.1.2). */
static size_t next_document(const struct stackfile_source *s, size_t at)
{
	while (at < s->len) {
		const char *line = memchr(s->text + at, '\n', s->len - at);
		if (!line)
			return s->len;
		at = (size_t)(line - s->text) + 1;
		const char *p = s->text + at;
		if (s->len - at >= 3 && memcmp(p, "---", 3) == 0 &&
		    (s->len - at == 3 || strchr(" \t\r\n", p[3])))
			return at;
	}
	return s->len;
}

/* Is there more than directives and comments? */
static bool has_values(const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		const char *end = memchr(text + i, '\n', len - i);
		size_t next = end ? (size_t)(end - text) + 1 : len;
		while (i < next && strchr(" \t\r\n", text[i]))
			i++;
		if (i < next && text[i] != '#' && text[i] != '%')
			return true;
		i = next;
	}
	return false;
}

bool sources_document(const struct stackfile_source *s, size_t *at, struct stackfile_source *ret)
{
	size_t from = *at, end = next_document(s, from);
	if (from == 0 && end < s->len && !has_values(s->text, end))
		end = next_document(s, end);
	*at = end;
	*ret = (struct stackfile_source){s->file, s->text + from, end - from, s->lines};
	for (const char *p = s->text; (p = memchr(p, '\n', (size_t)(ret->text - p))); p++)
		ret->lines++;
	return from == 0 ? end < s->len : true;
}

void sources_error(struct project *p, const struct node *at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct diag_place place = {at->file ? at->file : p->in->file, at->line, at->column};
	diag_addv(p->d, false, place, fmt, ap);
	va_end(ap);
}

/* Values only: keys are names, and names do not change with the environment. */
static void interpolate(struct project *p, size_t from, const struct kvlist *env)
{
	struct interp x = {.env = env, .before = &p->own, .d = p->d, .left = p->left};
	for (size_t i = from; i < p->t.n && !diag_full(p->d); i++) {
		struct node *n = tree_node(&p->t, i);
		if (n->kind != NODE_STR || !strchr(n->text, '$'))
			continue;
		x.at = (struct diag_place){n->file, n->line, n->column};
		auto_free char *text = interp_text(&x, n->text);
		if (text)
			n->text = tree_text(&p->t, text, strlen(text));
		n->broken = !text;
	}
	p->left = x.left;
}

/* What stands in `name`, with the variables of the environment; NULL: nothing. What is wrong with it is said later. */
static char *name_written(const struct project *p, const struct node *root,
			  const struct kvlist *env)
{
	const struct node_pair *name = node_find(root, "name");
	if (!name || !node_is_scalar(name->value))
		return NULL;
	const char *text = name->value->text;
	if (!strchr(text, '$'))
		return xstrdup(text);
	struct diag unsaid = {0};
	struct interp x = {.env = env, .before = &p->own, .d = &unsaid, .left = p->left};
	char *filled = p->in->no_interpolate ? NULL : interp_text(&x, text);
	diag_done(&unsaid);
	if (!filled || !*filled)
		free_and_null(&filled);
	return filled;
}

/* The stack's name is a variable as well. */
static void name_variable(struct project *p, const struct node *root, const struct kvlist *env)
{
	const char *dir = p->in->project_dir ? strrchr(p->in->project_dir, '/') : NULL;
	auto_free char *folder = name_normalise(dir ? dir + 1 : "");
	auto_free char *name = name_written(p, root, env);
	kvlist_set(&p->own, "COMPOSE_PROJECT_NAME",
		   p->in->name ? p->in->name
		   : name      ? name
			       : folder);
}

struct node *sources_parse(struct project *p, const struct stackfile_source *s,
			   const struct kvlist *env, bool whole)
{
	size_t from = p->t.n;
	if (s->len > STACKFILE_BYTES_MAX) {
		diag_error(p->d, (struct diag_place){s->file, 0, 0},
			   "the file has %zu bytes; at most %u are allowed", s->len,
			   STACKFILE_BYTES_MAX);
		return NULL;
	}
	p->t.lines = s->lines;
	struct node *root = yaml_read(s->file, s->text, s->len, &p->t, p->d);
	if (root && p->own.n == 0)
		name_variable(p, root, env);
	if (root && !p->in->no_interpolate)
		interpolate(p, from, env);
	/* what stands for something else is not read further */
	for (size_t i = from; p->in->no_interpolate && i < p->t.n; i++) {
		struct node *n = tree_node(&p->t, i);
		n->broken = n->kind == NODE_STR && strchr(n->text, '$');
	}
	if (root && root->kind == NODE_MAP && whole)
		check_written(&(struct check){p->d, s->file, &p->t, p->in->no_interpolate},
			      &record_top, root);
	if (root && !p->roots)
		p->roots = tree_add(&p->t, NODE_SEQ, 0, 0);
	if (root)
		node_push(p->roots, root);
	for (size_t i = from; i < p->t.n; i++)
		p->plain = p->plain && tree_node(&p->t, i)->tag == NODE_UNTAGGED;
	return root;
}

bool sources_source(struct project *p, const struct node *at, const char *path,
		    struct stackfile_source *ret)
{
	char *text = NULL;
	size_t len = 0;
	int rc = p->in->read ? p->in->read(path, &text, &len, p->in->read_arg) : -EPERM;
	if (rc < 0) {
		sources_error(p, at, "cannot read the file '%.200s': %s", path, strerror(-rc));
		return false;
	}
	p->texts = vec_grow(p->texts, p->n_texts, &p->cap_texts, sizeof(*p->texts));
	*ret = (struct stackfile_source){.file = xstrdup(path), .text = text, .len = len};
	p->texts[p->n_texts++] = *ret;
	return true;
}

bool sources_room(struct project *p, const struct node *at)
{
	if (p->t.n <= LIMIT_YAML_NODES && !diag_full(p->d))
		return true;
	if (p->t.n > LIMIT_YAML_NODES)
		sources_error(p, at, "merging makes this stack too large");
	return false;
}
