/* SPDX-License-Identifier: Apache-2.0
 * See spread.h. */
#include "controller/sched/spread.h"
#include "base/map.h"

#include <string.h>

struct level {         /* one preference */
	size_t *group; /* of each node */
	size_t *count; /* of each group */
};
struct spread {
	size_t n_levels;
	struct level levels[];
};

/* "node.labels.zone" and Swarm's "engine.labels.zone" mean one label here. */
static const char *label_of(const char *spread)
{
	const char *at = spread ? strstr(spread, ".labels.") : NULL;
	return at ? at + strlen(".labels.") : "";
}

static void level_fill(struct level *l, const char *label, const struct sched_node *nodes, size_t n)
{
	struct map seen = {0};
	l->group = xcalloc(n + 1, sizeof(*l->group));
	l->count = xcalloc(n + 1, sizeof(*l->count));
	for (size_t i = 0; i < n; i++) {
		const char *v = nodes[i].labels ? kvlist_get(nodes[i].labels, label) : NULL;
		size_t g = (size_t)map_get(&seen, v ? v : "");
		if (!g) {
			g = seen.n + 1;
			map_set(&seen, v ? v : "", (void *)g);
		}
		l->group[i] = g - 1;
		l->count[g - 1] += nodes[i].n_service_tasks;
	}
	map_clear(&seen);
}

struct spread *spread_new(const struct spec_service *s, const struct sched_node *nodes, size_t n)
{
	size_t levels = s->preferences.n;
	if (!levels)
		return NULL;
	struct spread *p = xcalloc(1, sizeof(*p) + levels * sizeof(p->levels[0]));
	for (; p->n_levels < levels; p->n_levels++)
		level_fill(&p->levels[p->n_levels], label_of(s->preferences.v[p->n_levels].spread),
			   nodes, n);
	return p;
}

int spread_compare(const struct spread *p, size_t a, size_t b)
{
	for (size_t i = 0; i < p->n_levels; i++) {
		const struct level *l = &p->levels[i];
		size_t x = l->count[l->group[a]], y = l->count[l->group[b]];
		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

void spread_add(struct spread *p, size_t node)
{
	for (size_t i = 0; i < p->n_levels; i++)
		p->levels[i].count[p->levels[i].group[node]]++;
}

void spread_free(struct spread *p)
{
	for (size_t i = 0; p && i < p->n_levels; i++) {
		free(p->levels[i].group);
		free(p->levels[i].count);
	}
	free(p);
}
