/* SPDX-License-Identifier: Apache-2.0
 * Pending tasks to nodes: the scheduler's choice, with addresses taken before it counts. */
#include "controller/core/depends.h"
#include "controller/core/hostports.h"
#include "controller/core/joins.h"
#include "manifests/limits.h"

#include <errno.h>

static void wait_for(struct cluster *c, struct task *t, const char *why, enum met held)
{
	t->held = held != MET;
	t->stuck = held == FAILS;
	if (streq(t->reason, why))
		return;
	free(t->reason);
	t->reason = xstrdup(why);
	task_mark(c, t, MARK_ROW);
}

/* All that are left wait for the same. */
static void all_wait(struct cluster *c, struct service *svc, const char *why, enum met held)
{
	for (struct task *t = svc->pending; t; t = t->pend_next)
		if (!t->planned)
			wait_for(c, t, why, held);
}

static bool networks_there(struct cluster *c, struct service *svc, struct err *err)
{
	const struct tmpl *t = svc->tmpl;
	for (size_t i = 0; i < t->n_networks; i++) {
		struct network *n = map_get(&c->networks, t->network_ids[i]);
		if (!n) {
			err_set(err, -ENOENT,
				"the network '%s' is not there; apply its stack first",
				t->spec.networks[i].network);
			return false;
		}
		if (network_allocate(c, n, err) < 0)
			return false;
	}
	return vips_take(c, svc, err) == 0;
}

static void give_back(struct task *t)
{
	for (size_t i = 0; i < t->n_attach; i++)
		network_detach(&t->attach[i]);
	free_and_null(&t->attach);
	t->n_attach = 0;
}

static int take_addresses(struct cluster *c, struct task *t, struct err *err)
{
	const struct tmpl *tm = t->tmpl;
	t->attach = tm->n_networks ? xcalloc(tm->n_networks, sizeof(*t->attach)) : NULL;
	for (size_t i = 0; i < tm->n_networks; i++) {
		struct network *n = map_get(&c->networks, tm->network_ids[i]);
		t->attach[i].task = t;
		int rc = network_attach(c, n, &t->attach[i], &tm->spec.networks[i], err);
		if (rc < 0) {
			give_back(t);
			return rc;
		}
		t->n_attach++;
		for (struct task *o = t->svc->slots[t->slot].old; n->n_handed && o;
		     o = o->slot_next)
			task_mark(c, o, MARK_ROW);
	}
	return 0;
}

/* What is asked of a node. Borrows from the service, its template, networks and those that join it. */
struct needs {
	struct spec_service s;
	struct strlist pool, devices;
	const struct spec_network *lans[LIMIT_SERVICE_NETWORKS];
};

/* The template's needs under the service's present placement, and those of what will be with it. */
static void needs_of(struct cluster *c, const struct service *svc, struct needs *ret)
{
	*ret = (struct needs){.s = svc->tmpl->spec};
	struct spec_service *s = &ret->s;
	s->constraints = svc->spec->constraints;
	s->max_replicas_per_node = svc->spec->max_replicas_per_node;
	s->preferences = svc->spec->preferences;
	s->encrypted = false;
	s->lans = ret->lans;
	s->n_lans = 0;
	for (size_t i = 0; i < svc->tmpl->n_networks; i++) {
		const struct network *n = map_get(&c->networks, svc->tmpl->network_ids[i]);
		s->encrypted |= n && n->encrypted;
		if (n && n->lan)
			ret->lans[s->n_lans++] = &n->spec;
	}
	joins_needs(svc, s, &ret->pool, &ret->devices);
	hostports_look(c, s);
}

static void needs_done(struct needs *n)
{
	strlist_done(&n->pool);
	strlist_done(&n->devices);
}

static void assign(struct cluster *c, struct task *t, const struct needs *needs, struct node *n)
{
	hostports_take(t, &needs->s, &c->sched[n->sched_ix]);
	task_assign(c, t, n);
}

static void count_service(struct cluster *c, const struct service *svc, bool add)
{
	for (size_t i = 0; i < svc->n_slots; i++) {
		const struct task *t = svc->slots[i].cur;
		if (t && t->counted && add)
			c->sched[t->node->sched_ix].n_service_tasks++;
		else if (t && t->counted)
			c->sched[t->node->sched_ix].n_service_tasks = 0;
	}
}

/* Ties are broken alike as long as the service is the same, so that a plan made now holds later. */
static uint64_t tie_seed(const struct service *svc)
{
	return hash_text(hash_text(HASH_START, svc->stack->name), svc->name);
}

static char *plan_key(const char *service, int64_t slot)
{
	return xasprintf("%s.%lld", service, (long long)slot);
}

void place_plan(struct stack *s, const char *service, int64_t slot, const char *node_id)
{
	auto_free char *key = plan_key(service, slot);
	map_set(&s->planned, key, xstrdup(node_id));
}

/* Does the stack still have something on the node that its update takes away? */
static bool makes_room(const struct cluster *c, const struct stack *s, const struct node *n)
{
	for (size_t i = 0; i < n->n_tasks; i++) {
		const struct task *t = n->tasks[i];
		if (t->svc->stack == s && (t->stop || t->retiring || t->tmpl != t->svc->tmpl ||
					   !slot_kept(c, t->svc, (size_t)t->slot)))
			return true;
	}
	return false;
}

/* To where a saved plan has it, if it fits there; it waits while the node still makes room for it. */
static void place_one_planned(struct cluster *c, struct task *t, const struct needs *needs)
{
	struct stack *s = t->svc->stack;
	auto_free char *key = plan_key(t->svc->name, t->slot);
	const char *id = map_get(&s->planned, key);
	struct node *n = id ? map_get(&c->nodes, id) : NULL;
	struct sched_result r = {.node = -1};
	t->planned = false;
	if (n)
		sched_place(&needs->s, &c->sched[n->sched_ix], 1, 0, &r);
	if (r.node == 0 && take_addresses(c, t, NULL) == 0) {
		assign(c, t, needs, n);
		c->sched[n->sched_ix].n_service_tasks++;
	} else if (n && n->up && makes_room(c, s, n)) {
		t->planned = true;
		wait_for(c, t, "waits for its planned node to make room", MET);
		return;
	}
	map_del(&s->planned, key);
}

static void place_planned(struct cluster *c, struct service *svc, const struct needs *needs)
{
	for (struct task *t = svc->pending, *next; t; t = next) {
		next = t->pend_next;
		if (svc->stack->planned.n)
			place_one_planned(c, t, needs);
		else
			t->planned = false;
	}
}

static void place_replicated(struct cluster *c, struct service *svc)
{
	struct needs needs;
	struct sched_result r;
	struct err err;
	needs_of(c, svc, &needs);
	count_service(c, svc, true);
	place_planned(c, svc, &needs);
	struct sched_batch *b = sched_batch_new(&needs.s, c->sched, c->n_sched, tie_seed(svc));
	for (struct task *t = svc->pending, *next; t; t = next) {
		next = t->pend_next;
		if (t->planned)
			continue;
		sched_batch_next(b, &r);
		if (r.node < 0) {
			sched_batch_why(b, c->n_sched, &r);
			all_wait(c, svc, r.why, MET);
			break;
		}
		if (take_addresses(c, t, &err) < 0) {
			all_wait(c, svc, err.text, MET);
			break;
		}
		assign(c, t, &needs, c->sched_of[r.node]);
		c->sched[r.node].n_service_tasks++;
		sched_batch_used(b);
	}
	sched_batch_free(b);
	count_service(c, svc, false);
	needs_done(&needs);
}

/* Each task of a global service has its node; the question is only whether it fits there. */
static void place_global(struct cluster *c, struct service *svc)
{
	struct needs needs;
	struct sched_result r;
	struct err err;
	needs_of(c, svc, &needs);
	for (struct task *t = svc->pending, *next; t; t = next) {
		next = t->pend_next;
		struct node *n = svc->slots[t->slot].node;
		if (!n)
			continue;
		sched_place(&needs.s, &c->sched[n->sched_ix], 1, 0, &r);
		if (r.node < 0)
			wait_for(c, t, r.why, MET);
		else if (take_addresses(c, t, &err) < 0)
			wait_for(c, t, err.text, MET);
		else
			assign(c, t, &needs, n);
	}
	needs_done(&needs);
}

/* Each task of a service that shares with another has its node; the question is when, and whether
 * the rest of what it asks for is there. */
static void place_joined(struct cluster *c, struct service *svc)
{
	struct needs needs;
	struct sched_result r;
	struct err err;
	char why[DEPENDS_TEXT];
	needs_of(c, svc, &needs);
	for (struct task *t = svc->pending, *next; t; t = next) {
		struct node *n = NULL;
		next = t->pend_next;
		t->planned = false;
		enum met met = joins_ready(c, t, &n, why);
		if (met != MET) {
			wait_for(c, t, why, met);
			continue;
		}
		sched_place(&needs.s, &c->sched[n->sched_ix], 1, 0, &r);
		if (r.node < 0)
			wait_for(c, t, r.why, MET);
		else if (take_addresses(c, t, &err) < 0)
			wait_for(c, t, err.text, MET);
		else
			assign(c, t, &needs, n);
	}
	needs_done(&needs);
}

void place_service(struct cluster *c, struct service *svc)
{
	struct err err;
	char why[DEPENDS_TEXT];
	if (!svc->pending || !svc->spec)
		return;
	enum met met = depends_met(c, svc, why);
	if (met != MET)
		all_wait(c, svc, why, met);
	else if (!networks_there(c, svc, &err))
		all_wait(c, svc, err.text, MET);
	else if (spec_joins_any(&svc->tmpl->spec))
		place_joined(c, svc);
	else if (svc->global)
		place_global(c, svc);
	else
		place_replicated(c, svc);
}

void place_waiting(struct cluster *c)
{
	map_each(&c->waiting, e)
	{
		struct service *svc = e->val;
		svc->place = true;
		service_mark(c, svc);
	}
}
