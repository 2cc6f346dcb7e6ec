/* SPDX-License-Identifier: Apache-2.0
 * Merge keys; see merge.h. */
#include "manifests/merge.h"
#include "base/map.h"
#include "manifests/limits.h"

#include <errno.h>

const char merge_key[] = "<<";

bool merge_budget_take(struct merge_budget *b, size_t n, size_t written)
{
	size_t allowed = LIMIT_YAML_ALIAS_NODES + LIMIT_YAML_ALIAS_RATIO * written;
	if (allowed > LIMIT_YAML_NODES)
		allowed = LIMIT_YAML_NODES;
	if (n > allowed || b->taken > allowed - n)
		return false;
	b->taken += n;
	return true;
}

struct merging {
	struct node *out;
	struct map have;
	struct merge_budget *budget;
	size_t written;
	const char *file;
	struct diag *d;
};

static int merge_one(struct merging *m, const struct node *from, const struct node_pair *at)
{
	struct diag_place place = {m->file, at->line, at->column};
	if (from->kind == NODE_NULL)
		return 0;
	if (from->kind != NODE_MAP) {
		diag_error(m->d, place, "'<<' takes a mapping or a list of mappings, not %s",
			   node_kind_text(from->kind));
		return -EINVAL;
	}
	if (!merge_budget_take(m->budget, from->weight, m->written)) {
		diag_error(m->d, place, "merge keys make this document too large");
		return -EINVAL;
	}
	for (size_t i = 0; i < from->n; i++) {
		if (map_has(&m->have, from->pairs[i].key))
			continue;
		map_set(&m->have, from->pairs[i].key, m);
		node_put(m->out, from->pairs[i]);
	}
	return 0;
}

static int merge_value(struct merging *m, const struct node_pair *pair)
{
	const struct node *v = pair->value;
	if (v->kind != NODE_SEQ)
		return merge_one(m, v, pair);
	for (size_t i = 0; i < v->n; i++) {
		int rc = merge_one(m, v->items[i], pair);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int merge_keys(struct node *map, struct merge_budget *b, size_t written, const char *file,
	       struct diag *d)
{
	bool wanted = false;
	for (size_t i = 0; i < map->n && !wanted; i++)
		wanted = map->pairs[i].key == merge_key;
	if (!wanted)
		return 0;
	struct node own = *map;
	map->pairs = NULL;
	map->n = map->cap = 0;
	map->weight = 1;
	struct merging m = {map, {0}, b, written, file, d};
	int rc = 0;
	for (size_t i = 0; i < own.n; i++) {
		if (own.pairs[i].key == merge_key)
			continue;
		map_set(&m.have, own.pairs[i].key, &m);
		node_put(map, own.pairs[i]);
	}
	for (size_t i = 0; i < own.n && rc == 0; i++)
		if (own.pairs[i].key == merge_key)
			rc = merge_value(&m, &own.pairs[i]);
	map_clear(&m.have);
	free(own.pairs);
	return rc;
}
