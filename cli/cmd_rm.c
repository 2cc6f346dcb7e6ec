/* SPDX-License-Identifier: Apache-2.0
 * `carrack rm`: removes stacks and waits until nothing of them is left. */
#include "base/http.h"
#include "base/loop.h"
#include "cli/client.h"
#include "cli/cmds.h"
#include "cli/gone.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/planask.h"
#include "cli/planout.h"
#include "cli/resolve.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT_MS (5 * 60 * 1000)

/* 0: what would be done was shown. */
static int dry_run(struct client *c, const struct strlist *stacks)
{
	const struct planask how = {0};
	auto_json *request = json_pack("{s:b}", "remove", 1);
	int status = 0;

	for (size_t i = 0; i < stacks->n; i++)
		if (planask_run(c, stacks->v[i], request, &how) == PLAN_ERROR)
			status = 1;
	return status;
}

static int run(int argc, char **argv)
{
	auto_(client_free) struct client *c = NULL;
	auto_strlist args = {0};
	struct err err = {0};
	bool no_wait = false, dry = false;
	int64_t timeout_ms = TIMEOUT_DEFAULT_MS;
	const struct opt v[] = {{0, "no-wait", OPT_FLAG, &no_wait},
				{0, "dry-run", OPT_FLAG, &dry},
				{0, "timeout", OPT_DURATION, &timeout_ms}};
	const struct opts o = {.cmd = &cmd_rm,
			       .v = v,
			       .n = ARRAY_LEN(v),
			       .min_args = 1,
			       .max_args = 1000};
	int r = opts_parse(&o, argc, argv, &args);

	if (r >= 0)
		return r;
	r = client_open(&c, &err);
	if (!r && dry)
		return dry_run(c, &args);
	for (size_t i = 0; i < args.n && !r; i++) {
		auto_free char *name = http_escape(args.v[i]);
		auto_free char *path = xasprintf("/v1/stacks/%s", name);

		r = client_do(c, "DELETE", path, NULL, NULL, &err);
	}
	for (size_t i = 0; i < args.n && !r && !no_wait; i++) {
		r = gone_wait(c, args.v[i], timeout_ms, &err);
		if (!r)
			printf("stack '%s' removed\n", args.v[i]);
	}
	if (r && r != -ETIMEDOUT)
		out_error("%s", err_text(&err));
	return r ? 1 : 0;
}

const struct cmd cmd_rm = {
	.name = "rm",
	.args = "STACK… [--dry-run] [--no-wait] [--timeout 5m]",
	.summary = "Remove stacks: their tasks and networks. Named volumes stay.",
	.help = "  --dry-run        only show what would be done\n"
		"  --no-wait        do not wait until everything is gone\n"
		"  --timeout TIME   how long to wait (5m)\n",
	.run = run,
};
