/* SPDX-License-Identifier: Apache-2.0
 * Tasks in each other's namespaces; see joins.h. */
#include "controller/core/joins.h"

#include <stdio.h>
#include <string.h>

#define CHAIN_MAX 64 /* of services that join each other */

static struct service *joined(const struct service *svc, const struct spec_service *spec,
			      enum spec_space k)
{
	const struct spec_service *on =
		spec_joins(spec, k) ? spec_joined_root(svc->stack->spec, spec, k) : NULL;
	return on ? map_get(&svc->stack->services, on->name) : NULL;
}

/* Whose tasks svc's must be with: the next on the way to the leader. NULL: it goes its own way. */
static struct service *beside(const struct service *svc)
{
	for (int k = 0; svc->spec && k < SPACE_MAX; k++) {
		struct service *on = joined(svc, svc->spec, (enum spec_space)k);
		if (on && on != svc)
			return on;
	}
	return NULL;
}

static size_t tasks_of(const struct service *svc)
{
	return svc->n_want ? svc->n_want : 1;
}

/* How many tasks of guest there are to one of svc, at most. */
static double share_of(const struct service *svc, const struct service *guest)
{
	return svc->global ? 1 : (double)((tasks_of(guest) + tasks_of(svc) - 1) / tasks_of(svc));
}

static bool leads(const struct service *svc, const struct service *guest)
{
	const struct service *at = beside(guest);
	for (size_t left = CHAIN_MAX; at && at != svc && left; left--)
		at = beside(at);
	return at == svc;
}

struct spec_resources joins_reserve(const struct task *t)
{
	const struct service *svc = t->svc;
	struct spec_resources r = t->tmpl->spec.reservations;
	if (spec_joins_any(&t->tmpl->spec))
		return (struct spec_resources){0};
	if (!svc->is_joined)
		return r;
	map_each(&svc->stack->services, e)
	{
		const struct service *guest = e->val;
		if (!guest->spec || guest == svc || !leads(svc, guest))
			continue;
		double n = share_of(svc, guest);
		r.cpus += n * guest->spec->reservations.cpus;
		r.memory += (int64_t)n * guest->spec->reservations.memory;
	}
	return r;
}

void joins_needs(const struct service *svc, struct spec_service *needs, struct strlist *pool,
		 struct strlist *devices)
{
	if (spec_joins_any(&svc->tmpl->spec)) { /* counted with the leader's */
		needs->reservations = (struct spec_resources){0};
		return;
	}
	if (!svc->is_joined)
		return;
	strlist_copy(pool, &needs->constraints);
	strlist_copy(devices, &needs->devices);
	map_each(&svc->stack->services, e)
	{
		const struct service *guest = e->val;
		if (!guest->spec || guest == svc || !leads(svc, guest))
			continue;
		double n = share_of(svc, guest);
		strlist_copy(pool, &guest->spec->constraints);
		strlist_copy(devices, &guest->spec->devices);
		needs->reservations.cpus += n * guest->spec->reservations.cpus;
		needs->reservations.memory += (int64_t)n * guest->spec->reservations.memory;
		if (!needs->platform)
			needs->platform = guest->spec->platform;
	}
	needs->constraints = *pool;
	needs->devices = *devices;
}

static void recount(struct cluster *c, struct service *svc)
{
	for (size_t i = 0; i < svc->n_slots; i++) {
		if (svc->slots[i].cur)
			task_recount(c, svc->slots[i].cur);
		for (struct task *o = svc->slots[i].old; o; o = o->slot_next)
			task_recount(c, o);
	}
}

void joins_link(struct cluster *c, struct stack *s)
{
	map_each(&s->services, e)
	{
		struct service *svc = e->val;
		svc->was_joined = svc->is_joined;
		svc->is_joined = false;
	}
	map_each(&s->services, e)
	{
		struct service *svc = e->val;
		for (int k = 0; svc->spec && k < SPACE_MAX; k++) {
			struct service *on = joined(svc, svc->spec, (enum spec_space)k);
			if (on && on != svc)
				on->is_joined = true;
		}
	}
	map_each(&s->services, e)
	{
		struct service *svc = e->val;
		if (svc->is_joined || svc->was_joined)
			recount(c, svc);
	}
}

bool joins_eligible(const struct cluster *c, const struct service *svc, const struct node *n)
{
	const struct service *at = beside(svc);
	for (size_t left = CHAIN_MAX; at && left; left--, at = beside(at))
		if (!at->spec || !sched_eligible(at->spec, &c->sched[n->sched_ix]))
			return false;
	return true;
}

/* The task of `on` that t joins, or would join now; NULL: there is none. */
static struct task *partner(const struct task *t, const struct service *on)
{
	const struct service *svc = t->svc;
	if (on->global) {
		const struct node *n = svc->slots[t->slot].node;
		size_t ix = n ? (size_t)map_get(&on->node_slots, n->id) : 0;
		return ix ? on->slots[ix - 1].cur : NULL;
	}
	size_t ix = on->n_want ? (size_t)t->slot % on->n_want : 0;
	return ix < on->n_slots && ix < on->n_want ? on->slots[ix].cur : NULL;
}

static enum spec_condition condition_of(const struct service *svc, const struct service *on)
{
	for (size_t i = 0; i < svc->n_deps; i++)
		if (svc->deps[i].on == on)
			return svc->deps[i].condition;
	return DEPENDS_STARTED;
}

/* "waits for 'shop_vpn.1', with which it shares: REASON" */
static enum met wait_text(const struct service *on, const struct task *p, enum met m, char *why)
{
	auto_free char *name = p ? task_name(p) : NULL;
	const char *reason = p ? p->reason : "it has no task here";
	snprintf(why, DEPENDS_TEXT, "waits for '%s', with which it shares%s%s",
		 name ? name : on->name, reason ? ": " : "", reason ? reason : "");
	return m;
}

enum met joins_ready(struct cluster *c, struct task *t, struct node **ret, char why[DEPENDS_TEXT])
{
	struct task_joins with = {0};
	struct node *node = NULL;
	for (int k = 0; k < SPACE_MAX; k++) {
		struct service *on = joined(t->svc, &t->tmpl->spec, (enum spec_space)k);
		if (!on)
			continue;
		struct task *p = partner(t, on);
		enum met m = !p || p->stop ? WAITS : task_met(p, condition_of(t->svc, on));
		if (m == MET && !(p->node && !p->lost && p->state == TASK_RUNNING))
			m = task_state_ended(p->state) ? FAILS : WAITS;
		if (m != MET)
			return wait_text(on, p, m, why);
		if (node && node != p->node) {
			snprintf(why, DEPENDS_TEXT,
				 "shares with tasks on '%s' and on '%s'; give these services the "
				 "same number of replicas",
				 node->name, p->node->name);
			return FAILS;
		}
		node = p->node;
		memcpy(with.id[k], p->id, sizeof(with.id[k]));
	}
	(void)c;
	if (!node) {
		snprintf(why, DEPENDS_TEXT, "the service with which it shares is gone");
		return FAILS;
	}
	if (!t->with)
		t->with = xcalloc(1, sizeof(*t->with));
	*t->with = with;
	*ret = node;
	return MET;
}

bool joins_hold(const struct cluster *c, const struct task *t)
{
	for (int k = 0; t->with && k < SPACE_MAX; k++) {
		const struct task *p =
			t->with->id[k][0] ? map_get(&c->tasks, t->with->id[k]) : NULL;
		if (t->with->id[k][0] && (!p || p->stop || p->lost || task_state_ended(p->state)))
			return false;
	}
	return true;
}

void joins_tell(struct cluster *c, const struct service *svc)
{
	if (!svc->is_joined && !svc->was_joined)
		return;
	for (size_t i = 0; i < svc->n_dependents; i++) {
		struct service *guest = svc->dependents[i];
		if (!guest->spec || !guest->tmpl || !spec_joins_any(&guest->tmpl->spec))
			continue;
		for (size_t k = 0; k < guest->n_slots; k++)
			if (guest->slots[k].cur && !joins_hold(c, guest->slots[k].cur))
				service_queue(c, guest, k);
		guest->place = guest->place || guest->pending;
		if (guest->place)
			service_mark(c, guest);
	}
}
