/* SPDX-License-Identifier: Apache-2.0
 * `carrack events`: what happened in the cluster, and what happens. */
#include "cli/client.h"
#include "cli/cmds.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "manifests/wire.h"
#include <errno.h>
#include <string.h>
#include <time.h>

struct follow {
	struct loop *loop;
	bool json;
	int status;
};

static void print_event(const json_t *e, bool json)
{
	int64_t ms = json_int(e, "time", 0);
	time_t s = (time_t)(ms / 1000);
	const char *what = json_str(e, "task");
	auto_str line = {0};
	auto_free char *clean = NULL;
	char when[32] = "";
	struct tm tm;

	if (json) {
		auto_free char *text = json_text(e);

		puts(text);
		return;
	}
	if (localtime_r(&s, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	str_addf(&line, "%s.%03d  %-12s ", when, (int)(ms % 1000), json_str_or(e, "type", ""));
	if (what)
		str_addf(&line, " %s", what);
	else if (json_str(e, "service"))
		str_addf(&line, " %s_%s", json_str_or(e, "stack", ""), json_str(e, "service"));
	else if (json_str(e, "stack"))
		str_addf(&line, " %s", json_str(e, "stack"));
	if (json_str(e, "node"))
		str_addf(&line, " on %s", json_str(e, "node"));
	bool about = what || json_str(e, "stack") || json_str(e, "node");

	if (json_str(e, "text"))
		str_addf(&line, "%s%s", about ? ": " : " ", json_str(e, "text"));
	clean = out_clean(line.data, line.len);
	puts(clean);
}

static void on_frame(struct conn *c, uint8_t type, const void *data, size_t len, void *arg)
{
	struct follow *f = arg;
	auto_json *e = type == SESSION_LOG ? json_parse(data, len, NULL) : NULL;

	(void)c;
	if (!json_is_object(e))
		return;
	print_event(e, f->json);
	fflush(stdout);
}

static void on_close(struct conn *c, const char *why, void *arg)
{
	struct follow *f = arg;

	(void)c;
	out_error("events ended: %s", why);
	f->status = 1;
	loop_stop(f->loop);
}

static int follow(struct client *c, int64_t since, bool json, struct err *err)
{
	static const struct conn_ops ops = {.on_frame = on_frame, .on_close = on_close};
	struct follow f = {.loop = loop_new(), .json = json};
	auto_free char *path = xasprintf("/v1/events?since=%lld", (long long)since);
	int r = client_dial(c, f.loop, path, &ops, &f, err) ? 0 : err->code;

	if (!r && f.status == 0)
		loop_run(f.loop);
	loop_free(f.loop);
	return r ? r : f.status;
}

static int events(bool follow_on, bool json, struct err *err)
{
	auto_(client_free) struct client *c = NULL;
	auto_json *answer = NULL;
	const json_t *e;
	size_t i;
	int r = client_open(&c, err);

	if (!r)
		r = client_get(c, &answer, err, "/v1/events");
	if (r)
		return r;
	json_array_foreach(json_object_get(answer, "events"), i, e) print_event(e, json);
	fflush(stdout);
	return follow_on ? follow(c, json_int(answer, "last", 0), json, err) : 0;
}

static int run(int argc, char **argv)
{
	auto_strlist args = {0};
	struct err err = {0};
	bool follow_on = false, json = false;
	const struct opt v[] = {{'f', "follow", OPT_FLAG, &follow_on},
				{0, "json", OPT_FLAG, &json}};
	const struct opts o = {.cmd = &cmd_events, .v = v, .n = ARRAY_LEN(v)};
	int r = opts_parse(&o, argc, argv, &args);

	if (r >= 0)
		return r;
	r = events(follow_on, json, &err);
	if (r < 0)
		out_error("%s", err_text(&err));
	return r ? 1 : 0;
}

const struct cmd cmd_events = {
	.name = "events",
	.args = "[-f] [--json]",
	.summary = "Print what happened in the cluster since the controller started.",
	.help = "  -f, --follow   go on as more happens\n"
		"  --json         for programs, one object a line\n"
		"\n"
		"The controller keeps the last 10,000 events.\n",
	.run = run,
};
