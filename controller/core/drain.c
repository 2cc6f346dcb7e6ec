/* SPDX-License-Identifier: Apache-2.0
 * Stops that wait until nobody leads to the task; see drain.h. */
#include "controller/core/drain.h"
#include "base/mem.h"

#include <string.h>

struct drain {
	struct drain *next;
	struct strlist tasks;
	size_t waiting; /* acknowledgements, each in its node's list */
	uint64_t until;
	bool over; /* its tasks were sent; it waits for the last one who may name it */
};

static bool led_now(const struct task *t)
{
	for (size_t i = 0; i < t->n_attach; i++)
		if (t->attach[i].sent && t->attach[i].sent_ready)
			return true;
	return t->served;
}

bool drain_led(const struct cluster *c, struct task *t)
{
	if (led_now(t)) {
		t->led_ms = c->now;
		return true;
	}
	if (!t->stop || !t->led_ms || t->led_ms + DRAIN_MS < c->now)
		return false;
	/* Who was told a moment ago may not have heard it yet: told again, it confirms both. */
	for (size_t i = 0; i < t->n_attach; i++)
		t->attach[i].force = true;
	return true;
}

void drain_add(struct cluster *c, struct task *t)
{
	t->draining = true;
	strlist_add(&c->drain_tasks, t->id);
}

void drain_begin(struct cluster *c)
{
	if (!c->drain_tasks.n)
		return;
	struct drain *d = xcalloc(1, sizeof(*d));
	d->tasks = c->drain_tasks;
	c->drain_tasks = (struct strlist){0};
	d->until = c->now + DRAIN_MS;
	d->next = c->drains;
	c->drains = c->drain_now = d;
}

void drain_sent(struct cluster *c, struct node *n, int64_t version)
{
	struct drain *d = c->drain_now;
	if (!d)
		return;
	n->acks = vec_grow(n->acks, n->n_acks, &n->cap_acks, sizeof(*n->acks));
	n->acks[n->n_acks++] = (struct ack){version, d};
	d->waiting++;
}

void drain_ack(struct node *n, int64_t version)
{
	size_t done = 0;
	while (done < n->n_acks && n->acks[done].version <= version)
		n->acks[done++].drain->waiting--;
	n->n_acks -= done;
	memmove(n->acks, n->acks + done, n->n_acks * sizeof(*n->acks));
}

void drain_gone(struct node *n)
{
	for (size_t i = 0; i < n->n_acks; i++)
		n->acks[i].drain->waiting--;
	n->n_acks = 0;
}

static void release(struct cluster *c, struct drain *d)
{
	for (size_t i = 0; i < d->tasks.n; i++) {
		struct task *t = map_get(&c->tasks, d->tasks.v[i]);
		if (!t)
			continue;
		t->draining = false;
		t->drained = true;
		task_mark(c, t, MARK_SEND);
	}
	strlist_done(&d->tasks);
	d->over = true;
}

bool drain_step(struct cluster *c)
{
	bool any = false;
	c->drain_now = NULL;
	for (struct drain **at = &c->drains; *at;) {
		struct drain *d = *at;
		if (!d->over && (!d->waiting || d->until <= c->now)) {
			release(c, d);
			any = true;
		}
		if (!d->over || d->waiting) {
			at = &d->next;
			continue;
		}
		*at = d->next;
		free(d);
	}
	return any;
}

uint64_t drain_next_ms(const struct cluster *c)
{
	uint64_t next = NEVER;
	for (const struct drain *d = c->drains; d; d = d->next) {
		uint64_t at = d->waiting ? d->until : c->now;
		if (!d->over && at < next)
			next = at;
	}
	return next;
}

void drain_done(struct cluster *c)
{
	while (c->drains) {
		struct drain *d = c->drains;
		c->drains = d->next;
		strlist_done(&d->tasks);
		free(d);
	}
	strlist_done(&c->drain_tasks);
}
