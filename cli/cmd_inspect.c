/* SPDX-License-Identifier: Apache-2.0
 * `carrack inspect`: all that is known of one thing, as JSON. */
#include "base/http.h"
#include "cli/client.h"
#include "cli/cmds.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/resolve.h"
#include <errno.h>

static const json_t *find_node(const json_t *nodes, const char *name)
{
	const json_t *n;
	size_t i;

	json_array_foreach(nodes, i, n) if (streq(json_str(n, "name"), name) ||
					    streq(json_str(n, "id"), name)) return n;
	return NULL;
}

static int inspect(struct client *c, const char *name, struct err *err)
{
	auto_free char *escaped = http_escape(name);
	auto_json *found = NULL, *list = NULL, *services = NULL;
	const json_t *it;
	int r = client_get(c, &found, err, "/v1/stacks/%s", escaped);

	if (r == -ENOENT)
		r = client_get(c, &found, err, "/v1/tasks/%s", escaped);
	if (r == -ENOENT) {
		r = client_get(c, &list, err, "/v1/nodes");
		it = r ? NULL : find_node(list, name);
		if (it)
			found = json_incref((json_t *)it);
		else if (!r)
			r = -ENOENT;
	}
	if (r == -ENOENT) {
		r = client_get(c, &services, err, "/v1/services");
		if (!r && resolve_service(services, name, &it, NULL) == 0)
			found = json_incref((json_t *)it);
	}
	if (r)
		return r;
	if (!found)
		return err_set(
			err, -ENOENT,
			"there is no stack, task, node or service '%s'; `carrack ls`, `ps` and "
			"`nodes` list them",
			name);
	out_json(found);
	return 0;
}

static int run(int argc, char **argv)
{
	auto_(client_free) struct client *c = NULL;
	auto_strlist args = {0};
	struct err err = {0};
	const struct opts o = {.cmd = &cmd_inspect, .min_args = 1, .max_args = 1000};
	int r = opts_parse(&o, argc, argv, &args);

	if (r >= 0)
		return r;
	r = client_open(&c, &err);
	for (size_t i = 0; i < args.n && !r; i++)
		r = inspect(c, args.v[i], &err);
	if (r)
		out_error("%s", err_text(&err));
	return r ? 1 : 0;
}

const struct cmd cmd_inspect = {
	.name = "inspect",
	.args = "STACK|TASK|NODE|SERVICE…",
	.summary = "Print all that is known of a stack, task, node or service, as JSON.",
	.help = "A name is looked for in this order; a task may be named by the start of its id.\n",
	.run = run,
};
