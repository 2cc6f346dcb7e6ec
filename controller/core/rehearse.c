/* SPDX-License-Identifier: Apache-2.0
 * Agents that obey at once, and time that passes only where somebody waits for it; see rehearse.h. */
#include "controller/core/rehearse.h"
#include "controller/core/cluster.h"
#include "controller/core/drain.h"

#include <string.h>

/* No heartbeat may be missed while time is made up, and nobody is there to be told anything. */
static void freeze(struct cluster *c)
{
	map_each(&c->nodes, e)
	{
		struct node *n = e->val;
		n->beat_prev = n->beat_next = NULL;
		n->beating = n->unseen = n->connected = false;
		drain_gone(n);
	}
	c->beat_first = c->beat_last = NULL;
	c->grace_until = 0;
	c->silent = false;
}

static void step(struct rehearsal *r, struct cluster_out *out)
{
	struct cluster *c = r->c;
	r->n_steps++;
	cluster_step(c, c->now, c->wall, out);
}

void rehearse_begin(struct rehearsal *r, struct cluster *c)
{
	struct cluster_out out = {0};
	*r = (struct rehearsal){.c = c};
	c->rehearsing = true;
	freeze(c);
	step(r, &out);
	cluster_out_done(&out);
	r->n_steps = 0;
}

/* What the agent of a task would report next. */
static void obey(struct cluster *c, struct task *t)
{
	bool waits = t->state < TASK_RUNNING ||
		     (t->state == TASK_RUNNING && t->health == HEALTH_STARTING);
	if (!t->node || t->lost)
		return;
	if (t->stop) {
		task_drop(c, t);
	} else if (waits) {
		t->health = HEALTH_HEALTHY;
		t->state = TASK_STARTING;
		task_state(c, t, TASK_RUNNING, NULL);
	}
}

/* Tasks that changed have a row in what the step put out. */
static void obey_changed(struct rehearsal *r, const struct cluster_out *out)
{
	for (size_t i = 0; i < out->n_puts; i++) {
		const struct cluster_put *p = &out->puts[i];
		struct task *t = NULL;
		if (p->value && str_starts(p->key, "tasks/"))
			t = map_get(&r->c->tasks, p->key + strlen("tasks/"));
		if (!t || !t->node)
			continue;
		if (!map_has(&r->steps, t->id))
			map_set(&r->steps, t->id, (void *)r->n_steps);
		obey(r->c, t);
	}
}

/* What was on its way before comes to its end too. */
static void obey_rest(struct rehearsal *r)
{
	auto_strlist ids = {0};
	map_each(&r->c->tasks, e)
	{
		const struct task *t = e->val;
		if (t->stop || t->state < TASK_RUNNING || t->health == HEALTH_STARTING)
			strlist_add(&ids, t->id);
	}
	for (size_t i = 0; i < ids.n; i++) {
		struct task *t = map_get(&r->c->tasks, ids.v[i]);
		if (t)
			obey(r->c, t);
	}
}

/* What only waits for a task to end well: it does. */
static bool complete(struct cluster *c, const struct service *svc)
{
	bool any = false;
	for (size_t i = 0; !svc->deps_met && i < svc->n_deps; i++) {
		const struct service *on = svc->deps[i].on;
		for (size_t k = 0; k < on->n_slots; k++) {
			struct task *t = on->slots[k].cur;
			if (svc->deps[i].condition != DEPENDS_COMPLETED || !t || !task_up(t))
				continue;
			task_state(c, t, TASK_COMPLETE, NULL);
			any = true;
		}
	}
	return any;
}

static bool complete_any(struct cluster *c, const char *stack)
{
	struct stack *s = map_get(&c->stacks, stack);
	bool any = false;
	if (!s)
		return false;
	map_each(&s->services, e)
	{
		any |= complete(c, e->val);
	}
	return any;
}

void rehearse_run(struct rehearsal *r, const char *stack)
{
	struct cluster *c = r->c;
	for (;;) {
		struct cluster_out out = {0};
		step(r, &out);
		obey_changed(r, &out);
		if (r->n_steps == 1)
			obey_rest(r);
		cluster_out_done(&out);
		uint64_t next = cluster_next_ms(c);
		if (next == NEVER && !complete_any(c, stack))
			return;
		if (r->n_steps >= REHEARSAL_STEPS_MAX) {
			r->cut = true;
			return;
		}
		if (next != NEVER && next > c->now)
			c->now = next;
	}
}

void rehearse_done(struct rehearsal *r)
{
	map_clear(&r->steps);
}
