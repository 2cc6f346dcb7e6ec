/* SPDX-License-Identifier: Apache-2.0
 * Services to tasks: each slot that was marked is compared with what it should hold. */
#include "controller/core/depends.h"
#include "controller/core/joins.h"

bool slot_kept(const struct cluster *c, const struct service *svc, size_t ix)
{
	const struct slot *sl = &svc->slots[ix];
	if (!svc->spec)
		return false;
	if (!svc->global)
		return ix < svc->n_want;
	return sl->node && sched_eligible(svc->spec, &c->sched[sl->node->sched_ix]) &&
	       joins_eligible(c, svc, sl->node);
}

/* Does something in the slot still hold its place? What is on a dead node does not. */
static bool blocked(const struct service *svc, const struct slot *sl)
{
	for (const struct task *o = sl->old; o; o = o->slot_next)
		if (!o->lost && !o->retiring)
			return true;
	return svc->global && (!sl->node->up || sl->old);
}

/* A node came back before its task was replaced: the task takes its slot again. */
static void adopt_back(struct cluster *c, struct slot *sl)
{
	if (sl->cur && sl->cur->node)
		return;
	for (struct task **at = &sl->old; *at; at = &(*at)->slot_next) {
		struct task *o = *at;
		if (o->lost || o->stop || o->retiring)
			continue;
		*at = o->slot_next;
		o->slot_next = NULL;
		if (sl->cur)
			task_drop(c, sl->cur);
		sl->cur = o;
		task_mark(c, o, MARK_ROW);
		return;
	}
}

/* A lost task leaves its slot to a replacement, and is told to stop once there is one. */
static void replace_lost(struct cluster *c, struct service *svc, struct slot *sl)
{
	struct task *t = sl->cur;
	if (t && t->lost && !svc->global) {
		sl->cur = NULL;
		t->slot_next = sl->old;
		sl->old = t;
		task_mark(c, t, MARK_ROW);
	}
	if (!sl->cur || !sl->cur->node)
		return;
	for (struct task *o = sl->old; o; o = o->slot_next)
		if (!o->stop && !o->retiring) {
			o->stop = true;
			task_mark(c, o, MARK_ROW | MARK_SEND | MARK_ENDPOINT);
		}
}

/* The slot is not wanted: nothing in it may run on. */
static void empty_slot(struct cluster *c, struct slot *sl)
{
	if (sl->cur)
		task_stop(c, sl->cur);
	for (struct task *o = sl->old, *next; o; o = next) {
		next = o->slot_next;
		if (!o->stop)
			task_stop(c, o);
	}
}

/* What it shares with is gone: it goes too, and another one joins what comes. */
static void leave_joined(struct cluster *c, struct slot *sl)
{
	struct task *t = sl->cur;
	if (t && t->node && !t->lost && !task_state_ended(t->state) && !joins_hold(c, t))
		task_stop(c, t);
}

static void reconcile_slot(struct cluster *c, struct service *svc, size_t ix)
{
	struct slot *sl = &svc->slots[ix];
	if (slot_kept(c, svc, ix)) {
		adopt_back(c, sl);
		replace_lost(c, svc, sl);
		leave_joined(c, sl);
		if (!sl->cur && !blocked(svc, sl))
			sl->cur = task_new(c, svc, ix);
	} else if (svc->spec || depends_may_go(svc)) {
		empty_slot(c, sl);
	}
	rollout_slot(c, svc, sl);
}

void reconcile_service(struct cluster *c, struct service *svc)
{
	/* The queue grows while it is worked off: a slot may be marked again by what was done. */
	for (size_t i = 0; i < svc->n_queue; i++) {
		size_t ix = (size_t)svc->queue[i];
		svc->slots[ix].queued = false;
		reconcile_slot(c, svc, ix);
	}
	svc->n_queue = 0;
	rollout_step(c, svc);
	if (svc->place) {
		svc->place = false;
		place_service(c, svc);
	}
	depends_tell(c, svc);
	if (svc->n_queue) {
		service_mark(c, svc);
		return;
	}
	if (svc->n_vips)
		vips_settle(c, svc);
	while (!svc->global && svc->n_slots > svc->n_want) {
		const struct slot *last = &svc->slots[svc->n_slots - 1];
		if (last->cur || last->old)
			break;
		svc->n_slots--;
	}
	if (!svc->spec && !svc->n_tasks)
		service_drop(c, svc);
}
