/* SPDX-License-Identifier: Apache-2.0
 * Printing what containers wrote. */
#include "cli/logs.h"
#include "base/http.h"
#include "cli/out.h"
#include "manifests/wire.h"
#include <string.h>

struct reader { /* one task */
	struct run *run;
	const char *name, *node;
	bool done; /* the session ended as it should */
};
struct run {
	const struct logs_opts *o;
	struct loop *loop;
	size_t open, failed;
	int width;  /* of the longest name */
	bool clean; /* neutralise control characters: a person's terminal reads this */
};

static void reader_failed(struct reader *r, const char *why)
{
	r->run->failed++;
	r->done = true;
	if (!r->run->o->quiet)
		out_warn("no logs of '%s' on node '%s': %s", r->name, r->node, why);
}

static void print_line(struct reader *r, const json_t *line)
{
	const struct logs_opts *o = r->run->o;
	const json_t *text = json_object_get(line, "text");
	const char *bytes = json_is_string(text) ? json_string_value(text) : "";
	size_t len = json_is_string(text) ? json_string_length(text) : 0;
	auto_free char *cleaned = r->run->clean ? out_clean(bytes, len) : NULL;

	fputs(o->indent, o->out);
	if (o->prefix)
		fprintf(o->out, "%-*s | ", r->run->width, r->name);
	if (o->timestamps)
		fprintf(o->out, "%s ", json_str_or(line, "ts", ""));
	if (cleaned)
		fputs(cleaned, o->out);
	else
		fwrite(bytes, 1, len, o->out);
	fputc('\n', o->out);
}

static void on_frame(struct conn *c, uint8_t type, const void *data, size_t len, void *arg)
{
	struct reader *r = arg;
	/* Not json_parse: a line may hold NUL bytes, as containers may write anything. */
	auto_json *j = json_loadb(data, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

	(void)c;
	switch ((enum session_type)type) {
	case SESSION_LOG:
		if (json_is_object(j))
			print_line(r, j);
		/* Whoever follows wants each line when it comes, also through a pipe. */
		if (r->run->o->follow)
			fflush(r->run->o->out);
		return;
	case SESSION_EXIT:
		r->done = true;
		return;
	case SESSION_ERROR:
		if (!r->done)
			reader_failed(r, json_str_or(j, "error", "the agent refused"));
		return;
	case SESSION_STDIN:
	case SESSION_STDIN_END:
	case SESSION_RESIZE:
	case SESSION_SIGNAL:
	case SESSION_STDOUT:
	case SESSION_STDERR:
		return;
	}
}

static void on_close(struct conn *c, const char *why, void *arg)
{
	struct reader *r = arg;

	(void)c;
	if (!r->done)
		reader_failed(r, why);
	if (--r->run->open == 0)
		loop_stop(r->run->loop);
}

static const struct conn_ops reader_ops = {.on_frame = on_frame, .on_close = on_close};

static char *logs_path(const json_t *task, const struct logs_opts *o)
{
	auto_json *options = json_object();
	auto_free char *text = NULL, *escaped = NULL;

	json_object_set_new(options, "follow", json_boolean(o->follow));
	json_object_set_new(options, "tail", json_integer(o->tail));
	json_put_str(options, "since", o->since);
	text = json_text(options);
	escaped = http_escape(text);
	return xasprintf("/v1/tasks/%s/logs?options=%s", json_str_or(task, "id", ""), escaped);
}

size_t logs_print(struct client *c, const json_t *tasks, const struct logs_opts *o)
{
	size_t n = json_array_size(tasks);
	struct reader *readers = xcalloc(n, sizeof(*readers));
	struct run run = {.o = o, .loop = loop_new(), .clean = out_is_terminal(o->out)};

	for (size_t i = 0; i < n; i++) {
		const json_t *task = json_array_get(tasks, i);
		auto_free char *path = logs_path(task, o);
		struct reader *r = &readers[i];
		struct err err = {0};
		int width;

		r->run = &run;
		r->name = json_str_or(task, "name", "?");
		r->node = json_str_or(task, "node", "?");
		width = (int)strlen(r->name);
		run.width = width > run.width ? width : run.width;
		run.open++;
		if (!client_dial(c, run.loop, path, &reader_ops, r, &err)) {
			reader_failed(r, err_text(&err));
			run.open--;
		}
	}
	if (run.open)
		loop_run(run.loop);
	fflush(o->out);
	loop_free(run.loop);
	free(readers);
	return run.failed;
}
