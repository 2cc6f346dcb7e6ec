/* SPDX-License-Identifier: Apache-2.0
 * `carrack apply`: a stack file to the controller, and the wait until it runs or why it does not. */
#include "base/fd.h"
#include "base/http.h"
#include "base/loop.h"
#include "cli/client.h"
#include "cli/cmds.h"
#include "cli/gone.h"
#include "cli/judge.h"
#include "cli/loadstack.h"
#include "cli/logs.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/resolve.h"
#include "cli/seal.h"
#include "manifests/canon.h"
#include "manifests/planfile.h"
#include "manifests/stackfile.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT_MS (5 * 60 * 1000)
#define POLL_FAST_MS       50 /* at first: most stacks are up within seconds */
#define POLL_SLOW_MS       250
#define POLL_FAST_FOR_MS   5000
#define LOG_LINES          10
#define PLANFILE_MAX       (64u << 20)

static void summary_part(struct str *s, const json_t *answer, const char *key)
{
	const json_t *list = json_object_get(answer, key), *it;
	size_t i;

	if (!json_array_size(list))
		return;
	str_addf(s, "%s%s", s->len ? "; " : "", key);
	json_array_foreach(list, i, it) str_addf(s, "%s%s", i ? ", " : " ", json_string_value(it));
}

static void print_summary(const char *name, const json_t *answer)
{
	auto_str s = {0};

	summary_part(&s, answer, "created");
	summary_part(&s, answer, "updated");
	summary_part(&s, answer, "removed");
	if (s.len)
		printf("stack '%s': %s\n", name, s.data);
	fflush(stdout);
}

/* Why, where, and what the container said last. */
static void explain(struct client *c, const struct judgement *g)
{
	struct logs_opts lo = {.tail = LOG_LINES, .out = stderr, .indent = "    ", .quiet = true};
	auto_free char *clean = out_clean(g->why, strlen(g->why));
	auto_json *one = NULL;
	const char *node;

	if (!g->task) {
		out_error("%s", clean);
		return;
	}
	node = member_text(g->task, "node");
	out_error("task '%s'%s%s%s: %s", json_str_or(g->task, "name", "?"), node ? " on '" : "",
		  node ? node : "", node ? "'" : "", clean);
	/* What never had a process wrote nothing. */
	if (!node || json_int(g->task, "exit_code", -1) < 0)
		return;
	fputs("  its last log lines:\n", stderr);
	one = json_array();
	json_array_append(one, (json_t *)g->task);
	logs_print(c, one, &lo);
}

static size_t count_wanted(const json_t *tasks)
{
	const json_t *t;
	size_t i, n = 0;

	json_array_foreach(tasks, i, t) n += judge_task_wanted(t);
	return n;
}

/* Services that the file still has. */
static size_t count_services(const json_t *services)
{
	const json_t *s;
	size_t i, n = 0;

	json_array_foreach(services, i, s) n +=
		!streq(json_str_or(json_object_get(s, "update"), "state", ""), "removing");
	return n;
}

struct wait {
	struct client *c;
	const char *name;
	bool changed;
	uint64_t start, timeout_ms;
	bool lost; /* the controller does not answer, and that was said */
	struct judge judge;
	struct progress progress;
};

static void tell_up(const struct wait *w, const json_t *services, const json_t *tasks, bool first)
{
	double seconds = (double)(clock_ms() - w->start) / 1000;
	size_t n_services = count_services(services), n_tasks = count_wanted(tasks);

	if (!w->changed && first)
		printf("stack '%s': nothing to change\n", w->name);
	else
		printf("stack '%s' is up: %zu service%s, %zu task%s (%.1f s)\n", w->name,
		       n_services, n_services == 1 ? "" : "s", n_tasks, n_tasks == 1 ? "" : "s",
		       seconds);
}

/* The controller may be started again while we wait: what it acknowledged goes on. */
static int no_answer(struct wait *w, int code, const struct err *err)
{
	bool in_time = clock_ms() - w->start < w->timeout_ms;

	if (code == -EHOSTUNREACH && in_time) {
		if (!w->lost) {
			progress_end(&w->progress);
			out_warn("%s; still waiting", err_text(err));
		}
		w->lost = true;
		return -1;
	}
	progress_end(&w->progress);
	out_error("%s", err_text(err));
	return 1;
}

/* ": 's_app.1' waits for ..." of the first task that is not up and says why; or "". */
static char *first_waiting(const json_t *tasks)
{
	const json_t *t;
	size_t i;

	json_array_foreach(tasks, i, t)
	{
		const char *reason = member_text(t, "reason");

		if (!judge_task_wanted(t) || !reason)
			continue;
		auto_free char *text = xasprintf(": '%s' %s", json_str_or(t, "name", "?"), reason);
		return out_clean(text, strlen(text));
	}
	return xstrdup("");
}

/* One look; -1: go on, otherwise the exit status. */
static int look(struct wait *w, const char *escaped, bool first)
{
	auto_json *services = NULL, *tasks = NULL;
	struct judgement g = {0};
	struct err err = {0};
	int status = -1;
	int r = client_get(w->c, &services, &err, "/v1/services?stack=%s", escaped);

	if (!r)
		r = client_get(w->c, &tasks, &err, "/v1/tasks?stack=%s", escaped);
	if (r)
		return no_answer(w, r, &err);
	w->lost = false;
	judge_stack(&w->judge, services, tasks, clock_ms(), &g);
	if (g.verdict != VERDICT_READY || w->changed || !first)
		progress_show(&w->progress, services, tasks);
	if (g.verdict == VERDICT_WAIT && clock_ms() - w->start >= w->timeout_ms) {
		auto_free char *waits = first_waiting(tasks);
		g.verdict = VERDICT_FAILED;
		g.why = xasprintf("stack '%s' is not up after %llu s%s; it goes on trying, see "
				  "`carrack ps %s`",
				  w->name, (unsigned long long)w->timeout_ms / 1000, waits,
				  w->name);
	}
	if (g.verdict != VERDICT_WAIT)
		progress_end(&w->progress);
	if (g.verdict == VERDICT_READY) {
		tell_up(w, services, tasks, first);
		status = 0;
	} else if (g.verdict == VERDICT_FAILED) {
		explain(w->c, &g);
		status = 1;
	}
	judgement_done(&g);
	return status;
}

/* Tasks that were there before and whose service the apply changed: their trouble is the reason to
 * apply, not its outcome. */
static void ignore_replaced(struct judge *j, const json_t *before, const json_t *answer)
{
	const json_t *updated = json_object_get(answer, "updated"), *task, *name;
	size_t i, k;

	json_array_foreach(before, i, task)
		json_array_foreach(updated, k, name) if (streq(json_string_value(name),
							       json_str(task, "service")))
			judge_ignore(j, json_str_or(task, "id", ""));
}

static int wait_up(struct client *c, const char *name, const json_t *before, const json_t *answer,
		   int64_t timeout_ms)
{
	struct wait w = {.c = c,
			 .name = name,
			 .changed = json_bool(answer, "changed", true),
			 .start = clock_ms(),
			 .timeout_ms = (uint64_t)timeout_ms};
	auto_free char *escaped = http_escape(name);
	int status;

	judge_init(&w.judge);
	if (!w.changed)
		w.judge.settle_ms = 0;
	ignore_replaced(&w.judge, before, answer);
	progress_init(&w.progress);
	for (bool first = true; (status = look(&w, escaped, first)) < 0; first = false) {
		bool fast = clock_ms() - w.start < POLL_FAST_FOR_MS;

		usleep(1000 * (fast ? POLL_FAST_MS : POLL_SLOW_MS));
	}
	progress_done(&w.progress);
	judge_done(&w.judge);
	return status;
}

static int apply(struct loadstack *from, bool no_wait, int64_t timeout_ms)
{
	auto_(client_free) struct client *c = NULL;
	__attribute__((cleanup(cleanup_spec_stack_free))) struct spec_stack *stack =
		loadstack_parse(from);
	auto_json *body = NULL, *before = NULL, *answer = NULL, *sealed = NULL;
	auto_free char *escaped = NULL, *path = NULL;
	struct err err = {0};
	int r;

	if (!stack)
		return 1;
	escaped = http_escape(stack->name);
	path = xasprintf("/v1/stacks/%s", escaped);
	r = client_open(&c, &err);
	if (!r)
		r = seal_stack(c, stack, SEAL_MISSING, &sealed, &err);
	if (!r)
		r = seal_send(c, stack->name, sealed, &err);
	if (!r)
		r = client_get(c, &before, &err, "/v1/tasks?stack=%s", escaped);
	if (!r) {
		body = canon_stack(stack);
		r = client_do(c, "PUT", path, body, &answer, &err);
	}
	if (r) {
		loadstack_error(from, &err);
		return 1;
	}
	print_summary(stack->name, answer);
	if (!no_wait)
		return wait_up(c, stack->name, before, answer, timeout_ms);
	if (!json_bool(answer, "changed", true))
		printf("stack '%s': nothing to change\n", stack->name);
	return 0;
}

/* Does exactly what a saved plan says, or nothing. */
static int apply_saved(const struct planfile *f, bool no_wait, int64_t timeout_ms)
{
	auto_(client_free) struct client *c = NULL;
	auto_json *body = json_copy(f->request), *before = NULL, *answer = NULL;
	auto_free char *escaped = http_escape(f->stack);
	auto_free char *path = xasprintf("/v1/stacks/%s/apply", escaped);
	struct err err = {0};
	int r = client_open(&c, &err);

	json_object_set(body, "plan", f->plan);
	if (!r)
		r = seal_send(c, f->stack, f->sealed, &err);
	/* Of a stack that is not there yet there are no tasks. */
	if (!r)
		r = client_get(c, &before, &err, "/v1/tasks?stack=%s", escaped);
	if (!r)
		r = client_do(c, "POST", path, body, &answer, &err);
	if (!r && json_bool(f->request, "remove", false)) {
		if (!no_wait)
			r = gone_wait(c, f->stack, timeout_ms, &err);
		if (!r)
			printf("stack '%s' %s\n", f->stack,
			       no_wait ? "is being removed" : "removed");
		if (r != -ETIMEDOUT && r)
			out_error("%s", err_text(&err));
		return r ? 1 : 0;
	}
	if (r) {
		out_error("%s", err_text(&err));
		return 1;
	}
	print_summary(f->stack, answer);
	return no_wait ? 0 : wait_up(c, f->stack, before, answer, timeout_ms);
}

/* Is what is to be applied a saved plan? -1: no; otherwise the exit status. */
static int try_saved(const char *path, bool must, bool no_wait, int64_t timeout_ms)
{
	auto_free char *text = NULL;
	struct planfile f = {0};
	struct err err = {0};
	size_t len = 0;
	int r = file_read(path, PLANFILE_MAX, &text, &len, &err);

	/* A stack's file is read, and complained about, as such. */
	if (!must && (r || !planfile_is(text, len)))
		return -1;
	if (!r)
		r = planfile_parse(text, len, &f, &err);
	if (r) {
		out_error("plan '%s': %s", path, err_text(&err));
		return 1;
	}
	r = apply_saved(&f, no_wait, timeout_ms);
	planfile_done(&f);
	return r;
}

static int run(int argc, char **argv)
{
	auto_strlist args = {0};
	struct loadstack from = {.values = true};
	bool no_wait = false;
	int64_t timeout_ms = TIMEOUT_DEFAULT_MS;
	const struct opt v[] = {
		LOADSTACK_OPTIONS(from),
		{0, "no-wait", OPT_FLAG, &no_wait},
		{0, "timeout", OPT_DURATION, &timeout_ms},
	};
	const struct opts o = {.cmd = &cmd_apply, .v = v, .n = ARRAY_LEN(v), .max_args = 1};
	int r = opts_parse(&o, argc, argv, &args);

	if (r < 0 && args.n && from.files.n)
		r = opts_misuse(&cmd_apply, "a saved plan is applied without -f");
	if (r < 0 && args.n)
		r = try_saved(args.v[0], true, no_wait, timeout_ms);
	if (r < 0 && from.files.n == 1 && !streq(from.files.v[0], "-"))
		r = try_saved(from.files.v[0], false, no_wait, timeout_ms);
	if (r < 0)
		r = loadstack_check(&from, &cmd_apply);
	if (r < 0)
		r = apply(&from, no_wait, timeout_ms);
	loadstack_done(&from);
	return r;
}

const struct cmd cmd_apply = {
	.name = "apply",
	.args = "[PLAN] [-f FILE]... [-n NAME] [--profile NAME]... [--no-wait] [--timeout 5m]",
	.summary = "Make the cluster run a stack file, and wait until it does.",
	.help = LOADSTACK_HELP
	"  PLAN               a file of `carrack plan --out`: exactly that is done, or nothing "
	"when the\n"
	"                     cluster has moved on since\n"
	"  --no-wait          do not wait until all services are up\n"
	"  --timeout TIME     how long to wait (5m)\n"
	"\n"
	"Applying the same files again changes nothing; changed ones change only what differs.\n"
	"The exit status is 0 when all services are up, 1 when not, and then it says "
	"why.\n",
	.run = run,
};
