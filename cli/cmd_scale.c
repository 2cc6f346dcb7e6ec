/* SPDX-License-Identifier: Apache-2.0
 * `carrack scale`: another number of replicas, without the file. */
#include "base/http.h"
#include "base/num.h"
#include "cli/client.h"
#include "cli/cmds.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/planask.h"
#include "cli/planout.h"
#include "cli/resolve.h"
#include "manifests/limits.h"
#include <errno.h>
#include <string.h>

static int dry_run(struct client *c, const char *stack, const char *service, int64_t n)
{
	const struct planask how = {0};
	auto_json *request =
		json_pack("{s:{s:s, s:I}}", "scale", "service", service, "replicas", (json_int_t)n);

	return planask_run(c, stack, request, &how) == PLAN_ERROR ? -ECANCELED : 0;
}

static int scale_one(struct client *c, const json_t *services, const char *text, bool dry,
		     struct err *err)
{
	const char *eq = strrchr(text, '=');
	auto_free char *name = xstrndup(text, eq ? (size_t)(eq - text) : strlen(text));
	auto_free char *stack = NULL, *service = NULL, *path = NULL;
	auto_json *body = json_object();
	const json_t *s;
	int64_t n;
	int r;

	if (!eq || !num_parse_i64(eq + 1, 0, LIMIT_SERVICE_REPLICAS, &n))
		return err_set(err, -EINVAL, "'%s' is not SERVICE=N with a number from 0 to %d",
			       text, LIMIT_SERVICE_REPLICAS);
	r = resolve_service(services, name, &s, err);
	if (r)
		return r;
	if (dry)
		return dry_run(c, json_str_or(s, "stack", ""), json_str_or(s, "name", ""), n);
	stack = http_escape(json_str_or(s, "stack", ""));
	service = http_escape(json_str_or(s, "name", ""));
	path = xasprintf("/v1/stacks/%s/services/%s/scale", stack, service);
	json_object_set_new(body, "replicas", json_integer(n));
	r = client_do(c, "POST", path, body, NULL, err);
	if (!r)
		printf("%s_%s: %lld -> %lld\n", json_str_or(s, "stack", ""),
		       json_str_or(s, "name", ""), (long long)json_int(s, "replicas", 0),
		       (long long)n);
	return r;
}

static int run(int argc, char **argv)
{
	auto_(client_free) struct client *c = NULL;
	auto_json *services = NULL;
	auto_strlist args = {0};
	struct err err = {0};
	bool dry = false;
	const struct opt v[] = {{0, "dry-run", OPT_FLAG, &dry}};
	const struct opts o = {.cmd = &cmd_scale,
			       .v = v,
			       .n = ARRAY_LEN(v),
			       .min_args = 1,
			       .max_args = 1000};
	int r = opts_parse(&o, argc, argv, &args);

	if (r >= 0)
		return r;
	r = client_open(&c, &err);
	if (!r)
		r = client_get(c, &services, &err, "/v1/services");
	for (size_t i = 0; i < args.n && !r; i++)
		r = scale_one(c, services, args.v[i], dry, &err);
	if (r && r != -ECANCELED)
		out_error("%s", err_text(&err));
	return r ? 1 : 0;
}

const struct cmd cmd_scale = {
	.name = "scale",
	.args = "SERVICE=N… [--dry-run]",
	.summary = "Set the number of replicas of services.",
	.help = "  --dry-run          only show what would be done\n\n"
		"SERVICE is STACK_SERVICE, STACK/SERVICE, or the service alone where that is\n"
		"unambiguous. The next `carrack apply` sets the number of the file again.\n",
	.run = run,
};
