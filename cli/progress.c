/* SPDX-License-Identifier: Apache-2.0
 * What apply shows while it waits. */
#include "cli/progress.h"
#include "cli/judge.h"
#include "cli/out.h"
#include "cli/resolve.h"
#include <string.h>

void progress_init(struct progress *p)
{
	*p = (struct progress){.live = out_is_terminal(stdout), .seen = {.free_val = free}};
}

void progress_done(struct progress *p)
{
	progress_end(p);
	map_clear(&p->seen);
	map_clear(&p->services);
}

void progress_end(struct progress *p)
{
	if (p->line)
		fputs("\r\033[K", stdout);
	p->line = false;
	fflush(stdout);
}

/* "preparing, pulling 12.1 MB of 30.0 MB"; with_pull only where lines are rewritten. */
static char *task_text(const json_t *task, bool with_pull)
{
	const json_t *pull = json_object_get(task, "progress");
	const char *reason = member_text(task, "reason"), *health = json_str_or(task, "health", "");
	struct str s = {0};

	str_add(&s, json_str_or(task, "state", "?"));
	if (streq(health, "starting") || streq(health, "unhealthy"))
		str_addf(&s, " (health %s)", health);
	if (pull && with_pull) {
		int64_t total = json_int(pull, "total", -1);
		auto_free char *done = out_bytes(json_int(pull, "done", 0));
		auto_free char *all = out_bytes(total);

		if (total > 0)
			str_addf(&s, ", pulling %s of %s", done, all);
		else
			str_addf(&s, ", %s", json_str_or(pull, "text", "pulling"));
	} else if (reason) {
		str_addf(&s, ": %s", reason);
	}
	return str_take(&s);
}

static void show_changes(struct progress *p, const json_t *tasks)
{
	const json_t *t;
	size_t i;

	json_array_foreach(tasks, i, t)
	{
		const char *id = json_str_or(t, "id", ""), *node = member_text(t, "node");
		auto_free char *text = task_text(t, false);
		auto_free char *clean = NULL;

		if (streq(map_get(&p->seen, id), text))
			continue;
		clean = out_clean(text, strlen(text));
		printf("%s%s%s %s\n", json_str_or(t, "name", "?"), node ? " on " : "",
		       node ? node : "", clean);
		map_set(&p->seen, id, take_ptr(text));
	}
	fflush(stdout);
}

/* A line for each service that is up for the first time. */
static void show_services(struct progress *p, const json_t *services)
{
	const json_t *s;
	size_t i;

	json_array_foreach(services, i, s)
	{
		const char *name = json_str_or(s, "name", "?");

		if (!judge_service_up(s) || map_has(&p->services, name))
			continue;
		progress_end(p);
		printf("%s %lld/%lld up\n", name, (long long)json_int(s, "running", 0),
		       (long long)json_int(s, "replicas", 0));
		map_set(&p->services, name, p);
	}
}

static void show_line(struct progress *p, const json_t *services, const json_t *tasks)
{
	size_t columns = out_terminal_columns();
	auto_free char *clean = NULL;
	auto_str line = {0};
	const json_t *it;
	size_t i;

	json_array_foreach(services, i, it)
	{
		if (!map_has(&p->services, json_str_or(it, "name", "?")))
			str_addf(&line, "%s%s %lld/%lld", line.len ? ", " : "",
				 json_str_or(it, "name", "?"),
				 (long long)json_int(it, "running", 0),
				 (long long)json_int(it, "replicas", 0));
	}
	json_array_foreach(tasks, i, it)
	{
		const char *state = json_str_or(it, "state", "");
		auto_free char *text = NULL;

		if (!judge_task_wanted(it) || streq(state, "running") || streq(state, "complete"))
			continue;
		text = task_text(it, true);
		str_addf(&line, " · %s %s", json_str_or(it, "name", "?"), text);
		if (line.len > columns * 2)
			break;
	}
	clean = out_clean(line.data ? line.data : "", line.len);
	/* Cut at a character, so that the line never wraps and can be taken away again. */
	for (size_t k = 0, width = 0; clean[k]; k++) {
		width += ((unsigned char)clean[k] & 0xc0) != 0x80;
		if (width >= columns)
			clean[k] = 0;
	}
	printf("\r\033[K%s", clean);
	p->line = true;
	fflush(stdout);
}

void progress_show(struct progress *p, const json_t *services, const json_t *tasks)
{
	if (!p->live) {
		show_changes(p, tasks);
		return;
	}
	show_services(p, services);
	show_line(p, services, tasks);
}
