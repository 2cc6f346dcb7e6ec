/* SPDX-License-Identifier: Apache-2.0
 * The difference between assigned and observed tasks. How one task lives is nodetask.c's matter. */
#include "agent/core/taskset.h"
#include "agent/core/assign.h"
#include "agent/core/nodetask_parts.h"
#include "agent/core/secretfiles.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include <errno.h>

struct taskset {
	struct core *core;
	struct map tasks; /* id -> struct nodetask */
};

static void free_task(void *p)
{
	nodetask_free(p);
}

struct taskset *taskset_new(struct core *c)
{
	struct taskset *s = xcalloc(1, sizeof(*s));
	s->core = c;
	s->tasks.free_val = free_task;
	return s;
}

void taskset_free(struct taskset *s)
{
	if (!s)
		return;
	map_clear(&s->tasks);
	free(s);
}

static void drop_gone(struct taskset *s)
{
	map_each(&s->tasks, e)
	{
		if (nodetask_gone(e->val))
			map_del(&s->tasks, e->key);
	}
}

static void match_assigned(struct taskset *s)
{
	map_each(assign_tasks(s->core->assign), e)
	{
		struct nodetask *t = map_get(&s->tasks, e->key);
		if (t)
			nodetask_update(t, e->val);
		else
			map_set(&s->tasks, e->key, nodetask_new(s->core, e->val));
	}
}

static void remove_surplus(struct taskset *s)
{
	map_each(&s->tasks, e)
	{
		if (!map_has(assign_tasks(s->core->assign), e->key))
			nodetask_remove(e->val);
	}
}

/* Containers of ours that no task stands for: an assignment ended while no agent looked. */
static void take_strays(struct taskset *s)
{
	auto_strlist ids = {0};
	runtime_list(s->core->runtime, &ids);
	for (size_t i = 0; i < ids.n; i++) {
		const struct kvlist *labels = runtime_labels(s->core->runtime, ids.v[i]);
		if (!labels || !kvlist_get(labels, LABEL_TASK) || map_has(&s->tasks, ids.v[i]))
			continue;
		log_info("agent", "container %s is not assigned here any more; stopping it",
			 ids.v[i]);
		map_set(&s->tasks, ids.v[i], nodetask_new_stray(s->core, ids.v[i]));
	}
}

void taskset_sync(struct taskset *s)
{
	drop_gone(s);
	remove_surplus(s);
	match_assigned(s);
	take_strays(s);
	map_each(&s->tasks, e) nodetask_poke(e->val);
	drop_gone(s);
}

void taskset_sweep_sandboxes(struct taskset *s)
{
	auto_strlist ids = {0};
	struct err err = {0};
	int r = overlay_sandbox_list(s->core->overlay, &ids, &err);
	for (size_t i = 0; r == 0 && i < ids.n; i++) {
		if (!map_has(&s->tasks, ids.v[i]))
			r = overlay_sandbox_del(s->core->overlay, ids.v[i], &err);
	}
	if (r < 0)
		log_warn("agent", "old sandboxes were not all removed: %s", err_text(&err));
}

/* An ended task needs no files any more, whatever its agent did not live to remove. */
static bool needs_files(const char *id, void *arg)
{
	const struct taskset *s = arg;
	const struct nodetask *t = map_get(&s->tasks, id);
	return t && !task_state_ended(nodetask_state_now(t));
}

void taskset_sweep_secrets(struct taskset *s)
{
	secretfiles_sweep(s->core->secrets, needs_files, s);
}

void taskset_event(struct taskset *s, const char *id, const struct rt_status *st)
{
	struct nodetask *t = map_get(&s->tasks, id);
	if (t)
		nodetask_event(t, st);
}

void taskset_report_all(struct taskset *s)
{
	map_each(&s->tasks, e) nodetask_report(e->val);
}

size_t taskset_count(const struct taskset *s)
{
	return s->tasks.n;
}

struct nodetask *taskset_find(const struct taskset *s, const char *id)
{
	return map_get(&s->tasks, id);
}

void taskset_each(const struct taskset *s, void (*each)(const struct nodetask *t, void *arg),
		  void *arg)
{
	map_each(&s->tasks, e) each(e->val, arg);
}

bool taskset_volume_used(const struct taskset *s, const char *name)
{
	map_each(&s->tasks, e)
	{
		if (nodetask_uses_volume(e->val, name))
			return true;
	}
	return false;
}
