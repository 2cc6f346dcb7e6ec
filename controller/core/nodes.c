/* SPDX-License-Identifier: Apache-2.0
 * Membership: nodes join, beat, miss their beats, come back and are removed. */
#include "controller/core/cluster.h"
#include "controller/core/drain.h"
#include "controller/core/secrets.h"
#include "controller/core/state.h"
#include "manifests/limits.h"

#include <errno.h>
#include <string.h>

#define NODES_MAX       20000
#define NODE_LABELS_MAX 1000

static void event(struct cluster *c, const struct node *n, const char *type, const char *text)
{
	struct event_of of = {.type = type, .node = n->name};
	cluster_event(c, &of, "%s", text);
}

struct node *node_new(struct cluster *c, const char *id, const char *name)
{
	struct node *n = xcalloc(1, sizeof(*n));
	n->id = xstrdup(id);
	n->name = xstrdup(name);
	n->marked = n->row_marked = NO_MARK;
	n->version = c->epoch << 24;
	while (n->ix < c->n_node_v && c->node_v[n->ix])
		n->ix++;
	if (n->ix == c->n_node_v) {
		c->node_v = vec_grow(c->node_v, c->n_node_v, &c->cap_node_v, sizeof(*c->node_v));
		c->n_node_v++;
	}
	c->node_v[n->ix] = n;
	n->sched_ix = c->n_sched;
	c->sched = vec_grow(c->sched, c->n_sched, &c->cap_sched, sizeof(*c->sched));
	c->sched_of = vec_grow(c->sched_of, c->n_sched, &c->cap_sched_of, sizeof(*c->sched_of));
	c->sched[c->n_sched] = (struct sched_node){0};
	c->sched_of[c->n_sched++] = n;
	map_set(&c->nodes, id, n);
	node_refresh(c, n);
	return n;
}

void node_free(void *p)
{
	struct node *n = p;
	if (!n)
		return;
	free(n->id);
	free(n->name);
	wire_node_done(&n->info);
	kvlist_done(&n->op_labels);
	kvlist_done(&n->labels);
	kvlist_done(&n->trouble);
	free(n->tasks);
	free(n->acks);
	free(n->ports);
	free(n->peers);
	free(n->touched);
	map_clear(&n->members);
	map_clear(&n->images);
	map_clear(&n->holders);
	str_done(&n->set);
	str_done(&n->set_ep);
	str_done(&n->del);
	free(n);
}

struct node *node_by_name(const struct cluster *c, const char *id_or_name)
{
	struct node *n = map_get(&c->nodes, id_or_name);
	if (n)
		return n;
	map_each(&c->nodes, e)
	{
		n = e->val;
		if (streq(n->name, id_or_name))
			return n;
	}
	return NULL;
}

const char *cluster_node_find(const struct cluster *c, const char *id_or_name,
			      const char **ret_name)
{
	const struct node *n = node_by_name(c, id_or_name);
	if (!n)
		return NULL;
	*ret_name = n->name;
	return n->id;
}

void node_row(struct cluster *c, struct node *n)
{
	marks_add(&c->node_rows, n, &n->row_marked);
}

void node_refresh(struct cluster *c, struct node *n)
{
	struct sched_node *s = &c->sched[n->sched_ix];
	kvlist_done(&n->labels);
	kvlist_copy(&n->labels, &n->info.labels);
	kvlist_copy(&n->labels, &n->op_labels);
	s->id = n->id;
	s->tie = hash_text(HASH_START, n->id);
	s->name = n->name;
	s->address = n->info.address;
	s->os = n->info.os;
	s->arch = n->info.arch;
	s->ready = n->up;
	s->no_encrypt = n->info.no_encrypt;
	if (!s->no_encrypt && !n->info.tunnel_key)
		s->no_encrypt = "its agent has no key";
	s->parents = &n->info.parents;
	s->no_bridge = &n->info.no_bridge;
	s->no_driver = &n->info.no_driver;
	s->devices = &n->info.devices;
	s->everywhere = &c->everywhere;
	s->labels = &n->labels;
	s->cpus = n->info.cpus;
	s->memory = n->info.memory;
	if (n->said_hello)
		service_node_slots(c, n);
	c->retry = true;
}

static void beat_remove(struct cluster *c, struct node *n)
{
	if (!n->beating)
		return;
	if (n->beat_prev)
		n->beat_prev->beat_next = n->beat_next;
	else
		c->beat_first = n->beat_next;
	if (n->beat_next)
		n->beat_next->beat_prev = n->beat_prev;
	else
		c->beat_last = n->beat_prev;
	n->beat_prev = n->beat_next = NULL;
	n->beating = false;
}

static uint64_t window_ms(const struct cluster *c)
{
	return (uint64_t)c->cfg.heartbeat_ms * (uint64_t)c->cfg.heartbeat_misses;
}

/* The first beat after a silence of all nodes: the others get time to come back, so that the first one
 * is not given everybody's tasks. */
static void end_silence(struct cluster *c)
{
	c->silent = false;
	c->grace_until = c->now + (uint64_t)c->cfg.grace_ms;
	while (c->beat_first && c->beat_first->deadline_ms <= c->now) {
		c->beat_first->unseen = true;
		beat_remove(c, c->beat_first);
	}
}

/* All deadlines are one window after their beat, so the list stays in order by appending. */
void node_beat(struct cluster *c, struct node *n, uint64_t now_ms)
{
	if (now_ms > c->now)
		c->now = now_ms;
	if (c->silent)
		end_silence(c);
	beat_remove(c, n);
	n->unseen = false;
	n->last_seen = c->wall;
	n->deadline_ms = c->now + window_ms(c);
	n->beating = true;
	n->beat_prev = c->beat_last;
	if (c->beat_last)
		c->beat_last->beat_next = n;
	else
		c->beat_first = n;
	c->beat_last = n;
}

static void node_down(struct cluster *c, struct node *n)
{
	beat_remove(c, n);
	n->unseen = false;
	if (!n->up)
		return;
	n->up = false;
	drain_gone(n);
	for (size_t i = 0; i < n->n_tasks; i++)
		task_lose(c, n->tasks[i]);
	node_refresh(c, n);
	node_row(c, n);
	event(c, n, "node_down", "missed its heartbeats");
}

/* A node that missed its beats is down only when another one is heard in that time: when all fall
 * silent at once, the controller's own link or clock is at fault, and moving tasks would be wrong. */
static void check_beats(struct cluster *c)
{
	while (c->beat_first && c->beat_first->deadline_ms <= c->now) {
		uint64_t newest_ms = c->beat_last->deadline_ms - window_ms(c);
		if (c->beat_last->deadline_ms <= c->now) {
			c->silent = true;
			return;
		}
		if (c->now > newest_ms + (uint64_t)c->cfg.heartbeat_ms * 3 / 2)
			return; /* not clear yet: another beat or the silence of all decides */
		node_down(c, c->beat_first);
	}
}

uint64_t node_next_ms(const struct cluster *c)
{
	if (!c->beat_first || c->silent)
		return UINT64_MAX;
	return c->beat_first->deadline_ms > c->now ? c->beat_first->deadline_ms
						   : c->beat_last->deadline_ms;
}

void node_check(struct cluster *c)
{
	check_beats(c);
	if (!c->grace_until || c->now < c->grace_until)
		return;
	c->grace_until = 0;
	for (size_t i = 0; i < c->n_sched; i++)
		if (c->sched_of[i]->unseen)
			node_down(c, c->sched_of[i]);
}

int cluster_node_join(struct cluster *c, const char *node_id, const char *name, struct err *err)
{
	size_t len = name ? strlen(name) : 0;
	if (len == 0 || len > LIMIT_NAME)
		return err_set(err, -EINVAL, "a node's name must have 1 to %d characters",
			       LIMIT_NAME);
	if (map_has(&c->nodes, node_id))
		return 0;
	if (c->n_sched >= NODES_MAX)
		return err_set(err, -ENOSPC, "the cluster has %d nodes already", NODES_MAX);
	if (node_by_name(c, name))
		return err_set(
			err, -EEXIST,
			"a node called '%s' is there already; give this one another name, or "
			"remove the old one with carrack nodes",
			name);
	struct node *n = node_new(c, node_id, name);
	node_row(c, n);
	event(c, n, "node_joined", "joined the cluster");
	return 0;
}

bool cluster_node_known(const struct cluster *c, const char *node_id)
{
	return map_has(&c->nodes, node_id);
}

static void sched_remove(struct cluster *c, struct node *n)
{
	size_t last = --c->n_sched;
	c->sched[n->sched_ix] = c->sched[last];
	c->sched_of[n->sched_ix] = c->sched_of[last];
	c->sched_of[n->sched_ix]->sched_ix = n->sched_ix;
	c->node_v[n->ix] = NULL;
}

int cluster_node_del(struct cluster *c, const char *id_or_name, struct err *err)
{
	struct node *n = node_by_name(c, id_or_name);
	if (!n)
		return err_set(err, -ENOENT, "there is no node '%s'", id_or_name);
	if (n->up && !c->silent)
		return err_set(err, -EBUSY, "the node '%s' is up; stop its agent first", n->name);
	n->removed = true;
	drain_gone(n);
	service_node_slots(c, n);
	while (n->n_tasks)
		task_drop(c, n->tasks[n->n_tasks - 1]);
	dispatch_collect(c); /* the others forget it while it can still be named */
	dispatch_node_gone(c, n);
	holders_forget(c, n);
	event(c, n, "node_removed", "was removed from the cluster");
	cluster_put(c, "nodes", n->id, NULL);
	beat_remove(c, n);
	marks_del(&c->nodes_changed, &n->marked);
	marks_del(&c->node_rows, &n->row_marked);
	sched_remove(c, n);
	map_del(&c->nodes, n->id);
	c->retry = true;
	return 0;
}

int cluster_node_labels(struct cluster *c, const char *id_or_name, const struct kvlist *labels,
			struct err *err)
{
	struct node *n = node_by_name(c, id_or_name);
	if (!n)
		return err_set(err, -ENOENT, "there is no node '%s'", id_or_name);
	struct kvlist next = {0};
	for (size_t i = 0; i < n->op_labels.n; i++)
		if (!kvlist_find(labels, n->op_labels.v[i].k))
			kvlist_set(&next, n->op_labels.v[i].k, n->op_labels.v[i].v);
	for (size_t i = 0; i < labels->n; i++)
		if (labels->v[i].v)
			kvlist_set(&next, labels->v[i].k, labels->v[i].v);
	if (next.n > NODE_LABELS_MAX) {
		kvlist_done(&next);
		return err_set(err, -E2BIG, "a node has at most %d labels", NODE_LABELS_MAX);
	}
	kvlist_done(&n->op_labels);
	n->op_labels = next;
	node_refresh(c, n);
	node_row(c, n);
	return 0;
}
