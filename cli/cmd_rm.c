/* SPDX-License-Identifier: Apache-2.0
 * `carrack rm`: removes stacks and waits until nothing of them is left. */
#include "base/http.h"
#include "base/loop.h"
#include "cli/client.h"
#include "cli/cmds.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/resolve.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define POLL_US            100000
#define TIMEOUT_DEFAULT_MS (5 * 60 * 1000)

static void why_not_gone(struct client *c, const char *escaped, const char *name)
{
	auto_json *tasks = NULL;
	const json_t *task;
	bool lost = false;
	size_t i;

	if (client_get(c, &tasks, NULL, "/v1/tasks?stack=%s", escaped))
		return;
	out_error("stack '%s' is not gone yet; it goes on being removed", name);
	json_array_foreach(tasks, i, task)
	{
		const char *node = member_text(task, "node"), *why = member_text(task, "reason");
		auto_free char *reason = why ? xasprintf(": %s", why) : xstrdup("");
		auto_free char *clean = out_clean(reason, strlen(reason));

		lost |= streq(json_str(task, "state"), "lost");
		fprintf(stderr, "  %s on %s is %s%s\n", json_str_or(task, "name", "?"),
			node ? node : "no node", json_str_or(task, "state", "?"), clean);
	}
	if (lost)
		fputs("  if a node is gone for good, forget it: carrack nodes rm NODE\n", stderr);
}

/* Until the controller knows no such stack. */
static int wait_gone(struct client *c, const char *escaped, const char *name, int64_t timeout_ms,
		     struct err *err)
{
	uint64_t end = clock_ms() + (uint64_t)timeout_ms;

	for (;;) {
		auto_json *stack = NULL;
		int r = client_get(c, &stack, err, "/v1/stacks/%s", escaped);

		/* A controller that is started again goes on removing. */
		if (r && (r != -EHOSTUNREACH || clock_ms() >= end))
			return r == -ENOENT ? 0 : r;
		if (!r && clock_ms() >= end) {
			why_not_gone(c, escaped, name);
			return -ETIMEDOUT;
		}
		usleep(POLL_US);
	}
}

static int run(int argc, char **argv)
{
	auto_(client_free) struct client *c = NULL;
	auto_strlist args = {0};
	struct err err = {0};
	bool no_wait = false;
	int64_t timeout_ms = TIMEOUT_DEFAULT_MS;
	const struct opt v[] = {{0, "no-wait", OPT_FLAG, &no_wait},
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
	for (size_t i = 0; i < args.n && !r; i++) {
		auto_free char *name = http_escape(args.v[i]);
		auto_free char *path = xasprintf("/v1/stacks/%s", name);

		r = client_do(c, "DELETE", path, NULL, NULL, &err);
	}
	for (size_t i = 0; i < args.n && !r && !no_wait; i++) {
		auto_free char *name = http_escape(args.v[i]);

		r = wait_gone(c, name, args.v[i], timeout_ms, &err);
		if (!r)
			printf("stack '%s' removed\n", args.v[i]);
	}
	if (r && r != -ETIMEDOUT)
		out_error("%s", err_text(&err));
	return r ? 1 : 0;
}

const struct cmd cmd_rm = {
	.name = "rm",
	.args = "STACK… [--no-wait] [--timeout 5m]",
	.summary = "Remove stacks: their tasks and networks. Named volumes stay.",
	.help = "  --no-wait        do not wait until everything is gone\n"
		"  --timeout TIME   how long to wait (5m)\n",
	.run = run,
};
