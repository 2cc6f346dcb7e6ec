/* SPDX-License-Identifier: Apache-2.0
 * Tasks as operators see them: the cluster's answer, with the pull progress that agents told. */
#include "controller/api/api.h"

static void add_progress(const struct server *s, json_t *task)
{
	const char *id = json_str(task, "id");
	json_t *p = id ? map_get(&s->progress, id) : NULL;

	if (p)
		json_object_set(task, "progress", p);
}

void api_task_list(struct call *c)
{
	json_t *tasks = cluster_tasks_json(c->s->cluster, httpd_query(c->req, "stack"),
					   httpd_query(c->req, "service"));
	json_t *task;
	size_t i;

	if (c->s->progress.n)
		json_array_foreach(tasks, i, task) add_progress(c->s, task);
	httpd_reply_json(c->req, 200, tasks);
}

void api_task_get(struct call *c)
{
	json_t *task = cluster_task_json(c->s->cluster, c->arg[0]);

	if (!task) {
		httpd_reply_error(c->req, 404, "there is no task '%s'; `carrack ps` lists them",
				  c->arg[0]);
		return;
	}
	add_progress(c->s, task);
	httpd_reply_json(c->req, 200, task);
}
