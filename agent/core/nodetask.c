/* SPDX-License-Identifier: Apache-2.0
 * States of a task, its reports, and what follows from an end. */
#include "agent/core/nodetask.h"
#include "agent/core/nodetask_parts.h"
#include "agent/core/report.h"
#include "agent/core/results.h"
#include "agent/core/taskvalues.h"
#include "base/log.h"
#include "base/mem.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void fill_report(const struct nodetask *t, struct wire_report *r)
{
	*r = (struct wire_report){
		.id = t->w.id,
		.state = t->state,
		.health = t->health,
		.reason = t->reason,
		.since = t->since,
		.exit_code = t->exit_code,
		.restarts = t->restart.count,
		.pid = t->pid,
		.image_digest = t->image ? t->image->digest : NULL,
		.ports = t->ports,
	};
}

void nodetask_report(const struct nodetask *t)
{
	if (t->stray)
		return;
	struct wire_report r;
	fill_report(t, &r);
	report_task(t->core->report, &r);
}

bool nodetask_ready(const struct nodetask *t)
{
	return task_ready(t->state, t->health) && !t->ailing && !t->w.stop && !t->removing;
}

void nodetask_move(struct nodetask *t, enum task_state state, const char *reason)
{
	char *copy = xstrdup(reason); /* reason may be t's own */
	if (t->state != state) {
		t->since = clock_wall_ms();
		log_info("agent", "task %s \"%s\": %s%s%s", t->w.id, t->w.name ? t->w.name : "",
			 task_state_name(state), copy ? ": " : "", copy ? copy : "");
	}
	t->state = state;
	free(t->reason);
	t->reason = copy;
	if (!t->stray && (state == TASK_COMPLETE || state == TASK_FAILED)) {
		struct wire_report r;
		fill_report(t, &r);
		results_put(t->core->results, &r);
	}
	nodetask_report(t);
	/* At once: one that is to stop is out of the published ports before it gets its signal. */
	if (nodetask_ready(t) != t->serving) {
		t->serving = nodetask_ready(t);
		core_serving(t->core, t->w.stack, t->w.service);
	}
}

static void on_timer(void *arg)
{
	struct nodetask *t = arg;
	switch (t->state) {
	case TASK_PREPARING:
	case TASK_BACKOFF:
		nodetask_begin_again(t);
		return;
	case TASK_STARTING:
	case TASK_RUNNING:
	case TASK_STOPPING:
		if (t->draining)
			nodetask_drained(t);
		else
			nodetask_harder(t);
		return;
	case TASK_PENDING:
	case TASK_ASSIGNED:
	case TASK_COMPLETE:
	case TASK_FAILED:
	case TASK_STOPPED:
	case TASK_LOST:
	case TASK_STATE_MAX:
	case TASK_STATE_INVALID:
		return;
	}
}

static struct nodetask *task_make(struct core *c)
{
	struct nodetask *t = xcalloc(1, sizeof(*t));
	t->core = c;
	t->state = TASK_ASSIGNED;
	t->exit_code = -1;
	t->grace_ms = TASK_GRACE_MS;
	t->timer = timer_new(c->loop, on_timer, t);
	return t;
}

/* Through its JSON: the one place that knows every field. */
static int copy_wire(const struct wire_task *from, struct wire_task *to, struct err *err)
{
	auto_json *j = wire_task_json(from);
	return wire_task_parse(j, to, err);
}

static bool ended_before(struct nodetask *t)
{
	struct wire_report r = {0};
	if (!results_get(t->core->results, t->w.id, &r))
		return false;
	t->state = r.state;
	t->since = r.since;
	t->exit_code = r.exit_code;
	t->restart.count = r.restarts;
	t->reason = take_ptr(r.reason);
	wire_report_done(&r);
	struct rt_status st;
	t->container = runtime_status(t->core->runtime, t->w.id, &st) == 0;
	nodetask_report(t);
	return true;
}

struct nodetask *nodetask_new(struct core *c, const struct wire_task *w)
{
	struct nodetask *t = task_make(c);
	struct err err = {0};
	if (copy_wire(w, &t->w, &err) < 0) {
		t->w.id = xstrdup(w->id);
		nodetask_move(t, TASK_FAILED, err_text(&err));
		return t;
	}
	taskvalues_fill(&t->w, c->node_id, c->node_name);
	const struct spec_service *s = &t->w.spec;
	if (s->stop_grace_period >= 0)
		t->grace_ms = s->stop_grace_period / 1000000;
	t->stop_signal = xstrdup(s->stop_signal);
	if (s->privileged)
		log_warn("agent",
			 "task %s \"%s\" is privileged: it can do what root can on this node",
			 t->w.id, t->w.name);
	if (ended_before(t))
		return t;
	struct rt_status st;
	if (runtime_status(c->runtime, t->w.id, &st) == 0 && nodetask_adopt(t, &st) == 0)
		return t;
	if (t->w.stop)
		nodetask_end(t, TASK_STOPPED, NULL);
	else
		nodetask_begin(t);
	return t;
}

struct nodetask *nodetask_new_stray(struct core *c, const char *id)
{
	struct nodetask *t = task_make(c);
	t->w.id = xstrdup(id);
	t->w.name = xstrdup("not assigned here");
	t->stray = true;
	t->container = true;
	t->sandbox = true;
	t->state = TASK_RUNNING;
	const struct kvlist *labels = runtime_labels(c->runtime, id);
	const char *grace = labels ? kvlist_get(labels, LABEL_GRACE_MS) : NULL;
	if (grace)
		t->grace_ms = strtoll(grace, NULL, 10);
	t->stop_signal = xstrdup(labels ? kvlist_get(labels, LABEL_SIGNAL) : NULL);
	nodetask_remove(t);
	return t;
}

void nodetask_free(struct nodetask *t)
{
	if (!t)
		return;
	nodetask_images_free(t);
	timer_free(t->timer);
	health_free(t->check);
	hooks_free(t->hooks);
	strlist_done(&t->ports);
	wire_task_done(&t->w);
	free(t->reason);
	free(t->stop_signal);
	free(t);
}

void nodetask_update(struct nodetask *t, const struct wire_task *w)
{
	if (t->removing) /* assigned again while it was being taken away: its end brings a new one */
		return;
	if (w->stop && !t->w.stop) {
		t->w.stop = true;
		nodetask_stop(t);
	}
}

void nodetask_remove(struct nodetask *t)
{
	if (t->removing)
		return;
	t->removing = true;
	if (task_state_ended(t->state))
		nodetask_forget(t);
	else
		nodetask_stop(t);
}

void nodetask_poke(struct nodetask *t)
{
	if (t->removing && task_state_ended(t->state))
		nodetask_forget(t);
	else if (task_state_ended(t->state) && (t->sandbox || t->holds_networks))
		nodetask_release(t);
	else if (t->state == TASK_PREPARING && timer_is_set(t->timer))
		nodetask_begin_again(t);
	else if (t->hosting && !nodetask_guests_ms(t))
		nodetask_guests_gone(t);
	else if (t->mend && (t->state == TASK_STARTING || t->state == TASK_RUNNING))
		nodetask_mend(t);
}

/* "exited with status 1", "was killed by signal 9 (KILL)", ... */
static char *end_text(const struct nodetask *t, const struct rt_status *st)
{
	if (t->ailing && t->reason)
		return xstrdup(t->reason);
	if (st->error)
		return xstrdup(st->error);
	if (st->oom)
		return xasprintf("used more memory than its limit of %lld bytes and was killed",
				 (long long)t->w.spec.limits.memory);
	int sig = st->exit_code - 128;
	const char *name = sig > 0 && sig < NSIG ? sigabbrev_np(sig) : NULL;
	if (name)
		return xasprintf("was killed by signal %d (%s)", sig, name);
	return xasprintf("exited with status %d", st->exit_code);
}

static void format_delay(uint64_t ms, char out[32])
{
	if (ms < 1000)
		snprintf(out, 32, "%llu ms", (unsigned long long)ms);
	else
		snprintf(out, 32, "%.1f s", (double)ms / 1000);
}

/* Ended or never started: again after a while, or for good. */
static void decide(struct nodetask *t, bool failed, uint64_t ran_ms, const char *why)
{
	struct restart_end e = {.failed = failed, .ran_ms = ran_ms, .now_ms = clock_ms()};
	uint64_t delay_ms = 0;
	t->ailing = t->rejoin = false;
	t->killed = false;
	t->pid = 0;
	t->health = HEALTH_NONE;
	timer_stop(t->timer);
	if (!restart_decide(&t->restart, &t->w.spec, &e, &delay_ms)) {
		nodetask_end(t, failed ? TASK_FAILED : TASK_COMPLETE, why);
		return;
	}
	char delay[32];
	format_delay(delay_ms, delay);
	auto_free char *reason = xasprintf("%s; next try after %s", why, delay);
	timer_set(t->timer, delay_ms);
	nodetask_move(t, TASK_BACKOFF, reason);
}

void nodetask_try_failed(struct nodetask *t, const char *why)
{
	t->exit_code = -1;
	decide(t, true, 0, why);
}

static void task_ended(struct nodetask *t, const struct rt_status *st)
{
	health_free(take_ptr(t->check));
	hooks_free(take_ptr(t->hooks));
	t->exit_code = st->error ? -1 : st->exit_code;
	t->pid = 0;
	if (t->state == TASK_STOPPING) {
		nodetask_ended_stopping(t);
		return;
	}
	nodetask_guests_rejoin(t);
	if (nodetask_lost_host(t, st)) {
		nodetask_join_again(t);
		return;
	}
	auto_free char *why = end_text(t, st);
	if (nodetask_is_before(t)) {
		nodetask_before_ended(t, st, why);
		return;
	}
	uint64_t ran_ms = t->started_ms ? clock_ms() - t->started_ms : 0;
	bool failed = st->exit_code != 0 || st->error || st->oom || t->ailing;
	decide(t, failed, ran_ms, why);
}

static void on_health(enum task_health h, const char *why, void *arg)
{
	struct nodetask *t = arg;
	t->health = h;
	if (h != HEALTH_UNHEALTHY || !restart_wants(&t->w.spec, true)) {
		nodetask_move(t, t->state, why);
		return;
	}
	t->ailing = true;
	health_free(take_ptr(t->check));
	nodetask_move(t, t->state, why);
	nodetask_signal(t, t->stop_signal);
	timer_set(t->timer, (uint64_t)t->grace_ms);
}

void nodetask_running(struct nodetask *t, const struct rt_status *st)
{
	uint64_t ran_ms = 0;
	if (st->started_ms > 0 && clock_wall_ms() > st->started_ms)
		ran_ms = (uint64_t)(clock_wall_ms() - st->started_ms);
	if (ran_ms > clock_ms())
		ran_ms = clock_ms();
	t->started_ms = clock_ms() - ran_ms;
	t->pid = st->pid;
	t->exit_code = -1;
	struct plan_health cfg = {0};
	plan_health(&t->w.spec, t->image, &cfg);
	health_free(take_ptr(t->check));
	t->health = HEALTH_NONE;
	if (cfg.on) {
		/* Only an adopted container, whose agent was away, counts as watched before. */
		uint64_t watched_ms = t->state == TASK_ASSIGNED ? ran_ms : 0;
		t->check = health_new(t->core->loop, t->core->runtime, t->w.id, &cfg, watched_ms);
		health_listen(t->check, on_health, t);
		t->health = health_now(t->check);
	}
	plan_health_done(&cfg);
	nodetask_move(t, TASK_RUNNING, NULL);
	if (st->started_ms > 0) { /* an adopted container began before its agent */
		t->since = st->started_ms;
		nodetask_report(t);
	}
}

static void on_post_start(const char *why, void *arg)
{
	struct nodetask *t = arg;
	struct rt_status st;
	hooks_free(take_ptr(t->hooks));
	if (why) { /* its end is a failure, for this reason */
		t->ailing = true;
		nodetask_move(t, t->state, why);
		nodetask_signal(t, t->stop_signal);
		timer_set(t->timer, (uint64_t)t->grace_ms);
	} else if (runtime_status(t->core->runtime, t->w.id, &st) == 0 && st.state == RT_RUNNING) {
		nodetask_running(t, &st);
	}
}

/* It has just begun to run: its own commands come before it counts as running. */
static void nodetask_up(struct nodetask *t, const struct rt_status *st)
{
	const struct spec_hooks *list = &t->w.spec.post_start;
	if (!list->n) {
		nodetask_running(t, st);
		return;
	}
	t->hooks = hooks_new(t->core->loop, t->core->runtime, t->w.id, "post_start", list);
	hooks_start(t->hooks, on_post_start, t);
}

void nodetask_event(struct nodetask *t, const struct rt_status *st)
{
	if (!t->container || task_state_ended(t->state) || t->state == TASK_BACKOFF ||
	    t->state == TASK_PREPARING)
		return;
	switch (st->state) {
	case RT_CREATED:
		return;
	case RT_RUNNING:
		t->pid = st->pid;
		if (t->state == TASK_STOPPING) /* told to stop while it was being started */
			nodetask_signal(t, t->stop_signal);
		else if (t->state == TASK_STARTING && nodetask_is_before(t))
			nodetask_before_runs(t, st);
		else if (t->state == TASK_STARTING && !t->hooks)
			nodetask_up(t, st);
		return;
	case RT_ENDED:
		task_ended(t, st);
		return;
	}
}

bool nodetask_gone(const struct nodetask *t)
{
	return t->gone;
}

enum task_state nodetask_state_now(const struct nodetask *t)
{
	return t->state;
}

const struct wire_task *nodetask_wire(const struct nodetask *t)
{
	return &t->w;
}

bool nodetask_uses_volume(const struct nodetask *t, const char *name)
{
	if (task_state_ended(t->state))
		return false;
	for (size_t i = 0; i < t->w.n_volumes; i++) {
		if (streq(t->w.volumes[i].name, name))
			return true;
	}
	return false;
}
