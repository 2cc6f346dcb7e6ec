/* SPDX-License-Identifier: Apache-2.0
 * Paths of keys by place; see locate.h. */
#include "manifests/locate.h"
#include "base/map.h"

#include <stdio.h>
#include <string.h>

#define PATH_MAX_BYTES 300

struct locate {
	struct map wanted; /* "line:column" -> the first finding there */
	struct diag *d;
	const char *file;
	struct str path;
};

static void place_key(char key[32], int line, int column)
{
	snprintf(key, 32, "%d:%d", line, column);
}

static void found(struct locate *l, int line, int column)
{
	char key[32];
	place_key(key, line, column);
	if (l->path.len == 0 || !map_has(&l->wanted, key))
		return;
	for (size_t i = 0; i < l->d->n; i++) {
		struct diag_line *f = &l->d->v[i];
		if (!f->path && f->line == line && f->column == column && streq(f->file, l->file))
			f->path = xstrdup(l->path.data);
	}
	map_del(&l->wanted, key);
}

/* What an alias names stands before the alias: it has been looked at where it was written. */
static bool written_here(const struct node *n, const char *file, int line, int column)
{
	return streq(n->file, file) && (n->line > line || (n->line == line && n->column >= column));
}

/* A mapping may stand where its first key does, which says more. */
static bool stands_at_key(const struct node *n)
{
	return n->kind == NODE_MAP && n->n > 0 && n->pairs[0].line == n->line &&
	       n->pairs[0].column == n->column;
}

static void walk(struct locate *l, const struct node *n)
{
	size_t len = l->path.len;
	for (size_t i = 0; n->kind == NODE_MAP && i < n->n && l->wanted.n > 0; i++) {
		const struct node_pair *p = &n->pairs[i];
		if (p->line < n->line || len > PATH_MAX_BYTES)
			continue; /* by a merge key */
		str_addf(&l->path, "%s%.100s", len ? "." : "", p->key);
		found(l, p->line, p->column);
		if (!stands_at_key(p->value))
			found(l, p->value->line, p->value->column);
		if (written_here(p->value, l->file, p->line, p->column))
			walk(l, p->value);
		l->path.len = len;
		l->path.data[len] = '\0';
	}
	for (size_t i = 0; n->kind == NODE_SEQ && i < n->n && l->wanted.n > 0; i++) {
		const struct node *item = n->items[i];
		if (len > PATH_MAX_BYTES || !written_here(item, l->file, n->line, n->column))
			continue;
		str_addf(&l->path, "[%zu]", i);
		if (!stands_at_key(item))
			found(l, item->line, item->column);
		walk(l, item);
		l->path.len = len;
		l->path.data[len] = '\0';
	}
}

void locate_findings(struct diag *d, const char *file, const struct node *root)
{
	struct locate l = {.d = d, .file = file};
	for (size_t i = 0; i < d->n; i++) {
		char key[32];
		place_key(key, d->v[i].line, d->v[i].column);
		if (d->v[i].line && !d->v[i].path && streq(d->v[i].file, file))
			map_set(&l.wanted, key, d);
	}
	if (l.wanted.n > 0)
		walk(&l, root);
	map_clear(&l.wanted);
	str_done(&l.path);
}
