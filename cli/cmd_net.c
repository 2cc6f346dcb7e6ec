/* SPDX-License-Identifier: Apache-2.0
 * `carrack net`: the cluster's networks, and who is on one. */
#include "cli/client.h"
#include "cli/cmds.h"
#include "cli/netcheck.h"
#include "cli/nettrace.h"
#include "cli/opts.h"
#include "cli/out.h"
#include <errno.h>

#define ARGS_MAX 100

static bool is_on(const json_t *task, const char *network)
{
	const json_t *address;
	size_t i;

	json_array_foreach(json_object_get(task, "addresses"), i, address)
	{
		if (streq(json_str(address, "network"), network))
			return true;
	}
	return false;
}

static size_t count_tasks(const json_t *tasks, const char *network)
{
	const json_t *t;
	size_t i, n = 0;

	json_array_foreach(tasks, i, t) n += is_on(t, network);
	return n;
}

/* What a network has for IPv4 and for IPv6; either may be NULL. */
static void both_cell(struct table *t, const char *v4, const char *v6)
{
	if (v4 && v6)
		table_cellf(t, COLOR_NONE, "%s,%s", v4, v6);
	else
		table_cell(t, COLOR_NONE, v4 ? v4 : v6);
}

/* "vni 4096", "macvlan eth1" */
static void driver_cell(struct table *t, const json_t *n)
{
	if (json_str(n, "parent"))
		table_cellf(t, COLOR_NONE, "%s %s", json_str(n, "driver"), json_str(n, "parent"));
	else
		table_cellf(t, COLOR_NONE, "vni %lld", (long long)json_int(n, "vni", 0));
}

static void print_networks(const json_t *networks, const json_t *tasks)
{
	static const char *const header[] = {"NETWORK", "STACK", "STATE", "DRIVER", "SUBNET",
					     "GATEWAY", "TASKS", "NODES", "FREE",   "WAY OUT"};
	struct table t;
	const json_t *n;
	size_t i;

	table_init(&t, header, ARRAY_LEN(header));
	json_array_foreach(networks, i, n)
	{
		const char *state = json_str(n, "state");

		table_cell(&t, COLOR_NONE, json_str(n, "name"));
		table_cell(&t, COLOR_NONE, json_str(n, "stack"));
		table_cell(&t, out_state_color(state), state);
		driver_cell(&t, n);
		both_cell(&t, json_str(n, "subnet"), json_str(n, "subnet6"));
		both_cell(&t, json_str(n, "gateway"), json_str(n, "gateway6"));
		table_cellf(&t, COLOR_NONE, "%zu", count_tasks(tasks, json_str(n, "name")));
		table_cellf(&t, COLOR_NONE, "%lld", (long long)json_int(n, "nodes", 0));
		if (json_str(n, "subnet"))
			table_cellf(&t, COLOR_NONE, "%lld",
				    (long long)json_int(n, "addresses_free", 0));
		else
			table_cell(&t, COLOR_NONE, NULL);
		table_cell(&t, COLOR_NONE, json_bool(n, "internal", false) ? "no" : "yes");
	}
	table_print(&t, stdout, out_has_color(stdout));
	table_done(&t);
}

static int net_list(struct client *c, bool json, struct err *err)
{
	auto_json *networks = NULL, *tasks = NULL;
	int r = client_get(c, &networks, err, "/v1/networks");

	if (!r)
		r = client_get(c, &tasks, err, "/v1/tasks");
	if (r)
		return r;
	if (json)
		out_json(networks);
	else
		print_networks(networks, tasks);
	return 0;
}

/* By name or id. */
static json_t *find_network(const json_t *networks, const char *name)
{
	const json_t *n;
	size_t i;

	json_array_foreach(networks, i, n)
	{
		if (streq(json_str(n, "name"), name) || streq(json_str(n, "id"), name))
			return (json_t *)n;
	}
	return NULL;
}

/* The endpoints that tasks have on a network. */
static json_t *endpoints_of(const json_t *tasks, const char *network)
{
	json_t *list = json_array();
	const json_t *task, *address;
	size_t i, k;

	json_array_foreach(tasks, i, task)
	{
		json_array_foreach(json_object_get(task, "addresses"), k, address)
		{
			json_t *e;

			if (!streq(json_str(address, "network"), network))
				continue;
			e = json_object();
			json_put_str(e, "task", json_str(task, "name"));
			json_put_str(e, "node", json_str(task, "node"));
			json_put_str(e, "state", json_str(task, "state"));
			json_put_str(e, "ip", json_str(address, "ip"));
			json_put_str(e, "ip6", json_str(address, "ip6"));
			json_put_str(e, "mac", json_str(address, "mac"));
			json_array_append_new(list, e);
		}
	}
	return list;
}

static int net_inspect(struct client *c, const char *name, struct err *err)
{
	auto_json *networks = NULL, *tasks = NULL;
	json_t *n;
	int r = client_get(c, &networks, err, "/v1/networks");

	if (!r)
		r = client_get(c, &tasks, err, "/v1/tasks");
	if (r)
		return r;
	n = find_network(networks, name);
	if (!n)
		return err_set(err, -ENOENT,
			       "there is no network '%s'; `carrack net ls` lists them", name);
	json_put_new(n, "endpoints", endpoints_of(tasks, json_str(n, "name")));
	out_json(n);
	return 0;
}

static bool is_node(const json_t *nodes, const char *name)
{
	const json_t *n;
	size_t i;

	json_array_foreach(nodes, i, n)
	{
		if (streq(json_str(n, "name"), name) || streq(json_str(n, "id"), name))
			return true;
	}
	return false;
}

/* check [NETWORK...], repair [NETWORK|NODE...] */
static int net_ask(struct client *c, const char *kind, const struct strlist *args, bool json,
		   struct err *err)
{
	auto_json *networks = NULL, *nodes = NULL;
	auto_strlist on = {0}, of = {0};
	bool repair = streq(kind, "net-repair");
	int r = client_get(c, &networks, err, "/v1/networks");

	if (!r)
		r = client_get(c, &nodes, err, "/v1/nodes");
	for (size_t i = 1; i < args->n && !r; i++) {
		const char *name = args->v[i];

		if (find_network(networks, name))
			strlist_add(&of, name);
		else if (repair && is_node(nodes, name))
			strlist_add(&on, name);
		else
			r = err_set(err, -ENOENT,
				    "there is no network%s '%s'; `carrack net ls` lists them",
				    repair ? " and no node" : "", name);
	}
	const struct netcheck_what what = {.nodes = &on, .networks = &of};

	return r ? r : netcheck_run(c, kind, &what, json, err);
}

static int run(int argc, char **argv)
{
	auto_(client_free) struct client *c = NULL;
	auto_strlist args = {0};
	struct err err = {0};
	bool json = false;
	const char *port = NULL;
	const struct opt v[] = {{0, "json", OPT_FLAG, &json}, {'p', "port", OPT_TEXT, &port}};
	const struct opts o = {.cmd = &cmd_net, .v = v, .n = ARRAY_LEN(v), .max_args = ARGS_MAX};
	int r = opts_parse(&o, argc, argv, &args);
	bool list;

	if (r >= 0)
		return r;
	list = !args.n || streq(args.v[0], "ls");
	bool check = args.n && streq(args.v[0], "check"),
	     repair = args.n && streq(args.v[0], "repair"),
	     trace = args.n && streq(args.v[0], "trace");
	if ((port && !trace) || (list              ? args.n > 1
				 : trace           ? args.n != 3
				 : check || repair ? false
						   : !streq(args.v[0], "inspect") || args.n != 2))
		return opts_misuse(&cmd_net, "usage: carrack net %s", cmd_net.args);
	r = client_open(&c, &err);
	if (!r)
		r = list     ? net_list(c, json, &err)
		    : check  ? net_ask(c, "net-check", &args, json, &err)
		    : repair ? net_ask(c, "net-repair", &args, json, &err)
		    : trace  ? nettrace_run(c, args.v[1], args.v[2], port, json, &err)
			     : net_inspect(c, args.v[1], &err);
	if (r > 0) /* what is wrong was told */
		return 1;
	if (r)
		out_error("%s", err_text(&err));
	return r ? 1 : 0;
}

const struct cmd cmd_net = {
	.name = "net",
	.args = "[ls] | inspect NETWORK | check [NETWORK...] | repair [NETWORK|NODE...] | "
		"trace FROM TO [--port PORT[/udp]] [--json]",
	.summary = "List the cluster's networks, tell all about one, check, mend and trace.",
	.help = "  ls         list them (the default): tasks and nodes on each, addresses that are "
		"free\n"
		"  inspect    one network and its endpoints, as JSON\n"
		"  check      every pair of nodes: tables, underlay, path MTU, a probe through "
		"each "
		"network,\n"
		"             names, VIPs; each finding is one sentence, and the exit status 1\n"
		"  repair     agents ask for all assignments anew, compare and mend at once\n"
		"  trace      each hop of a packet from a task to a task, a service, a name or an "
		"address\n"
		"             as FROM sees it, and where it is lost; exit status 0: it arrives and "
		"is\n"
		"             answered\n"
		"  --port     trace a TCP connection (PORT/udp: a UDP packet) instead of a ping\n"
		"  --json     for programs\n",
	.run = run,
};
