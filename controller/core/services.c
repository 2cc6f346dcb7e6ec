/* SPDX-License-Identifier: Apache-2.0
 * Services: their slots, what they are made from, and the marks that bring them to reconcile.c. */
#include "controller/core/depends.h"

struct service *service_get(struct stack *s, const char *name)
{
	struct service *svc = map_get(&s->services, name);
	if (svc)
		return svc;

	svc = xcalloc(1, sizeof(*svc));
	svc->name = xstrdup(name);
	svc->stack = s;
	svc->marked = svc->timed = NO_MARK;
	map_set(&s->services, name, svc);
	return svc;
}

void service_free(void *p)
{
	struct service *svc = p;
	if (!svc)
		return;
	free(svc->name);
	free(svc->slots);
	free(svc->queue);
	free(svc->why);
	free(svc->vips);
	free(svc->deps);
	free(svc->dependents);
	map_clear(&svc->node_slots);
	free(svc);
}

char *service_key(const struct service *svc)
{
	return xasprintf("%s/%s", svc->stack->name, svc->name);
}

void service_mark(struct cluster *c, struct service *svc)
{
	marks_add(&c->services, svc, &svc->marked);
}

void service_drop(struct cluster *c, struct service *svc)
{
	struct stack *s = svc->stack;
	auto_free char *key = service_key(svc);
	depends_tell(c, svc);
	depends_forget(svc);
	vips_give(c, svc);
	tmpl_unref(c, svc->tmpl);
	tmpl_unref(c, svc->prev);
	marks_del(&c->services, &svc->marked);
	marks_del(&c->timed, &svc->timed);
	map_del(&c->globals, key);
	map_del(&c->waiting, key);
	auto_free char *name = xstrdup(svc->name);
	map_del(&s->services, name);
	stack_mark(c, s);
}

void service_queue(struct cluster *c, struct service *svc, size_t slot)
{
	if (svc->slots[slot].queued)
		return;
	svc->slots[slot].queued = true;
	svc->queue = vec_grow(svc->queue, svc->n_queue, &svc->cap_queue, sizeof(*svc->queue));
	svc->queue[svc->n_queue++] = (int)slot;
	service_mark(c, svc);
}

size_t service_slot_add(struct service *svc)
{
	svc->slots = vec_grow(svc->slots, svc->n_slots, &svc->cap_slots, sizeof(*svc->slots));
	svc->slots[svc->n_slots] = (struct slot){0};
	return svc->n_slots++;
}

/* The slot of a node, made when it is new; slots of nodes that left are used again. */
static size_t node_slot(struct service *svc, struct node *n)
{
	size_t ix = (size_t)map_get(&svc->node_slots, n->id);
	if (ix) {
		svc->slots[ix - 1].node = n;
		return ix - 1;
	}
	for (ix = 0; ix < svc->n_slots; ix++) {
		struct slot *sl = &svc->slots[ix];
		if (!sl->node && !sl->cur && !sl->old)
			break;
	}
	if (ix == svc->n_slots)
		service_slot_add(svc);
	svc->slots[ix].node = n;
	map_set(&svc->node_slots, n->id, (void *)(ix + 1));
	return ix;
}

void service_node_slots(struct cluster *c, struct node *n)
{
	map_each(&c->globals, e)
	{
		struct service *svc = e->val;
		if (!n->removed) {
			service_queue(c, svc, node_slot(svc, n));
			continue;
		}
		size_t ix = (size_t)map_get(&svc->node_slots, n->id);
		if (!ix)
			continue;
		svc->slots[ix - 1].node = NULL;
		map_del(&svc->node_slots, n->id);
		service_queue(c, svc, ix - 1);
	}
}

static void queue_all(struct cluster *c, struct service *svc)
{
	for (size_t i = 0; i < svc->n_slots; i++)
		service_queue(c, svc, i);
	service_mark(c, svc);
}

/* Slots mean something else now: what runs in them has to go. */
static void change_mode(struct cluster *c, struct service *svc, bool global)
{
	for (size_t i = 0; i < svc->n_slots; i++) {
		svc->slots[i].node = NULL;
		if (svc->slots[i].cur)
			task_stop(c, svc->slots[i].cur);
	}
	map_clear(&svc->node_slots);
	auto_free char *key = service_key(svc);
	if (!global)
		map_del(&c->globals, key);
	svc->global = global;
}

static void set_tmpl(struct cluster *c, struct service *svc)
{
	const char *pin = kvlist_get(&svc->stack->pinned, svc->name);
	struct tmpl *t = pin ? map_get(&c->tmpls, pin) : NULL;
	if (t) {
		t = tmpl_again(c, svc->stack, t);
		kvlist_set(&svc->stack->pinned, svc->name, t->id);
	} else {
		t = tmpl_of(c, svc->stack, svc->spec);
	}
	/* Someone wants what it goes back to anyway: from here on it is an update like any other. */
	if (t == svc->tmpl && !pin && svc->roll == ROLL_BACK) {
		svc->roll = ROLL_UPDATING;
		free_and_null(&svc->why);
	}
	if (!t || t == svc->tmpl)
		return;
	struct tmpl *old = svc->prev;
	svc->prev = svc->tmpl;
	svc->tmpl = tmpl_ref(t);
	tmpl_unref(c, old);
	svc->deps_met = false;
	rollout_begin(c, svc);
}

/* A service that was scaled gets another try in the slots that have failed. */
static void retry_failed(struct cluster *c, struct service *svc)
{
	for (size_t i = 0; i < svc->n_slots; i++)
		if (svc->slots[i].cur && svc->slots[i].cur->state == TASK_FAILED)
			task_stop(c, svc->slots[i].cur);
}

void service_set_spec(struct cluster *c, struct service *svc, const struct spec_service *spec,
		      bool changed)
{
	bool known = svc->tmpl != NULL;
	auto_free char *key = service_key(svc);
	svc->spec = spec;
	if (!spec) {
		svc->n_want = 0;
		map_del(&c->globals, key);
		queue_all(c, svc);
		return;
	}
	bool global = spec_is_global(spec);
	if (global != svc->global)
		change_mode(c, svc, global);
	size_t want = global ? 0 : (size_t)spec->replicas;
	if (known && want != svc->n_want && !global)
		retry_failed(c, svc);
	svc->n_want = want;
	while (!global && svc->n_slots < want)
		service_slot_add(svc);
	if (global) {
		map_set(&c->globals, key, svc);
		for (size_t i = 0; i < c->n_sched; i++)
			node_slot(svc, c->sched_of[i]);
	}
	struct tmpl *before = svc->tmpl;
	set_tmpl(c, svc);
	svc->place = svc->place || svc->pending; /* placement and dependencies may differ */
	vips_spec(c, svc);
	if (changed || svc->tmpl != before)
		queue_all(c, svc);
}
