/* SPDX-License-Identifier: Apache-2.0
 * See taskvalues.h. */
#include "agent/core/taskvalues.h"
#include "base/mem.h"
#include "manifests/placeholder.h"
#include <string.h>

static void fill(char **text, const struct placeholders *p)
{
	if (!*text || !strstr(*text, "{{"))
		return;
	char *filled = placeholders_fill(*text, p);
	free(*text);
	*text = filled;
}

void taskvalues_fill(struct wire_task *w, const char *node_id, const char *node_name)
{
	struct spec_service *s = &w->spec;
	auto_free char *service = xasprintf("%s_%s", w->stack ? w->stack : "", w->service);
	const struct placeholders p = {.service = service,
				       .node_id = node_id,
				       .node = node_name,
				       .task_id = w->id,
				       .task_name = w->name,
				       .slot = w->slot};
	fill(&s->hostname, &p);
	for (size_t i = 0; i < s->environment.n; i++)
		fill(&s->environment.v[i].v, &p);
	for (size_t i = 0; i < s->n_mounts; i++)
		if (s->mounts[i].type == MOUNT_BIND)
			fill(&s->mounts[i].source, &p);
	for (size_t i = 0; i < w->n_volumes; i++)
		fill(&w->volumes[i].name, &p);
}
