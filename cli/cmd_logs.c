/* SPDX-License-Identifier: Apache-2.0
 * `carrack logs`: what containers wrote. */
#include "cli/client.h"
#include "cli/cmds.h"
#include "cli/logs.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/resolve.h"
#include <errno.h>
#include <string.h>
#include <time.h>

/* A time as the agents take it: RFC 3339 as given, or a duration before now. NULL: neither. */
static char *since_text(const char *given)
{
	int64_t ms, at;
	char text[32];
	struct tm tm;
	time_t s;

	if (strlen(given) >= 10 && given[4] == '-' && given[7] == '-')
		return xstrdup(given);
	if (!opts_duration(given, &ms))
		return NULL;
	at = clock_wall_ms() - ms;
	s = (time_t)(at / 1000);
	if (!gmtime_r(&s, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		return NULL;
	return xasprintf("%s.%03dZ", text, (int)(at % 1000));
}

/* Tasks of the names that have a node: one that waits for a node has written nothing. */
static int collect(const json_t *all, const struct strlist *names, json_t *out, struct err *err)
{
	for (size_t i = 0; i < names->n; i++) {
		auto_json *found = NULL;
		const json_t *task;
		size_t k;
		int r = resolve_tasks(all, names->v[i], &found, err);

		if (r)
			return r;
		json_array_foreach(found, k, task) if (member_text(task, "node"))
			json_array_append(out, (json_t *)task);
	}
	if (!json_array_size(out))
		return err_set(err, -ENOENT, "'%s' has no task on a node yet; see `carrack ps`",
			       names->v[0]);
	return 0;
}

static int logs(const struct strlist *names, struct logs_opts *lo)
{
	auto_(client_free) struct client *c = NULL;
	auto_json *all = NULL, *tasks = json_array();
	struct err err = {0};
	size_t failed;
	int r = client_open(&c, &err);

	if (!r)
		r = client_get(c, &all, &err, "/v1/tasks");
	if (!r)
		r = collect(all, names, tasks, &err);
	if (r) {
		out_error("%s", err_text(&err));
		return 1;
	}
	lo->prefix = json_array_size(tasks) > 1;
	failed = logs_print(c, tasks, lo);
	/* Others were printed: one silent node is a warning, all of them a failure. */
	return failed == json_array_size(tasks) ? 1 : 0;
}

static int run(int argc, char **argv)
{
	auto_strlist args = {0};
	auto_free char *since = NULL;
	const char *since_given = NULL;
	struct logs_opts lo = {.tail = -1, .out = stdout, .indent = ""};
	const struct opt v[] = {
		{'f', "follow", OPT_FLAG, &lo.follow},
		{'n', "tail", OPT_NUMBER, &lo.tail},
		{0, "since", OPT_TEXT, &since_given},
		{'t', "timestamps", OPT_FLAG, &lo.timestamps},
	};
	const struct opts o = {.cmd = &cmd_logs,
			       .v = v,
			       .n = ARRAY_LEN(v),
			       .min_args = 1,
			       .max_args = 1000};
	int r = opts_parse(&o, argc, argv, &args);

	if (r >= 0)
		return r;
	if (since_given && !(since = since_text(since_given)))
		return opts_misuse(
			&cmd_logs,
			"option '--since' takes a time like 10m or 2026-01-31T12:00:00Z, "
			"not '%s'",
			since_given);
	lo.since = since;
	return logs(&args, &lo);
}

const struct cmd cmd_logs = {
	.name = "logs",
	.args = "[-f] [--tail N] [--since TIME] [--timestamps] SERVICE|TASK…",
	.summary = "Print what containers wrote, of one task or of all tasks of a service.",
	.help = "  -f, --follow       go on as more is written\n"
		"  -n, --tail N       only the last N lines of each task\n"
		"  --since TIME       only what is younger: 10m, 24h, or 2026-01-31T12:00:00Z\n"
		"  -t, --timestamps   with the time of each line\n",
	.run = run,
};
