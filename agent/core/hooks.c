/* SPDX-License-Identifier: Apache-2.0
 * See hooks.h. */
#include "agent/core/hooks.h"
#include "base/mem.h"

struct hooks {
	struct runtime *runtime;
	const char *id, *what;
	const struct spec_hooks *list;
	size_t next;
	struct timer *turn; /* to the next command, and to the end, from the loop alone */
	struct rt_exec *exec;
	struct str output;
	char *why;
	hooks_cb cb;
	void *arg;
};

static void fail(struct hooks *h, const char *how)
{
	const struct spec_hook *k = &h->list->v[h->next - 1];
	while (h->output.len > 0 && h->output.data[h->output.len - 1] == '\n')
		h->output.data[--h->output.len] = 0;
	free(h->why);
	h->why = xasprintf("%s command '%s' %s%s%s", h->what, k->command.n ? k->command.v[0] : "",
			   how, h->output.len ? ": " : "", h->output.len ? h->output.data : "");
}

static void on_output(int stream, const void *data, size_t len, void *arg)
{
	(void)stream;
	struct hooks *h = arg;
	size_t room = HOOK_OUTPUT_MAX - h->output.len;
	str_addn(&h->output, data, len < room ? len : room);
}

static void on_exit_code(int code, void *arg)
{
	struct hooks *h = arg;
	auto_free char *how = xasprintf("ended with status %d", code);
	rt_exec_free(take_ptr(h->exec));
	if (code)
		fail(h, how);
	timer_set(h->turn, 0);
}

static void run(struct hooks *h)
{
	static const struct rt_exec_ops ops = {.output = on_output, .exit = on_exit_code};
	const struct spec_hook *k = &h->list->v[h->next++];
	auto_strlist env = {0};
	struct err err = {0};
	for (size_t i = 0; i < k->environment.n; i++)
		if (k->environment.v[i].v)
			strlist_addf(&env, "%s=%s", k->environment.v[i].k, k->environment.v[i].v);
	struct rt_exec_spec spec = {.args = k->command, /* all borrowed during the call */
				    .env = env,
				    .cwd = k->working_dir,
				    .user = k->user,
				    .privileged = k->privileged};
	str_clear(&h->output);
	if (runtime_exec(h->runtime, h->id, &spec, &ops, h, &h->exec, &err) == 0)
		return;
	str_add(&h->output, err_text(&err));
	fail(h, "could not run");
	timer_set(h->turn, 0);
}

static void on_turn(void *arg)
{
	struct hooks *h = arg;
	if (!h->why && h->next < h->list->n) {
		run(h);
		return;
	}
	auto_free char *why = take_ptr(h->why);
	h->cb(why, h->arg);
}

struct hooks *hooks_new(struct loop *l, struct runtime *r, const char *id, const char *what,
			const struct spec_hooks *list)
{
	struct hooks *h = xcalloc(1, sizeof(*h));
	h->runtime = r;
	h->id = id;
	h->what = what;
	h->list = list;
	h->turn = timer_new(l, on_turn, h);
	return h;
}

void hooks_start(struct hooks *h, hooks_cb cb, void *arg)
{
	h->cb = cb;
	h->arg = arg;
	timer_set(h->turn, 0);
}

void hooks_free(struct hooks *h)
{
	if (!h)
		return;
	timer_free(h->turn);
	rt_exec_free(h->exec);
	str_done(&h->output);
	free(h->why);
	free(h);
}
