/* SPDX-License-Identifier: Apache-2.0
 * The file of ended tasks. */
#include "agent/core/results.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include <string.h>

struct results {
	char *path;
	json_t *by_id;
};

struct results *results_open(const char *data_dir)
{
	struct results *r = xcalloc(1, sizeof(*r));
	r->path = xasprintf("%s/results.json", data_dir);
	r->by_id = json_parse_file(r->path, NULL);
	if (!json_is_object(r->by_id)) {
		json_decref(r->by_id);
		r->by_id = json_object();
	}
	return r;
}

void results_close(struct results *r)
{
	if (!r)
		return;
	json_decref(r->by_id);
	free(r->path);
	free(r);
}

static void write_file(struct results *r)
{
	auto_free char *text = json_text(r->by_id);
	struct err err = {0};
	if (file_write_atomic(r->path, text, strlen(text), 0600, &err) < 0)
		log_error("agent", "the end of a task is not kept on disk: %s", err_text(&err));
}

void results_put(struct results *r, const struct wire_report *rep)
{
	json_object_set_new(r->by_id, rep->id, wire_report_json(rep));
	write_file(r);
}

void results_del(struct results *r, const char *task_id)
{
	if (json_object_del(r->by_id, task_id) == 0)
		write_file(r);
}

bool results_get(const struct results *r, const char *task_id, struct wire_report *out)
{
	const json_t *j = json_object_get(r->by_id, task_id);
	return j && wire_report_parse(j, out, NULL) == 0;
}
