/* SPDX-License-Identifier: Apache-2.0
 * One task's life in the controller: made, placed, counted, told to stop, lost, gone. */
#include "controller/core/hostports.h"
#include "controller/core/joins.h"
#include "controller/core/secrets.h"

#include <stdio.h>

char *task_name(const struct task *t)
{
	const struct slot *sl = &t->svc->slots[t->slot];
	const struct node *n = t->node ? t->node : sl->node;
	if (t->global && n)
		return xasprintf("%s_%s.%s", t->svc->stack->name, t->svc->name, n->name);
	return xasprintf("%s_%s.%d", t->svc->stack->name, t->svc->name, t->slot + 1);
}

void task_free(void *p)
{
	struct task *t = p;
	if (!t)
		return;
	free(t->reason);
	free(t->image_digest);
	strlist_done(&t->ports);
	free(t->host_ports);
	for (size_t i = 0; i < t->n_attach; i++)
		free(t->attach[i].text);
	free(t->attach);
	free(t->with);
	free(t->taken);
	free(t);
}

void task_mark(struct cluster *c, struct task *t, unsigned marks)
{
	t->marks |= marks;
	marks_add(&c->tasks_marked, t, &t->marked);
}

static void event(struct cluster *c, const struct task *t, const char *type, const char *text)
{
	auto_free char *name = task_name(t);
	struct event_of of = {type, t->svc->stack->name, t->svc->name, name,
			      t->node ? t->node->name : NULL};
	cluster_event(c, &of, "%s", text);
}

void task_pend(struct cluster *c, struct task *t)
{
	struct service *svc = t->svc;
	t->pending = true;
	t->pend_next = svc->pending;
	if (svc->pending)
		svc->pending->pend_prev = t;
	svc->pending = t;
	svc->place = true;
	if (svc->n_pending++ == 0) {
		auto_free char *key = service_key(svc);
		map_set(&c->waiting, key, svc);
	}
	service_mark(c, svc);
}

void task_unpend(struct cluster *c, struct task *t)
{
	struct service *svc = t->svc;
	if (!t->pending)
		return;
	t->pending = false;
	if (t->pend_prev)
		t->pend_prev->pend_next = t->pend_next;
	else
		svc->pending = t->pend_next;
	if (t->pend_next)
		t->pend_next->pend_prev = t->pend_prev;
	t->pend_next = t->pend_prev = NULL;
	if (--svc->n_pending == 0) {
		auto_free char *key = service_key(svc);
		map_del(&c->waiting, key);
	}
}

struct task *task_new(struct cluster *c, struct service *svc, size_t slot)
{
	struct task *t = xcalloc(1, sizeof(*t));
	do
		cluster_random_id(c, t->id, ID_TASK);
	while (map_has(&c->tasks, t->id));
	t->svc = svc;
	t->tmpl = tmpl_ref(svc->tmpl);
	t->global = svc->global;
	t->slot = (int)slot;
	t->state = TASK_PENDING;
	t->since = c->wall;
	t->exit_code = -1;
	t->marked = NO_MARK;
	map_set(&c->tasks, t->id, t);
	svc->n_tasks++;
	task_pend(c, t);
	task_mark(c, t, MARK_ROW);
	return t;
}

enum task_state task_shown(const struct task *t)
{
	if (t->lost)
		return TASK_LOST;
	return t->stop && !task_state_ended(t->state) ? TASK_STOPPING : t->state;
}

bool task_up(const struct task *t)
{
	return !t->stop && !t->lost && t->node && task_ready(t->state, t->health);
}

enum met task_met(const struct task *t, enum spec_condition cond)
{
	bool running = t->node && !t->lost && t->state == TASK_RUNNING;
	if (t->state == TASK_FAILED)
		return FAILS;
	if (t->state == TASK_COMPLETE) /* of what has ended well nothing more is to come */
		return cond == DEPENDS_HEALTHY ? FAILS : MET;
	if (cond == DEPENDS_COMPLETED || !running)
		return WAITS;
	if (cond == DEPENDS_STARTED || t->health == HEALTH_HEALTHY)
		return MET;
	return t->health == HEALTH_NONE ? FAILS : WAITS;
}

bool task_visible(const struct task *t)
{
	return t->node && !t->lost && !task_state_ended(t->state);
}

/* Kept while it is counted, where it hangs on other services too: they may change meanwhile. */
static const struct spec_resources *reserved(struct task *t, bool want)
{
	bool joins = t->svc->is_joined || spec_joins_any(&t->tmpl->spec);
	if (want && joins) {
		t->taken = t->taken ? t->taken : xcalloc(1, sizeof(*t->taken));
		*t->taken = joins_reserve(t);
	} else if (want) {
		free_and_null(&t->taken);
	}
	return t->taken ? t->taken : &t->tmpl->spec.reservations;
}

void task_recount(struct cluster *c, struct task *t)
{
	if (!t->counted)
		return;
	struct sched_node *sn = &c->sched[t->node->sched_ix];
	const struct spec_resources *r = reserved(t, false);
	sn->cpus_used -= r->cpus;
	sn->memory_used -= r->memory;
	r = reserved(t, true);
	sn->cpus_used += r->cpus;
	sn->memory_used += r->memory;
	c->retry = true;
}

void task_count(struct cluster *c, struct task *t)
{
	bool want = t->node && !task_state_ended(t->state);
	if (want == t->counted)
		return;
	struct node *n = t->node;
	struct sched_node *sn = &c->sched[n->sched_ix];
	const struct spec_resources *r = reserved(t, want);
	t->counted = want;
	if (want) {
		sn->n_tasks++;
		sn->cpus_used += r->cpus;
		sn->memory_used += r->memory;
		hostports_again(c, t, sn);
		hostports_count(n, t, true);
	} else {
		sn->n_tasks--;
		sn->cpus_used -= r->cpus;
		sn->memory_used -= r->memory;
		hostports_count(n, t, false);
		c->retry = true;
	}
	sn->ports = n->ports;
	sn->n_ports = n->n_ports;
}

void task_link(struct cluster *c, struct task *t, struct node *n)
{
	t->node = n;
	t->node_ix = n->n_tasks;
	n->tasks = vec_grow(n->tasks, n->n_tasks, &n->cap_tasks, sizeof(*n->tasks));
	n->tasks[n->n_tasks++] = t;
	for (size_t i = 0; i < t->n_attach; i++)
		member_ref(c, t->attach[i].net, n);
	holders_task(c, t, n, true);
	task_count(c, t);
}

static const struct task *lost_of(const struct slot *sl)
{
	for (const struct task *o = sl->old; o; o = o->slot_next)
		if (o->lost)
			return o;
	return NULL;
}

void task_assign(struct cluster *c, struct task *t, struct node *n)
{
	const struct task *lost = lost_of(&t->svc->slots[t->slot]);
	char text[256];
	task_unpend(c, t);
	t->state = TASK_ASSIGNED;
	free_and_null(&t->reason);
	t->since = c->wall;
	task_link(c, t, n);
	task_mark(c, t, MARK_ROW | MARK_SEND | MARK_ENDPOINT);
	service_queue(c, t->svc, (size_t)t->slot);
	if (lost && lost->node)
		snprintf(text, sizeof(text), "moved to '%s': '%s' is down", n->name,
			 lost->node->name);
	else
		snprintf(text, sizeof(text), "placed on '%s'", n->name);
	event(c, t, lost ? "task_moved" : "task_placed", text);
}

static void slot_take_out(struct slot *sl, struct task *t)
{
	if (sl->cur == t)
		sl->cur = NULL;
	for (struct task **at = &sl->old; *at; at = &(*at)->slot_next)
		if (*at == t) {
			*at = t->slot_next;
			break;
		}
	t->slot_next = NULL;
}

static void unlink_node(struct cluster *c, struct task *t)
{
	struct node *n = t->node;
	dispatch_task_gone(c, t);
	t->state = TASK_STOPPED; /* so that it counts no more */
	task_count(c, t);
	struct task *last = n->tasks[--n->n_tasks];
	n->tasks[t->node_ix] = last;
	last->node_ix = t->node_ix;
	for (size_t i = 0; i < t->n_attach; i++)
		member_unref(c, t->attach[i].net, n);
	holders_task(c, t, n, false);
	c->retry = true;
}

/* An address that was handed over is a lost task's again. */
static void tell_slot(struct cluster *c, const struct slot *sl)
{
	if (sl->cur)
		task_mark(c, sl->cur, MARK_ROW | MARK_ENDPOINT);
	for (struct task *o = sl->old; o; o = o->slot_next)
		task_mark(c, o, MARK_ROW | MARK_ENDPOINT);
}

void task_drop(struct cluster *c, struct task *t)
{
	struct service *svc = t->svc;
	struct slot *sl = &svc->slots[t->slot];
	slot_take_out(sl, t);
	task_unpend(c, t);
	if (t->node)
		unlink_node(c, t);
	for (size_t i = 0; i < t->n_attach; i++) {
		struct network *net = t->attach[i].net;
		size_t handed = net->n_handed;
		network_detach(&t->attach[i]);
		if (!net->n_attaches)
			network_mark(c, net);
		if (net->n_handed != handed)
			tell_slot(c, sl);
	}
	marks_del(&c->tasks_marked, &t->marked);
	cluster_put(c, "tasks", t->id, NULL);
	tmpl_unref(c, t->tmpl);
	svc->n_tasks--;
	service_queue(c, svc, (size_t)t->slot);
	map_del(&c->tasks, t->id);
}

void task_stop(struct cluster *c, struct task *t)
{
	struct slot *sl = &t->svc->slots[t->slot];
	if (!t->node || task_state_ended(t->state)) {
		task_drop(c, t);
		return;
	}
	slot_take_out(sl, t);
	t->slot_next = sl->old;
	sl->old = t;
	t->stop = true;
	t->retiring = false;
	task_mark(c, t, MARK_ROW | MARK_SEND | MARK_ENDPOINT);
	service_queue(c, t->svc, (size_t)t->slot);
}

void task_lose(struct cluster *c, struct task *t)
{
	if (t->lost || task_state_ended(t->state))
		return;
	t->lost = true;
	task_mark(c, t, MARK_ROW | MARK_ENDPOINT);
	service_queue(c, t->svc, (size_t)t->slot);
	char text[256];
	snprintf(text, sizeof(text), "its node '%s' is down", t->node->name);
	event(c, t, "task_lost", text);
}

void task_state(struct cluster *c, struct task *t, enum task_state state, const char *reason)
{
	if (t->state == state && streq(t->reason, reason))
		return;
	if (state == TASK_FAILED && t->state != TASK_FAILED)
		event(c, t, "task_failed", reason ? reason : "ended and is not restarted");
	t->state = state;
	free(t->reason);
	t->reason = xstrdup(reason);
	task_count(c, t);
	task_mark(c, t, MARK_ROW | MARK_ENDPOINT);
	service_queue(c, t->svc, (size_t)t->slot);
}
