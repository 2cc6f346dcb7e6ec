/* SPDX-License-Identifier: Apache-2.0
 * Asking nodes about their networks; see netcheck.h. */
#include "cli/netcheck.h"
#include "base/http.h"
#include "cli/out.h"
#include "manifests/wire.h"
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

static void on_frame(struct conn *c, uint8_t type, const void *data, size_t len, void *arg)
{
	struct asked *a = arg;
	auto_json *j = json_parse(data, len, NULL);

	(void)c;
	if (type == SESSION_LOG && json_is_object(j)) {
		json_array_append(a->run->findings, j);
	} else if (type == SESSION_EXIT) {
		a->done = true;
		a->run->wrong += json_int(j, "code", 1) != 0;
	} else if (type == SESSION_ERROR) {
		failed(a, json_str_or(j, "error", "the agent refused"));
	}
}

static void on_close(struct conn *c, const char *why, void *arg)
{
	struct asked *a = arg;

	(void)c;
	failed(a, why);
	if (--a->run->open == 0)
		loop_stop(a->run->loop);
}

static const struct conn_ops ops = {.on_frame = on_frame, .on_close = on_close};

static void ask(struct client *c, struct asked *a, const char *kind, const char *network)
{
	auto_json *options = json_object();
	struct err err = {0};

	json_put_str(options, "network", network);
	auto_free char *text = json_text(options);
	auto_free char *escaped = http_escape(text), *name = http_escape(a->name);
	auto_free char *path = xasprintf("/v1/nodes/%s/session/%s?options=%s", name, kind, escaped);
	a->run->open++;
	if (!client_dial(c, a->run->loop, path, &ops, a, &err)) {
		failed(a, err_text(&err));
		a->run->open--;
	}
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

int netcheck_run(struct client *c, const char *kind, const char *node, const char *network,
		 bool json, struct err *err)
{
	auto_json *nodes = NULL;
	int r = client_get(c, &nodes, err, "/v1/nodes");
	size_t n = json_array_size(nodes), asked_n = 0;

	if (r)
		return r;
	struct run run = {.loop = loop_new(), .findings = json_array()};
	struct asked *asked = xcalloc(n + 1, sizeof(*asked));
	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_array_get(nodes, i);
		struct asked *a = &asked[asked_n];

		*a = (struct asked){.run = &run, .name = json_str(v, "name")};
		if (node && !streq(node, a->name) && !streq(node, json_str(v, "id")))
			continue;
		asked_n++;
		if (streq(json_str(v, "state"), "down"))
			failed(a, "is down, so it could not be asked; see `carrack nodes`");
		else
			ask(c, a, kind, network);
	}
	if (run.open)
		loop_run(run.loop);
	loop_free(run.loop);
	free(asked);
	if (node && !asked_n)
		r = err_set(err, -ENOENT, "there is no node '%s'; `carrack nodes` lists them",
			    node);
	else if (json)
		out_json(run.findings);
	else
		print(run.findings);
	if (!r && !json && !run.wrong && streq(kind, "net-check"))
		printf("ok: %zu nodes, nothing is wrong\n", asked_n);
	json_decref(run.findings);
	return r ? r : run.wrong;
}
