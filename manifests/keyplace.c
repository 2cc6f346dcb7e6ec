/* SPDX-License-Identifier: Apache-2.0
 * Places of keys by path; see keyplace.h. */
#include "manifests/keyplace.h"
#include "base/str.h"
#include "manifests/decode.h"

#include <stdlib.h>
#include <string.h>

struct search {
	const struct node *service; /* that the path leads through; NULL: none */
	size_t left;                /* bytes of the path that best does not answer for */
	struct diag_place best;
};

static void note(struct search *s, struct diag_place at, const char *rest)
{
	size_t left = strlen(rest);
	if (!at.line || left >= s->left)
		return;
	s->left = left;
	s->best = at;
}

/* What has parts of its own is pointed at where it is named. */
static struct diag_place pair_place(const struct node_pair *p)
{
	bool value = node_is_scalar(p->value);
	return (struct diag_place){p->value->file, value ? p->value->line : p->line,
				   value ? p->value->column : p->column};
}

/* What follows name in the path, or NULL. Names may have dots in them. */
static const char *after(const char *path, const char *name)
{
	size_t n = strlen(name);
	if (!n || strncmp(path, name, n) != 0)
		return NULL;
	path += n;
	return *path == '.' || *path == '[' || !*path ? path : NULL;
}

static bool is_v6(const struct node *config)
{
	const struct node_pair *subnet = node_find(config, "subnet");
	return subnet && node_is_scalar(subnet->value) && strchr(subnet->value->text, ':');
}

/* The canonical list has the IPv4 subnet first. */
static const struct node *config_item(const struct node *list, size_t i)
{
	for (int family = 0; family < 2; family++)
		for (size_t k = 0; k < list->n; k++)
			if (is_v6(list->items[k]) == (family == 1) && i-- == 0)
				return list->items[k];
	return NULL;
}

static const struct node *item_of(const struct node *list, const char *key, size_t i)
{
	if (streq(key, "config"))
		return config_item(list, i);
	if (!streq(key, "ports"))
		return i < list->n ? list->items[i] : NULL;
	for (size_t k = 0; k < list->n; k++) {
		size_t width = ports_of_item(list->items[k]);
		if (i < width)
			return list->items[k];
		i -= width;
	}
	return NULL;
}

static void walk(struct search *s, const struct node *n, const char *key, const char *path,
		 unsigned depth);

static void walk_list(struct search *s, const struct node *n, const char *key, const char *path,
		      unsigned depth)
{
	char *end = NULL;
	size_t i = *path == '[' ? strtoul(path + 1, &end, 10) : 0;
	if (end && *end == ']') {
		const struct node *item = item_of(n, key, i);
		if (!item)
			return;
		note(s, (struct diag_place){item->file, item->line, item->column}, end + 1);
		walk(s, item, key, end + 1, depth + 1);
		return;
	}
	/* names where the canonical stack has a mapping */
	path += *path == '.';
	for (i = 0; i < n->n; i++) {
		const struct node *item = n->items[i];
		const char *rest = node_is_scalar(item) ? after(path, item->text) : NULL;
		if (rest)
			note(s, (struct diag_place){item->file, item->line, item->column}, rest);
	}
}

static void walk(struct search *s, const struct node *n, const char *key, const char *path,
		 unsigned depth)
{
	if (!*path)
		return;
	if (depth == 2 && strlen(path) == s->left)
		s->service = n;
	if (n->kind == NODE_SEQ) {
		walk_list(s, n, key, path, depth);
		return;
	}
	path += *path == '.';
	for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++) {
		const struct node_pair *p = &n->pairs[i];
		const char *rest = after(path, p->key);
		if (!rest)
			continue;
		note(s, pair_place(p), rest);
		walk(s, p->value, p->key, rest, depth + 1);
	}
}

struct diag_place keyplace_find(const struct node *root, const char *path)
{
	struct search s = {.left = strlen(path)};
	walk(&s, root, "", path, 0);
	/* Of a service with one network it may stand beside `networks`. */
	const struct node_pair *mac = s.service && str_ends(path, ".mac_address")
					      ? node_find(s.service, "mac_address")
					      : NULL;
	if (mac)
		note(&s, pair_place(mac), "");
	return s.best;
}
