/* SPDX-License-Identifier: Apache-2.0
 * Updates: slots that hold something older than the service's template are renewed a few at a time,
 * and what happens when a new one does not come up. */
#include "controller/core/depends.h"

#include <stdio.h>

const char *rollout_name(enum roll_state s)
{
	static const char *const names[] = {"", "updating", "paused", "rolling back", "completed"};
	return names[s];
}

/* How the present change of its tasks goes; a rollback without a word of its own like an update. */
static const struct spec_update *config(const struct service *svc)
{
	const struct spec_service *s = svc->spec;
	return svc->roll == ROLL_BACK && s->rollback.set ? &s->rollback : &s->update;
}

static bool fixed_address(const struct spec_service *s)
{
	for (size_t i = 0; i < s->n_networks; i++)
		if (s->networks[i].ipv4_address || s->networks[i].ipv6_address ||
		    s->networks[i].mac_address)
			return true;
	return false;
}

/* Two tasks of a slot cannot have one address or live in one network, nor two of a node one slot of a
 * global service. */
bool rollout_start_first(const struct service *svc)
{
	const struct spec_update *u = svc->spec ? config(svc) : NULL;
	return u && u->set && u->start_first && !svc->global && !fixed_address(svc->spec) &&
	       !spec_joins_any(svc->spec);
}

static size_t parallelism(const struct cluster *c, const struct service *svc)
{
	const char *name;
	/* A network that waits for its predecessor to empty cannot wait for one slot at a time. */
	if (!tmpl_networks_ready(c, svc->tmpl, &name))
		return svc->n_slots;
	int64_t p = config(svc)->set ? config(svc)->parallelism : 1;
	if (spec_is_job(svc->spec)) /* its tasks do not stand in for each other */
		return svc->n_slots;
	return p <= 0 ? svc->n_slots : (size_t)p;
}

static bool outdated(const struct service *svc, const struct slot *sl)
{
	return sl->cur && sl->cur->tmpl != svc->tmpl;
}

static bool settled(const struct service *svc, const struct slot *sl)
{
	return sl->cur && sl->cur->tmpl == svc->tmpl &&
	       (task_up(sl->cur) || sl->cur->state == TASK_COMPLETE);
}

static bool failing(const struct service *svc, const struct slot *sl)
{
	const struct task *t = sl->cur;
	return t && t->tmpl == svc->tmpl && !t->lost &&
	       (t->state == TASK_FAILED || t->state == TASK_BACKOFF ||
		(t->state == TASK_RUNNING && t->health == HEALTH_UNHEALTHY));
}

static void event(struct cluster *c, const struct service *svc, const char *type, const char *text)
{
	struct event_of of = {type, svc->stack->name, svc->name, NULL, NULL};
	cluster_event(c, &of, "%s", text);
}

void rollout_begin(struct cluster *c, struct service *svc)
{
	bool any = false;
	for (size_t i = 0; i < svc->n_slots; i++) {
		struct slot *sl = &svc->slots[i];
		sl->failed = false;
		/* What has not been placed yet can be made anew at no cost. */
		if (outdated(svc, sl) && !sl->cur->node)
			task_drop(c, sl->cur);
		any |= outdated(svc, sl);
	}
	svc->cursor = svc->n_rolling = svc->n_failed = 0;
	svc->roll_at = svc->watch_until = 0;
	marks_del(&c->timed, &svc->timed);
	free_and_null(&svc->why);
	svc->roll = any ? ROLL_UPDATING : ROLL_NONE;
	if (!any) {
		tmpl_unref(c, svc->prev);
		svc->prev = NULL;
	}
	for (size_t i = 0; i < svc->n_slots; i++) {
		struct slot *sl = &svc->slots[i];
		/* Of a task that has ended for good nothing more is heard. */
		bool ended = sl->cur && !sl->cur->lost && sl->cur->state == TASK_FAILED;
		sl->rolling = any && !outdated(svc, sl) && !settled(svc, sl) && !ended &&
			      (i < svc->n_want || sl->node);
		svc->n_rolling += sl->rolling;
	}
	for (size_t i = 0; any && !svc->prev && i < svc->n_slots; i++)
		if (outdated(svc, &svc->slots[i]))
			svc->prev = tmpl_ref(svc->slots[i].cur->tmpl);
	service_mark(c, svc);
}

static void wait_until(struct cluster *c, struct service *svc, uint64_t when)
{
	svc->roll_at = when;
	marks_add(&c->timed, svc, &svc->timed);
}

/* A slot is through: `delay` until the next, and `monitor` in which a failure still counts. */
static void take_time(struct cluster *c, struct service *svc)
{
	const struct spec_update *u = svc->spec ? config(svc) : NULL;
	if (!u || !u->set)
		return;
	if (u->delay > 0)
		wait_until(c, svc, c->now + (uint64_t)u->delay / 1000000);
	if (u->monitor > 0)
		svc->watch_until = c->now + (uint64_t)u->monitor / 1000000;
}

static void stop_retiring(struct cluster *c, struct slot *sl)
{
	for (struct task *o = sl->old, *next; o; o = next) {
		next = o->slot_next;
		if (o->retiring)
			task_stop(c, o);
	}
}

static void slot_done(struct cluster *c, struct service *svc, struct slot *sl)
{
	if (sl->rolling) {
		sl->rolling = false;
		svc->n_rolling--;
		take_time(c, svc);
	}
	if (svc->roll == ROLL_PAUSED && !svc->n_rolling)
		svc->roll = ROLL_UPDATING;
}

static void roll_back(struct cluster *c, struct service *svc, const char *reason)
{
	struct tmpl *from = svc->tmpl, *to = tmpl_again(c, svc->stack, svc->prev);
	kvlist_set(&svc->stack->pinned, svc->name, to->id);
	row_stack(c, svc->stack);
	svc->tmpl = tmpl_ref(to);
	tmpl_unref(c, svc->prev);
	svc->prev = NULL;
	rollout_begin(c, svc);
	svc->roll = ROLL_BACK;
	svc->deps_met = true;
	svc->why = xstrdup(reason);
	tmpl_unref(c, from);
	event(c, svc, "service_rolled_back", reason);
}

/* One more task has failed: still no more of them than the file bears? */
static bool bearable(struct service *svc, struct slot *sl)
{
	const struct spec_update *u = config(svc);
	size_t all = svc->global ? svc->n_slots : svc->n_want;
	svc->n_failed += !sl->failed;
	sl->failed = true;
	return u->set && (double)svc->n_failed <= u->max_failure_ratio * (double)all;
}

static void slot_failed(struct cluster *c, struct service *svc, struct slot *sl)
{
	const struct spec_update *u = config(svc);
	const char *action = u->set ? u->failure_action : NULL;
	const struct task *t = sl->cur;
	auto_free char *name = task_name(t);
	auto_free char *why = xasprintf("'%s' did not come up: %s", name,
					t->reason ? t->reason : task_state_name(t->state));
	if (streq(action, "continue") || bearable(svc, sl)) {
		slot_done(c, svc, sl);
		return;
	}
	/* There is nothing further to go back to: the other slots still go back, unless the file says
	 * how a rollback fails. */
	if (svc->roll == ROLL_BACK && !svc->spec->rollback.set) {
		slot_done(c, svc, sl);
		return;
	}
	if (svc->roll != ROLL_BACK && streq(action, "rollback") && svc->prev &&
	    !streq(svc->prev->hash, svc->tmpl->hash)) {
		roll_back(c, svc, why);
		return;
	}
	if (svc->roll == ROLL_PAUSED)
		return;
	svc->roll = ROLL_PAUSED;
	free(svc->why);
	svc->why = take_ptr(why);
	event(c, svc, "update_paused", svc->why);
}

/* Nothing new will come up here for now: the slot is not wanted, or its node is down. */
static bool idle(const struct service *svc, const struct slot *sl)
{
	if (!svc->spec)
		return true;
	if (svc->global)
		return !sl->node || !sl->node->up;
	return sl >= svc->slots + svc->n_want;
}

/* A task of an older template is back, with its node, in a slot that the update has passed. */
static void look_again(struct service *svc, struct slot *sl)
{
	size_t ix = (size_t)(sl - svc->slots);
	if (sl->rolling) {
		sl->rolling = false;
		svc->n_rolling--;
	}
	if (svc->cursor > ix)
		svc->cursor = ix;
	if (svc->roll == ROLL_NONE || svc->roll == ROLL_DONE)
		svc->roll = ROLL_UPDATING;
}

void rollout_slot(struct cluster *c, struct service *svc, struct slot *sl)
{
	if (settled(svc, sl))
		stop_retiring(c, sl);
	bool active = svc->roll == ROLL_UPDATING || svc->roll == ROLL_PAUSED ||
		      (svc->roll == ROLL_BACK && sl->rolling);
	if (sl->rolling && (settled(svc, sl) || idle(svc, sl)))
		slot_done(c, svc, sl);
	else if (outdated(svc, sl) && !idle(svc, sl))
		look_again(svc, sl);
	else if (active && svc->spec && failing(svc, sl))
		slot_failed(c, svc, sl);
	service_mark(c, svc);
}

static bool old_alive(const struct slot *sl)
{
	for (const struct task *o = sl->old; o; o = o->slot_next)
		if (!o->lost)
			return true;
	return false;
}

/* The task that was to retire is what is wanted again: back into its slot with it. */
static bool take_back(struct cluster *c, struct service *svc, struct slot *sl)
{
	for (struct task **at = &sl->old; *at; at = &(*at)->slot_next) {
		struct task *o = *at;
		if (!o->retiring || o->tmpl != svc->tmpl)
			continue;
		*at = o->slot_next;
		o->slot_next = NULL;
		o->retiring = false;
		struct task *cur = sl->cur;
		sl->cur = o;
		task_mark(c, o, MARK_ROW);
		if (cur)
			task_stop(c, cur);
		return true;
	}
	return false;
}

/* false: the slot is not ready for it yet. */
static bool roll_slot(struct cluster *c, struct service *svc, struct slot *sl)
{
	struct task *t = sl->cur;
	if (take_back(c, svc, sl))
		return true;
	stop_retiring(c, sl);
	if (rollout_start_first(svc) && task_up(t)) {
		if (old_alive(sl))
			return false;
		sl->cur = NULL;
		t->slot_next = sl->old;
		sl->old = t;
		t->retiring = true;
		task_mark(c, t, MARK_ROW);
	} else {
		task_stop(c, t);
	}
	sl->rolling = true;
	svc->n_rolling++;
	service_queue(c, svc, (size_t)(sl - svc->slots));
	return true;
}

/* What it depends on is updated first. */
static bool held(struct cluster *c, struct service *svc)
{
	char why[DEPENDS_TEXT];
	bool waits = svc->cursor < svc->n_slots && !depends_may_roll(c, svc, why);
	if (!waits && !svc->held)
		return false;
	svc->held = waits;
	free(svc->why);
	svc->why = waits ? xstrdup(why) : NULL;
	return waits;
}

void rollout_step(struct cluster *c, struct service *svc)
{
	if ((svc->roll != ROLL_UPDATING && svc->roll != ROLL_BACK) || !svc->spec)
		return;
	size_t max = parallelism(c, svc);
	if (svc->roll == ROLL_UPDATING && held(c, svc))
		return;
	while (svc->n_rolling < max && svc->cursor < svc->n_slots && svc->roll_at <= c->now) {
		struct slot *sl = &svc->slots[svc->cursor];
		if (outdated(svc, sl) && !idle(svc, sl) && !roll_slot(c, svc, sl))
			return;
		svc->cursor++;
	}
	if (svc->cursor < svc->n_slots || svc->n_rolling)
		return;
	if (svc->watch_until > c->now) {
		wait_until(c, svc, svc->watch_until);
		return;
	}
	svc->roll = svc->roll == ROLL_BACK ? ROLL_NONE : ROLL_DONE;
	tmpl_unref(c, svc->prev);
	svc->prev = NULL;
	event(c, svc, "service_updated", "all tasks are up to date");
}
