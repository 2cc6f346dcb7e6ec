/* SPDX-License-Identifier: Apache-2.0
 * Asking nodes about their networks; see netcheck.h. */
#include "cli/netcheck.h"
#include "cli/out.h"
#include "cli/session.h"
#include <errno.h>
#include <string.h>

struct run {
	struct loop *loop;
	size_t open;
	int wrong;
	json_t *findings;
};
struct asked { /* one node */
	struct run *run;
	const char *name;
	bool done;
};

static void add(struct run *run, const char *node, const char *what, const char *text)
{
	json_t *j = json_object();
	json_put_str(j, "node", node);
	json_put_str(j, "what", what);
	json_put_str(j, "text", text);
	json_array_append_new(run->findings, j);
}

static void failed(struct asked *a, const char *why)
{
	if (a->done)
		return;
	a->done = true;
	a->run->wrong++;
	add(a->run, a->name, "agent", why);
}

static void on_line(const json_t *finding, void *arg)
{
	struct asked *a = arg;

	json_array_append(a->run->findings, (json_t *)finding);
}

static void on_end(int code, const char *why, void *arg)
{
	struct asked *a = arg;

	if (why)
		failed(a, why);
	else
		a->run->wrong += code != 0;
	a->done = true;
	if (--a->run->open == 0)
		loop_stop(a->run->loop);
}

static void ask(struct client *c, struct asked *a, const char *kind, const json_t *options)
{
	struct err err = {0};
	const struct session_ask s = {.node = a->name,
				      .kind = kind,
				      .options = options,
				      .line = on_line,
				      .end = on_end,
				      .arg = a};

	if (session_start(c, a->run->loop, &s, &err))
		failed(a, err_text(&err));
	else
		a->run->open++;
}

static void print(const json_t *findings)
{
	const json_t *f;
	size_t i;

	json_array_foreach(findings, i, f)
	{
		const char *peer = json_str(f, "peer"), *network = json_str(f, "network");

		printf("%s%s%s%s%s%s: %s\n", json_str_or(f, "node", "?"), peer ? " -> " : "",
		       peer ? peer : "", network ? " (network '" : "", network ? network : "",
		       network ? "')" : "", json_str_or(f, "text", ""));
	}
}

int netcheck_run(struct client *c, const char *kind, const struct netcheck_what *what, bool json,
		 struct err *err)
{
	auto_json *nodes = NULL, *options = json_object();
	int r = client_get(c, &nodes, err, "/v1/nodes");
	size_t n = json_array_size(nodes), asked_n = 0;

	if (r)
		return r;
	json_put_strlist(options, "networks", what->networks);
	struct run run = {.loop = loop_new(), .findings = json_array()};
	struct asked *asked = xcalloc(n + 1, sizeof(*asked));
	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_array_get(nodes, i);
		struct asked *a = &asked[asked_n];

		*a = (struct asked){.run = &run, .name = json_str(v, "name")};
		if (what->nodes->n && !strlist_has(what->nodes, a->name) &&
		    !strlist_has(what->nodes, json_str_or(v, "id", "")))
			continue;
		asked_n++;
		if (streq(json_str(v, "state"), "down"))
			failed(a, "is down, so it could not be asked; see `carrack nodes`");
		else
			ask(c, a, kind, options);
	}
	if (run.open)
		loop_run(run.loop);
	loop_free(run.loop);
	free(asked);
	if (!asked_n) {
		json_decref(run.findings);
		return err_set(err, -ENOENT, "there is no node '%s'; `carrack nodes` lists them",
			       what->nodes->n ? what->nodes->v[0] : "");
	}
	if (json)
		out_json(run.findings);
	else
		print(run.findings);
	if (!json && !run.wrong && streq(kind, "net-check"))
		printf("ok: %zu nodes, nothing is wrong\n", asked_n);
	json_decref(run.findings);
	return run.wrong;
}
