/* SPDX-License-Identifier: Apache-2.0
 * See taskvalues.h. */
#include "agent/core/taskvalues.h"
#include "base/mem.h"
#include "manifests/placeholder.h"
#include <string.h>
#include <sys/utsname.h>

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
	struct utsname u = {0};
	uname(&u);
	const struct placeholders p = {.stack = w->stack,
				       .service = service,
				       .labels = &s->deploy_labels,
				       .os = "linux",
				       .arch = u.machine,
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
	for (size_t i = 0; i < w->n_volumes; i++) {
		fill(&w->volumes[i].name, &p);
		for (size_t k = 0; k < w->volumes[i].driver_opts.n; k++)
			fill(&w->volumes[i].driver_opts.v[k].v, &p);
	}
}
