/* SPDX-License-Identifier: Apache-2.0
 * `carrack ps`: tasks, where they run, how they are and why. */
#include "base/loop.h"
#include "cli/client.h"
#include "cli/cmds.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/resolve.h"

static void join_list(struct str *out, const json_t *list, const char *member)
{
	const json_t *it;
	size_t i;

	json_array_foreach(list, i, it)
	{
		const char *text = member ? json_str(it, member) : json_string_value(it);

		if (!text && member) /* a network of IPv6 alone */
			text = json_str(it, "ip6");
		if (!text)
			continue;
		if (out->len)
			str_addc(out, ',');
		str_add(out, text);
	}
}

static void state_cell(struct table *t, const json_t *task)
{
	const char *state = json_str_or(task, "state", "?");
	int64_t since = json_int(task, "since_ms", 0), restarts = json_int(task, "restarts", 0);
	auto_free char *age = out_age(clock_wall_ms() - since);
	auto_str text = {0};

	str_add(&text, state);
	if (since)
		str_addf(&text, " %s", age);
	if (restarts)
		str_addf(&text, " (%lld restart%s)", (long long)restarts, restarts == 1 ? "" : "s");
	table_cell(t, out_state_color(state), text.data);
}

/* The reason, with the exit status where there is one to tell, or how far a pull is. */
static void reason_cell(struct table *t, const json_t *task)
{
	const json_t *progress = json_object_get(task, "progress");
	int64_t code = json_int(task, "exit_code", -1);
	const char *reason = member_text(task, "reason");

	if (!reason && progress)
		reason = member_text(progress, "text");
	if (!reason && code > 0)
		table_cellf(t, COLOR_NONE, "exit status %lld", (long long)code);
	else
		table_cell(t, COLOR_NONE, reason);
}

static void print_tasks(const json_t *tasks)
{
	static const char *const header[] = {"TASK",    "NODE",  "STATE", "HEALTH",
					     "ADDRESS", "PORTS", "IMAGE", "REASON"};
	struct table t;
	const json_t *task;
	size_t i;

	table_init(&t, header, ARRAY_LEN(header));
	json_array_foreach(tasks, i, task)
	{
		const char *health = json_str(task, "health");
		auto_str addrs = {0}, ports = {0};

		join_list(&addrs, json_object_get(task, "addresses"), "ip");
		join_list(&ports, json_object_get(task, "ports"), NULL);
		table_cell(&t, COLOR_NONE, json_str(task, "name"));
		table_cell(&t, COLOR_NONE, json_str(task, "node"));
		state_cell(&t, task);
		table_cell(&t, out_state_color(health), health);
		table_cell(&t, COLOR_NONE, addrs.data);
		table_cell(&t, COLOR_NONE, ports.data);
		table_cell(&t, COLOR_NONE, json_str(task, "image"));
		reason_cell(&t, task);
	}
	table_show(&t);
}

static int run(int argc, char **argv)
{
	auto_(client_free) struct client *c = NULL;
	auto_json *tasks = NULL;
	auto_strlist args = {0};
	struct err err = {0};
	bool json = false;
	const struct opt v[] = {{0, "json", OPT_FLAG, &json}};
	const struct opts o = {.cmd = &cmd_ps, .v = v, .n = ARRAY_LEN(v), .max_args = 1};
	int r = opts_parse(&o, argc, argv, &args);

	if (r >= 0)
		return r;
	r = client_open(&c, &err);
	if (!r)
		r = client_list(c, "tasks", args.n ? args.v[0] : NULL, &tasks, &err);
	if (r) {
		out_error("%s", err_text(&err));
		return 1;
	}
	if (json)
		out_json(tasks);
	else
		print_tasks(tasks);
	return 0;
}

const struct cmd cmd_ps = {
	.name = "ps",
	.args = "[STACK] [--json]",
	.summary = "List tasks, where they run, how they are and why.",
	.help = "  --json    for programs\n",
	.run = run,
};
