/* SPDX-License-Identifier: Apache-2.0
 * What a service waits for. A service's tasks of a new template are not placed, and its tasks of an
 * older one not replaced, until what it depends on is as its file asks; what was placed once is never
 * taken back for it. A stack that goes, goes the other way round. */
#include "controller/core/depends.h"
#include "controller/core/joins.h"

#include <stdio.h>
#include <string.h>

#define EDGES_MAX 100000 /* of one walk along dependencies */

static void dependent_add(struct service *on, struct service *svc)
{
	on->dependents = vec_grow(on->dependents, on->n_dependents, &on->cap_dependents,
				  sizeof(*on->dependents));
	on->dependents[on->n_dependents++] = svc;
}

static void edge_add(struct service *svc, const struct spec_service *spec, struct service *on,
		     const struct spec_depends *d)
{
	svc->deps = vec_grow(svc->deps, svc->n_deps, &svc->cap_deps, sizeof(*svc->deps));
	bool joined = false;
	for (int k = 0; k < SPACE_MAX; k++) {
		const struct spec_service *root =
			spec_joined_root(svc->stack->spec, spec, (enum spec_space)k);
		joined = joined || (root && streq(root->name, on->name));
	}
	svc->deps[svc->n_deps++] = (struct dep){on, d->condition, d->required, joined};
	dependent_add(on, svc);
}

void depends_forget(struct service *svc)
{
	for (size_t i = 0; i < svc->n_deps; i++) {
		struct service *on = svc->deps[i].on;
		for (size_t k = on->n_dependents; k-- > 0;)
			if (on->dependents[k] == svc)
				on->dependents[k] = on->dependents[--on->n_dependents];
	}
	for (size_t i = 0; i < svc->n_dependents; i++) {
		struct service *s = svc->dependents[i];
		for (size_t k = s->n_deps; k-- > 0;)
			if (s->deps[k].on == svc)
				s->deps[k] = s->deps[--s->n_deps];
	}
	svc->n_deps = svc->n_dependents = 0;
}

/* What the spec no longer names keeps its edges: it goes before what it needed. */
void depends_link(struct stack *s)
{
	map_each(&s->services, e)
	{
		((struct service *)e->val)->n_dependents = 0;
	}
	for (size_t i = 0; i < s->spec->n_services; i++) {
		struct service *svc = map_get(&s->services, s->spec->services[i].name);
		if (svc)
			svc->n_deps = 0;
	}
	map_each(&s->services, e)
	{
		struct service *svc = e->val;
		for (size_t i = 0; i < svc->n_deps; i++)
			dependent_add(svc->deps[i].on, svc);
	}
	for (size_t i = 0; i < s->spec->n_services; i++) {
		const struct spec_service *spec = &s->spec->services[i];
		struct service *svc = map_get(&s->services, spec->name);
		for (size_t k = 0; svc && k < spec->n_depends_on; k++) {
			struct service *on = map_get(&s->services, spec->depends_on[k].service);
			if (on && on != svc)
				edge_add(svc, spec, on, &spec->depends_on[k]);
		}
	}
}

static bool slot_wanted(const struct cluster *c, const struct service *svc, size_t ix)
{
	const struct slot *sl = &svc->slots[ix];
	if (!svc->global)
		return ix < svc->n_want;
	return sl->node && sl->node->up &&
	       sched_eligible(svc->spec, &c->sched[sl->node->sched_ix]) &&
	       joins_eligible(c, svc, sl->node);
}

static const char *const waits_text[] = {
	[DEPENDS_STARTED] = "to be started",
	[DEPENDS_HEALTHY] = "to be healthy",
	[DEPENDS_COMPLETED] = "to complete",
};

/* "waits for 'db' to be healthy: 's_db.1' exited with status 1"; t and why may be NULL. */
static void say(char *out, const struct dep *d, const struct task *t, const char *why)
{
	auto_free char *name = t ? task_name(t) : NULL;
	snprintf(out, DEPENDS_TEXT, "waits for '%s' %s%s%s%s%s%s", d->on->name,
		 waits_text[d->condition], why ? ": " : "", why && name ? "'" : "",
		 why && name ? name : "", why && name ? "' " : "", why ? why : "");
}

/* The dependency is replaced, step by step, before its dependents are. */
static bool rolling(const struct service *on)
{
	return on->roll == ROLL_UPDATING || on->roll == ROLL_PAUSED || on->roll == ROLL_BACK;
}

static const char *trouble(const struct task *t, enum spec_condition cond)
{
	bool running = t->state == TASK_RUNNING;
	if (cond == DEPENDS_HEALTHY && running && t->health == HEALTH_NONE)
		return "has no health check";
	if (cond == DEPENDS_HEALTHY && t->state == TASK_COMPLETE)
		return "has ended";
	return t->reason;
}

/* Of all its tasks; the first that is not as it should be is named. */
static enum met dep_met(const struct cluster *c, const struct dep *d, char *why)
{
	const struct service *on = d->on;
	const struct task *first = NULL;
	enum met worst = MET;
	for (size_t i = 0; i < on->n_slots; i++) {
		const struct task *t = on->slots[i].cur;
		if (!slot_wanted(c, on, i))
			continue;
		enum met m = t && t->tmpl == on->tmpl ? task_met(t, d->condition) : WAITS;
		if (m <= worst)
			continue;
		worst = m;
		first = t && t->tmpl == on->tmpl ? t : NULL;
	}
	if (worst == MET && rolling(on) && on->spec)
		worst = on->roll == ROLL_PAUSED ? FAILS : WAITS;
	if (worst == MET)
		return MET;
	if (on->roll == ROLL_PAUSED && !first)
		say(why, d, NULL, on->why ? on->why : "its update is paused");
	else
		say(why, d, first, first ? trouble(first, d->condition) : NULL);
	return worst;
}

/* What is not required and cannot come up now holds nobody back. */
static bool hopeless(const struct service *on)
{
	for (const struct task *t = on->pending; t; t = t->pend_next)
		if (t->reason)
			return true;
	for (size_t i = 0; i < on->n_slots; i++)
		if (on->slots[i].cur && on->slots[i].cur->state == TASK_BACKOFF)
			return true;
	return false;
}

/* Has the present template been placed before? Then its dependencies were met. */
static bool begun(const struct service *svc)
{
	for (size_t i = 0; i < svc->n_slots; i++) {
		const struct slot *sl = &svc->slots[i];
		if (sl->cur && sl->cur->tmpl == svc->tmpl && sl->cur->node)
			return true;
		for (const struct task *o = sl->old; o; o = o->slot_next)
			if (o->tmpl == svc->tmpl && o->node)
				return true;
	}
	return false;
}

enum met depends_met(const struct cluster *c, struct service *svc, char why[DEPENDS_TEXT])
{
	if (svc->deps_met || !svc->n_deps)
		return MET;
	for (size_t i = 0; !begun(svc) && i < svc->n_deps; i++) {
		const struct dep *d = &svc->deps[i];
		enum met m = d->joined ? MET : dep_met(c, d, why);
		if (m != MET && (d->required || (m != FAILS && !hopeless(d->on))))
			return m;
	}
	svc->deps_met = true;
	return MET;
}

/* Somewhere below svc a task fits no node. It may want what svc's own tasks hold. */
static bool starved(const struct service *svc, size_t *edges)
{
	for (size_t i = 0; i < svc->n_deps; i++) {
		const struct service *on = svc->deps[i].on;
		for (const struct task *t = on->pending; t; t = t->pend_next)
			if (t->reason && !t->held)
				return true;
		if (++*edges < EDGES_MAX && starved(on, edges))
			return true;
	}
	return false;
}

static const struct dep *joined_rolls(const struct service *svc)
{
	for (size_t i = 0; i < svc->n_deps; i++)
		if (svc->deps[i].joined && svc->deps[i].on->spec && rolling(svc->deps[i].on))
			return &svc->deps[i];
	return NULL;
}

bool depends_may_roll(const struct cluster *c, struct service *svc, char why[DEPENDS_TEXT])
{
	const char *name;
	size_t edges = 0;
	/* Tasks that share with one that is replaced go with it; they need not go twice. */
	const struct dep *shared = joined_rolls(svc);
	if (shared)
		say(why, shared, NULL, "it is being updated");
	else if (depends_met(c, svc, why) == MET)
		return true;
	/* A network that waits for its predecessor to empty waits for these tasks too. */
	return !tmpl_networks_ready(c, svc->tmpl, &name) || starved(svc, &edges);
}

bool depends_may_go(const struct service *svc)
{
	for (size_t i = 0; i < svc->n_dependents; i++) {
		const struct service *s = svc->dependents[i];
		if (s->spec)
			continue;
		for (size_t k = 0; k < s->n_slots; k++) {
			if (s->slots[k].cur && s->slots[k].cur->node && !s->slots[k].cur->lost)
				return false;
			for (const struct task *o = s->slots[k].old; o; o = o->slot_next)
				if (!o->lost)
					return false;
		}
	}
	return true;
}

void depends_tell(struct cluster *c, struct service *svc)
{
	joins_tell(c, svc);
	for (size_t i = 0; svc->spec && i < svc->n_dependents; i++) {
		struct service *s = svc->dependents[i];
		if (!s->spec || (s->deps_met && !s->held))
			continue;
		s->place = s->place || s->pending;
		service_mark(c, s);
	}
	for (size_t i = 0; !svc->spec && i < svc->n_deps; i++) {
		struct service *on = svc->deps[i].on;
		if (on->spec || !depends_may_go(on))
			continue;
		for (size_t k = 0; k < on->n_slots; k++)
			if (on->slots[k].cur || on->slots[k].old)
				service_queue(c, on, k);
	}
}
