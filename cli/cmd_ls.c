/* SPDX-License-Identifier: Apache-2.0
 * `carrack ls`: stacks, or the services of one. */
#include "cli/client.h"
#include "cli/cmds.h"
#include "cli/opts.h"
#include "cli/out.h"

#define PORTS_SHOWN 3 /* of a service; `carrack inspect` has all */

/* A member that is a number or a list of which the length is meant. */
static int64_t count_of(const json_t *j, const char *key)
{
	const json_t *v = json_object_get(j, key);

	return json_is_array(v) ? (int64_t)json_array_size(v) : json_int(j, key, 0);
}

static void print_stacks(const json_t *stacks)
{
	static const char *const header[] = {"STACK", "STATE", "SERVICES", "TASKS", "REVISION"};
	struct table t;
	const json_t *s;
	size_t i;

	table_init(&t, header, ARRAY_LEN(header));
	json_array_foreach(stacks, i, s)
	{
		const char *state = json_str(s, "state");
		const json_t *tasks = json_object_get(s, "tasks");

		table_cell(&t, COLOR_NONE, json_str(s, "name"));
		table_cell(&t, out_state_color(state), state);
		table_cellf(&t, COLOR_NONE, "%lld", (long long)count_of(s, "services"));
		table_cellf(&t, COLOR_NONE, "%lld/%lld", (long long)json_int(tasks, "running", 0),
			    (long long)json_int(tasks, "desired", 0));
		table_cellf(&t, COLOR_NONE, "%lld", (long long)json_int(s, "revision", 0));
	}
	table_show(&t);
}

static void ports_cell(struct table *t, const json_t *service)
{
	const json_t *ports = json_object_get(service, "ports");
	size_t n = json_array_size(ports);
	auto_str text = {0};

	for (size_t i = 0; i < n && i < PORTS_SHOWN; i++) {
		const char *port = json_string_value(json_array_get(ports, i));

		str_addf(&text, "%s%s", i ? "," : "", port ? port : "");
	}
	if (n > PORTS_SHOWN)
		str_addf(&text, " and %zu more", n - PORTS_SHOWN);
	table_cell(t, COLOR_NONE, text.data);
}

static void print_services(const json_t *services)
{
	static const char *const header[] = {"SERVICE", "MODE",  "REPLICAS",
					     "UPDATE",  "PORTS", "IMAGE"};
	struct table t;
	const json_t *s;
	size_t i;

	table_init(&t, header, ARRAY_LEN(header));
	json_array_foreach(services, i, s)
	{
		const json_t *update = json_object_get(s, "update");

		table_cellf(&t, COLOR_NONE, "%s_%s", json_str_or(s, "stack", ""),
			    json_str_or(s, "name", ""));
		table_cell(&t, COLOR_NONE, json_str(s, "mode"));
		table_cellf(&t,
			    json_int(s, "running", 0) < json_int(s, "replicas", 0) ? COLOR_YELLOW
										   : COLOR_NONE,
			    "%lld/%lld", (long long)json_int(s, "running", 0),
			    (long long)json_int(s, "replicas", 0));
		table_cell(&t, COLOR_NONE, json_str(update, "state"));
		ports_cell(&t, s);
		table_cell(&t, COLOR_NONE, json_str(s, "image"));
	}
	table_show(&t);
}

static int run(int argc, char **argv)
{
	auto_(client_free) struct client *c = NULL;
	auto_json *list = NULL;
	auto_strlist args = {0};
	struct err err = {0};
	bool json = false;
	const struct opt v[] = {{0, "json", OPT_FLAG, &json}};
	const struct opts o = {.cmd = &cmd_ls, .v = v, .n = ARRAY_LEN(v), .max_args = 1};
	int r = opts_parse(&o, argc, argv, &args);

	if (r >= 0)
		return r;
	r = client_open(&c, &err);
	if (!r)
		r = args.n ? client_list(c, "services", args.v[0], &list, &err)
			   : client_list(c, "stacks", NULL, &list, &err);
	if (r) {
		out_error("%s", err_text(&err));
		return 1;
	}
	if (json)
		out_json(list);
	else if (args.n)
		print_services(list);
	else
		print_stacks(list);
	return 0;
}

const struct cmd cmd_ls = {
	.name = "ls",
	.args = "[STACK] [--json]",
	.summary = "List stacks, or the services of one stack.",
	.help = "  --json    for programs\n",
	.run = run,
};
