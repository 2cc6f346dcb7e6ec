/* SPDX-License-Identifier: Apache-2.0
 * The wait until nothing of a stack is left; see gone.h. */
#include "cli/gone.h"
#include "base/http.h"
#include "base/loop.h"
#include "cli/out.h"
#include "cli/resolve.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define POLL_US 100000

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

int gone_wait(struct client *c, const char *name, int64_t timeout_ms, struct err *err)
{
	auto_free char *escaped = http_escape(name);
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
