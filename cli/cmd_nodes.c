/* SPDX-License-Identifier: Apache-2.0
 * `carrack nodes`: the hosts of the cluster; their labels; forgetting those that are gone. */
#include "base/http.h"
#include "base/loop.h"
#include "cli/client.h"
#include "cli/cmds.h"
#include "cli/netcheck.h"
#include "cli/opts.h"
#include "cli/out.h"
#include <string.h>

static void labels_cell(struct table *t, const json_t *labels)
{
	auto_str text = {0};
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)labels, key, value)
		str_addf(&text, "%s%s=%s", text.len ? "," : "", key,
			 json_is_string(value) ? json_string_value(value) : "");
	table_cell(t, COLOR_NONE, text.data);
}

static void print_nodes(const json_t *nodes)
{
	static const char *const header[] = {"NODE", "ID",     "ADDRESS", "STATE", "TASKS",
					     "CPUS", "MEMORY", "VERSION", "LABELS"};
	struct table t;
	const json_t *n;
	size_t i, plain = 0;

	table_init(&t, header, ARRAY_LEN(header));
	json_array_foreach(nodes, i, n)
	{
		const char *state = json_str(n, "state");
		auto_free char *memory = out_bytes(json_int(n, "memory", 0));
		auto_free char *age = out_age(clock_wall_ms() - json_int(n, "last_seen", 0));

		table_cell(&t, COLOR_NONE, json_str(n, "name"));
		table_cell(&t, COLOR_NONE, json_str(n, "id"));
		table_cell(&t, COLOR_NONE, json_str(n, "address"));
		if (streq(state, "down") && json_int(n, "last_seen", 0) > 0)
			table_cellf(&t, COLOR_RED, "down (seen %s ago)", age);
		else
			table_cell(&t, out_state_color(state), state);
		table_cellf(&t, COLOR_NONE, "%lld", (long long)json_int(n, "tasks", 0));
		table_cellf(&t, COLOR_NONE, "%g", json_num(n, "cpus", 0));
		table_cell(&t, COLOR_NONE, memory);
		table_cell(&t, COLOR_NONE, json_str(n, "version"));
		labels_cell(&t, json_object_get(n, "labels"));
	}
	table_show(&t);
	json_array_foreach(nodes, i, n)
	{
		if (json_str(n, "no_encrypt"))
			plain++;
	}
	if (plain && plain < json_array_size(nodes)) /* where none can, nobody asked for it */
		json_array_foreach(nodes, i, n)
		{
			if (json_str(n, "no_encrypt"))
				printf("node '%s' cannot be on encrypted networks: %s\n",
				       json_str(n, "name"), json_str(n, "no_encrypt"));
		}
}

static int nodes_list(struct client *c, bool json, struct err *err)
{
	auto_json *nodes = NULL;
	int r = client_get(c, &nodes, err, "/v1/nodes");

	if (r)
		return r;
	if (json)
		out_json(nodes);
	else
		print_nodes(nodes);
	return 0;
}

static int nodes_remove(struct client *c, const struct strlist *args, struct err *err)
{
	for (size_t i = 1; i < args->n; i++) {
		auto_free char *name = http_escape(args->v[i]);
		auto_free char *path = xasprintf("/v1/nodes/%s", name);
		int r = client_do(c, "DELETE", path, NULL, NULL, err);

		if (r)
			return r;
		printf("node '%s' removed\n", args->v[i]);
	}
	return 0;
}

/* "key=value" sets, "key-" removes. */
static int nodes_label(struct client *c, const struct strlist *args, struct err *err)
{
	auto_free char *name = http_escape(args->v[1]);
	auto_free char *path = xasprintf("/v1/nodes/%s/labels", name);
	auto_json *body = json_object();
	json_t *labels = json_object();

	json_object_set_new(body, "labels", labels);
	for (size_t i = 2; i < args->n; i++) {
		const char *text = args->v[i], *eq = strchr(text, '=');
		auto_free char *key = xstrndup(text, eq ? (size_t)(eq - text) : strlen(text));

		if (!eq && str_ends(key, "-")) {
			key[strlen(key) - 1] = 0;
			json_object_set_new(labels, key, json_null());
		} else {
			json_object_set_new(labels, key, json_string(eq ? eq + 1 : ""));
		}
	}
	return client_do(c, "PATCH", path, body, NULL, err);
}

static int nodes_rotate(struct client *c, const char *name, struct err *err)
{
	auto_strlist one = {0};
	static const struct strlist none;
	const struct netcheck_what what = {.nodes = &one, .networks = &none};

	strlist_add(&one, name);
	return netcheck_run(c, "rotate-key", &what, false, err);
}

static int run(int argc, char **argv)
{
	auto_(client_free) struct client *c = NULL;
	auto_strlist args = {0};
	struct err err = {0};
	bool json = false;
	const struct opt v[] = {{0, "json", OPT_FLAG, &json}};
	const struct opts o = {.cmd = &cmd_nodes, .v = v, .n = ARRAY_LEN(v), .max_args = 1000};
	int r = opts_parse(&o, argc, argv, &args);
	const char *what;

	if (r >= 0)
		return r;
	what = args.n ? args.v[0] : "ls";
	if (streq(what, "ls")           ? args.n > 1
	    : streq(what, "rm")         ? args.n < 2
	    : streq(what, "rotate-key") ? args.n != 2
					: !streq(what, "label") || args.n < 3)
		return opts_misuse(&cmd_nodes, "usage: carrack nodes %s", cmd_nodes.args);
	r = client_open(&c, &err);
	if (!r && streq(what, "ls"))
		r = nodes_list(c, json, &err);
	else if (!r && streq(what, "rm"))
		r = nodes_remove(c, &args, &err);
	else if (!r && streq(what, "rotate-key"))
		r = nodes_rotate(c, args.v[1], &err);
	else if (!r)
		r = nodes_label(c, &args, &err);
	if (r > 0)
		return 1;
	if (r)
		out_error("%s", err_text(&err));
	return r ? 1 : 0;
}

const struct cmd cmd_nodes = {
	.name = "nodes",
	.args = "[ls] [--json] | rm NODE… | label NODE KEY=VALUE… KEY-… | rotate-key NODE",
	.summary = "List the cluster's nodes, remove those that are gone, set their labels.",
	.help = "  ls         list them (the default)\n"
		"  rm         forget a node that is down; its agent must join again to come back\n"
		"  label      set labels (KEY=VALUE) or remove them (KEY-); placement constraints "
		"see\n"
		"             them as node.labels.KEY\n"
		"  rotate-key turn to a fresh key for encrypted networks now, not at the next time "
		"for it\n"
		"  --json     for programs\n",
	.run = run,
};
