/* SPDX-License-Identifier: Apache-2.0
 * Health checks through runtime_exec. Decides nothing about restarts. */
#include "agent/core/health.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>
#include <string.h>

#define EARLY_MS 100

struct health {
	struct loop *loop;
	struct runtime *runtime;
	char *id;
	struct plan_health cfg;
	struct timer *next, *limit;
	struct rt_exec *exec;
	struct str output;
	enum task_health now;
	uint64_t started_ms;
	int64_t failures;
	bool passed;       /* a check was good: the start is over */
	uint64_t early_ms; /* the next of the quick checks after a start */
	health_cb cb;
	void *arg;
};

static bool starting(const struct health *h)
{
	return !h->passed && clock_ms() - h->started_ms < h->cfg.start_period_ms;
}

/* Before the first regular check: most containers are ready long before it. */
static bool early(const struct health *h)
{
	return !h->passed && clock_ms() - h->started_ms < h->cfg.interval_ms;
}

static void schedule(struct health *h)
{
	uint64_t regular = starting(h) ? h->cfg.start_interval_ms : h->cfg.interval_ms;
	uint64_t ran = clock_ms() - h->started_ms;
	if (!early(h)) {
		timer_set(h->next, regular);
		return;
	}
	/* Quick ones at 100, 300, 700 ms ...; the regular ones keep their times. */
	uint64_t left = regular > ran % regular ? regular - ran % regular : regular;
	timer_set(h->next, h->early_ms < left ? h->early_ms : left);
	h->early_ms *= 2;
}

/* The last call of its caller: the listener may free h. */
static void verdict(struct health *h, enum task_health now, const char *why)
{
	if (h->now == now)
		return;
	h->now = now;
	if (h->cb)
		h->cb(now, why, h->arg);
}

static void check_ended(struct health *h, bool good, const char *what)
{
	timer_stop(h->limit);
	rt_exec_free(take_ptr(h->exec));
	if (good) {
		h->failures = 0;
		h->passed = true;
		schedule(h);
		verdict(h, HEALTH_HEALTHY, NULL);
		return;
	}
	if (!starting(h) && !early(h))
		h->failures++;
	schedule(h);
	if (h->failures < h->cfg.retries)
		return;
	while (h->output.len > 0 && h->output.data[h->output.len - 1] == '\n')
		h->output.data[--h->output.len] = 0;
	auto_free char *why = xasprintf("health check %s%s%s", what, h->output.len ? ": " : "",
					h->output.len ? h->output.data : "");
	verdict(h, HEALTH_UNHEALTHY, why);
}

static void on_output(int stream, const void *data, size_t len, void *arg)
{
	(void)stream;
	struct health *h = arg;
	size_t room = HEALTH_OUTPUT_MAX - h->output.len;
	str_addn(&h->output, data, len < room ? len : room);
}

static void on_exit_code(int code, void *arg)
{
	char what[48];
	snprintf(what, sizeof(what), "ended with status %d", code);
	check_ended(arg, code == 0, what);
}

static void on_limit(void *arg)
{
	struct health *h = arg;
	char what[64];
	snprintf(what, sizeof(what), "took longer than %llu ms",
		 (unsigned long long)h->cfg.timeout_ms);
	check_ended(h, false, what);
}

static void on_next(void *arg)
{
	struct health *h = arg;
	static const struct rt_exec_ops ops = {.output = on_output, .exit = on_exit_code};
	struct rt_exec_spec spec = {.args = h->cfg.args}; /* borrowed during the call */
	struct err err = {0};
	str_clear(&h->output);
	timer_set(h->limit, h->cfg.timeout_ms);
	if (runtime_exec(h->runtime, h->id, &spec, &ops, h, &h->exec, &err) < 0) {
		str_add(&h->output, err_text(&err));
		check_ended(h, false, "could not run");
	}
}

struct health *health_new(struct loop *l, struct runtime *r, const char *id,
			  struct plan_health *cfg_taken, uint64_t ran_ms)
{
	struct health *h = xcalloc(1, sizeof(*h));
	h->loop = l;
	h->runtime = r;
	h->id = xstrdup(id);
	h->cfg = *cfg_taken;
	*cfg_taken = (struct plan_health){0};
	h->next = timer_new(l, on_next, h);
	h->limit = timer_new(l, on_limit, h);
	h->started_ms = clock_ms() - ran_ms;
	h->early_ms = EARLY_MS;
	h->now = ran_ms > h->cfg.start_period_ms + h->cfg.interval_ms ? HEALTH_HEALTHY
								      : HEALTH_STARTING;
	h->passed = h->now == HEALTH_HEALTHY;
	if (ran_ms > 0)
		timer_set(h->next, 0);
	else
		schedule(h);
	return h;
}

void health_listen(struct health *h, health_cb cb, void *arg)
{
	h->cb = cb;
	h->arg = arg;
}

void health_free(struct health *h)
{
	if (!h)
		return;
	timer_free(h->next);
	timer_free(h->limit);
	rt_exec_free(h->exec);
	plan_health_done(&h->cfg);
	str_done(&h->output);
	free(h->id);
	free(h);
}

enum task_health health_now(const struct health *h)
{
	return h->now;
}
