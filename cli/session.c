/* SPDX-License-Identifier: Apache-2.0
 * Sessions with a node's agent; see session.h. */
#include "cli/session.h"
#include "base/http.h"
#include "base/mem.h"
#include "manifests/wire.h"

struct session {
	struct session_ask ask;
	bool done; /* it came to its end, with code, or why not */
	int code;
	char *why;
};

static void finish(struct session *s, int code, const char *why)
{
	if (s->done)
		return;
	s->done = true;
	s->code = code;
	s->why = why ? xstrdup(why) : NULL;
}

static void on_frame(struct conn *c, uint8_t type, const void *data, size_t len, void *arg)
{
	struct session *s = arg;
	auto_json *j = json_parse(data, len, NULL);

	(void)c;
	if (type == SESSION_LOG && json_is_object(j))
		s->ask.line(j, s->ask.arg);
	else if (type == SESSION_EXIT)
		finish(s, (int)json_int(j, "code", 1), NULL);
	else if (type == SESSION_ERROR)
		finish(s, 1, json_str_or(j, "error", "the agent refused"));
}

static void on_close(struct conn *c, const char *why, void *arg)
{
	struct session *s = arg;

	(void)c;
	finish(s, 1, why);
	s->ask.end(s->code, s->why, s->ask.arg);
	free(s->why);
	free(s);
}

int session_start(struct client *c, struct loop *l, const struct session_ask *ask, struct err *err)
{
	static const struct conn_ops ops = {.on_frame = on_frame, .on_close = on_close};
	auto_free char *text = ask->options ? json_text(ask->options) : xstrdup("{}");
	auto_free char *escaped = http_escape(text), *name = http_escape(ask->node);
	auto_free char *path =
		xasprintf("/v1/nodes/%s/session/%s?options=%s", name, ask->kind, escaped);
	struct session *s = xcalloc(1, sizeof(*s));

	s->ask = *ask;
	if (client_dial(c, l, path, &ops, s, err))
		return 0;
	free(s);
	return err->code;
}
