/* SPDX-License-Identifier: Apache-2.0
 * Questions answered by a forked copy; see nodeask.h. */
#include "agent/core/nodeask.h"
#include "base/fd.h"
#include "base/forked.h"
#include "base/mem.h"
#include <string.h>

#define ASK_LIMIT_MS 60000
#define ASK_LINE_MAX 65536

struct nodeask {
	struct core *c;
	nodeask_fn fn;
	json_t *options;
	struct forked *work;
	bool lines;
	const struct nodeask_ops *ops;
	void *arg;
};

void nodeask_emit(struct nodeask_out *out, json_t *object_taken)
{
	auto_json *j = object_taken;
	auto_free char *line = json_text(j);
	(void)fd_write_all(out->fd, line, strlen(line));
	(void)fd_write_all(out->fd, "\n", 1);
}

static void on_line(const char *text, size_t len, void *arg)
{
	struct nodeask *n = arg;
	json_t *j = json_parse(text, len, NULL);
	n->lines = true;
	if (j)
		n->ops->line(j, n->arg);
}

static void on_end(enum forked_end how, const char *text, size_t len, void *arg)
{
	struct nodeask *n = arg;
	(void)text;
	(void)len;
	if (how != FORKED_OK) {
		json_t *j = json_object();
		json_put_str(j, "node", n->c->node_name);
		json_put_str(j, "what", "check");
		json_put_str(j, "text", "the check did not come to its end in time");
		n->lines = true;
		n->ops->line(j, n->arg);
	}
	n->ops->end(n->lines, n->arg); /* may free n */
}

static void work(int out, void *arg)
{
	const struct nodeask *n = arg;
	struct nodeask_out o = {.c = n->c, .options = n->options, .fd = out};
	n->fn(&o);
}

int nodeask_start(struct core *c, nodeask_fn fn, const json_t *options,
		  const struct nodeask_ops *ops, void *arg, struct nodeask **ret, struct err *err)
{
	struct nodeask *n = xcalloc(1, sizeof(*n));
	*n = (struct nodeask){.c = c, .fn = fn, .ops = ops, .arg = arg};
	n->options = json_deep_copy(options);
	const struct forked_spec spec = {.work = work,
					 .line = on_line,
					 .end = on_end,
					 .arg = n,
					 .limit_ms = ASK_LIMIT_MS,
					 .max_bytes = ASK_LINE_MAX};
	int r = forked_start(c->loop, &spec, &n->work, err);
	if (r < 0) {
		nodeask_free(n);
		return err_wrap(err, r, "cannot look at the network");
	}
	*ret = n;
	return 0;
}

void nodeask_free(struct nodeask *n)
{
	if (!n)
		return;
	forked_free(n->work);
	json_decref(n->options);
	free(n);
}
