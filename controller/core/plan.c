/* SPDX-License-Identifier: Apache-2.0
 * What an apply would do: the stack before, the request itself, a rehearsal, and the stack after. */
#include "controller/core/plan.h"
#include "controller/core/cluster.h"
#include "controller/core/rehearse.h"
#include "manifests/canon.h"
#include "manifests/diff.h"
#include "manifests/imageref.h"

#include <errno.h>
#include <string.h>

struct held { /* what a place of a service held before */
	char id[ID_ROOM];
	char *service, *node; /* node NULL: it waited for one */
};

struct plan {
	struct cluster *c;
	const struct plan_ask *ask;
	struct spec_stack *old; /* NULL: there was none */
	int64_t revision;       /* of old */
	struct map held;        /* task name -> struct held */
	struct map tmpls;       /* service -> struct made */
	struct map nets;        /* name -> id */
	struct map nodes;       /* name -> struct node */
	struct rehearsal r;
	json_t *services, *tasks, *out;
};

struct made { /* what a service's tasks were made from */
	char *id, *volumes, *networks;
	char hash[65];
};

static void held_free(void *p)
{
	struct held *h = p;
	free(h->service);
	free(h->node);
	free(h);
}

static void made_free(void *p)
{
	struct made *m = p;
	free(m->id);
	free(m->volumes);
	free(m->networks);
	free(m);
}

static char *network_ids(const struct tmpl *t)
{
	struct str s = {0};
	for (size_t i = 0; i < t->n_networks; i++)
		str_addf(&s, "%s ", t->network_ids[i]);
	return str_take(&s);
}

/* The task that counts in a slot: the one that is to run, or what is still there of it. */
static const struct task *held_task(const struct slot *sl)
{
	if (sl->cur && sl->cur->node)
		return sl->cur;
	for (const struct task *o = sl->old; o; o = o->slot_next)
		if (!o->stop)
			return o;
	return sl->cur;
}

static void see_service(struct plan *p, const struct service *svc)
{
	if (svc->tmpl) {
		struct made *m = xcalloc(1, sizeof(*m));
		m->id = xstrdup(svc->tmpl->id);
		m->volumes = xstrdup(svc->tmpl->volumes);
		m->networks = network_ids(svc->tmpl);
		memcpy(m->hash, svc->tmpl->hash, sizeof(m->hash));
		map_set(&p->tmpls, svc->name, m);
	}
	for (size_t i = 0; i < svc->n_slots; i++) {
		const struct task *t = held_task(&svc->slots[i]);
		if (!t)
			continue;
		struct held *h = xcalloc(1, sizeof(*h));
		auto_free char *name = task_name(t);
		memcpy(h->id, t->id, sizeof(h->id));
		h->service = xstrdup(svc->name);
		h->node = t->node ? xstrdup(t->node->name) : NULL;
		map_set(&p->held, name, h);
	}
}

static int copy_stack(const struct stack *s, struct spec_stack **ret, struct err *err)
{
	auto_json *j = canon_stack(s->spec);
	return canon_stack_parse(j, ret, err);
}

static int see_before(struct plan *p, struct err *err)
{
	const struct stack *s = map_get(&p->c->stacks, p->ask->stack);
	if (!s)
		return 0;
	map_each(&s->services, e)
	{
		see_service(p, e->val);
	}
	map_each(&s->nets, e)
	{
		const struct network *n = e->val;
		if (!n->dying)
			map_set(&p->nets, n->name, xstrdup(n->id));
	}
	p->revision = s->revision;
	return s->removing ? 0 : copy_stack(s, &p->old, err);
}

static int request(struct plan *p, json_t **answer, struct err *err)
{
	const struct plan_ask *a = p->ask;
	if (a->spec)
		return cluster_stack_put(p->c, a->stack, a->spec, answer, err);
	if (a->service)
		return cluster_scale(p->c, a->stack, a->service, a->replicas, err);
	return cluster_stack_del(p->c, a->stack, err);
}

/* --- the answer */

static json_t *list_of(json_t *j, const char *key)
{
	json_t *list = json_array();
	json_object_set_new(j, key, list);
	return list;
}

static void count(json_t *service, const char *key)
{
	json_put_int(service, key, json_int(service, key, 0) + 1);
}

static json_t *service_json(struct plan *p, const char *name)
{
	json_t *j = json_object_get(p->services, name);
	if (j)
		return j;
	j = json_object();
	json_put_str(j, "name", name);
	json_object_set_new(p->services, name, j);
	return j;
}

static void tell_task(struct plan *p, const struct task *t, const char *name, const struct held *h)
{
	json_t *svc = service_json(p, t ? t->svc->name : h->service);
	const char *action = !t ? "remove" : h && h->node ? "replace" : "create";
	if (t && h && !strcmp(t->id, h->id)) {
		count(svc, "keep");
		return;
	}
	count(svc, action);
	json_t *j = json_object();
	json_put_str(j, "name", name);
	json_put_str(j, "service", t ? t->svc->name : h->service);
	json_put_str(j, "action", action);
	if (t && !t->global)
		json_put_int(j, "slot", t->slot + 1);
	json_put_str(j, "from", h ? h->node : NULL);
	json_put_str(j, "node", t && t->node ? t->node->name : NULL);
	if (t && !t->node) {
		count(svc, "waits");
		json_put_str(j, "why", t->reason ? t->reason : "waits");
	}
	if (t && t->node)
		json_put_int(j, "step", (int64_t)(size_t)map_get(&p->r.steps, t->id));
	json_array_append_new(p->tasks, j);
}

/* Why are a service's containers made anew? */
static void tell_restart(struct plan *p, const struct service *svc, json_t *j)
{
	const struct made *was = map_get(&p->tmpls, svc->name);
	if (!was || !svc->tmpl || streq(was->id, svc->tmpl->id))
		return;
	auto_free char *networks = network_ids(svc->tmpl);
	json_t *why = list_of(j, "why");
	json_object_set_new(j, "restarts", json_boolean(json_int(j, "replace", 0) > 0));
	if (strcmp(was->hash, svc->tmpl->hash) != 0)
		json_array_append_new(why, json_string("its containers are described otherwise"));
	if (!streq(was->networks, networks))
		json_array_append_new(why, json_string("a network of it is made anew"));
	if (!streq(was->volumes, svc->tmpl->volumes))
		json_array_append_new(why, json_string("a volume of it is described otherwise"));
	if (!json_array_size(why))
		json_array_append_new(why, json_string("a service that it goes with is made anew"));
}

static void tell_order(const struct service *svc, json_t *j)
{
	const struct spec_update *u = &svc->spec->update;
	json_put_str(j, "order", rollout_start_first(svc) ? "start-first" : "stop-first");
	json_put_int(j, "parallelism", u->set ? u->parallelism : 1);
}

static void tell_service(struct plan *p, struct service *svc)
{
	json_t *j = service_json(p, svc->name);
	for (size_t i = 0; i < svc->n_slots; i++) {
		const struct task *t = svc->slots[i].cur;
		if (!t)
			continue;
		auto_free char *name = task_name(t);
		const struct held *h = map_get(&p->held, name);
		tell_task(p, t, name, h);
		if (h)
			map_del(&p->held, name);
	}
	tell_restart(p, svc, j);
	if (svc->spec)
		tell_order(svc, j);
}

static void tell_action(struct plan *p, const json_t *answer, const char *list, const char *action)
{
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(answer, list), i, v)
	{
		json_t *j = service_json(p, json_string_value(v));
		bool restarts = json_bool(j, "restarts", false);
		json_put_str(j, "action", restarts && streq(action, "none") ? "update" : action);
	}
}

/* Without an answer of a stack's put: all of its services are treated the same. */
static void tell_actions(struct plan *p, const json_t *answer)
{
	tell_action(p, answer, "created", "create");
	tell_action(p, answer, "updated", "update");
	tell_action(p, answer, "removed", "remove");
	tell_action(p, answer, "unchanged", "none");
	const char *name;
	json_t *j;
	json_object_foreach(p->services, name, j)
	{
		if (json_str(j, "action"))
			continue;
		bool touched = !p->ask->service || streq(p->ask->service, name);
		json_put_str(j, "action",
			     !touched          ? "none"
			     : p->ask->service ? "update"
					       : "remove");
	}
}

static void add_network(json_t *list, const char *name, const char *action)
{
	json_t *j = json_object();
	json_put_str(j, "name", name);
	json_put_str(j, "action", action);
	json_array_append_new(list, j);
}

static void tell_networks(struct plan *p)
{
	json_t *list = list_of(p->out, "networks");
	const struct stack *s = map_get(&p->c->stacks, p->ask->stack);
	for (size_t i = 0; s && i < s->spec->n_networks; i++) {
		const struct spec_network *sn = &s->spec->networks[i];
		const struct network *n = sn->external ? NULL : network_of(p->c, s, sn);
		const char *was = n ? map_get(&p->nets, n->name) : NULL;
		if (n && !streq(was, n->id))
			add_network(list, n->name, was ? "replace" : "create");
		if (n)
			map_del(&p->nets, n->name);
	}
	map_each(&p->nets, e)
	{
		add_network(list, e->key, "remove");
	}
}

static const struct spec_volume *volume_named(const struct spec_stack *s, const char *name)
{
	for (size_t i = 0; s && i < s->n_volumes; i++)
		if (!s->volumes[i].external && streq(s->volumes[i].name, name))
			return &s->volumes[i];
	return NULL;
}

static void tell_volumes(struct plan *p, const struct spec_stack *next)
{
	json_t *list = list_of(p->out, "volumes");
	for (size_t i = 0; next && i < next->n_volumes; i++)
		if (!next->volumes[i].external && !volume_named(p->old, next->volumes[i].name))
			add_network(list, next->volumes[i].name, "create");
	for (size_t i = 0; p->old && i < p->old->n_volumes; i++)
		if (!p->old->volumes[i].external && !volume_named(next, p->old->volumes[i].name))
			add_network(list, p->old->volumes[i].name, "leave");
}

/* Is the image on the node? null: it has not told. A service may ask for another platform than the node's. */
static json_t *present(const struct plan *p, const struct spec_service *s, const char *image,
		       const char *node)
{
	struct node *n = map_get(&p->nodes, node);
	struct imageref ref = {0};
	if (!n || !n->images_told || imageref_parse(image, &ref, NULL) < 0)
		return json_null();
	auto_free char *name = imageref_text(&ref);
	auto_free char *own =
		xasprintf("%s/%s", n->info.os ? n->info.os : "", n->info.arch ? n->info.arch : "");
	auto_free char *other = s->platform ? xasprintf("%s %s", name, s->platform) : NULL;
	bool foreign = other && !streq(s->platform, own);
	imageref_done(&ref);
	return json_boolean(map_has(&n->images, foreign ? other : name));
}

/* An image of the service, on a node that gets a task of it. seen: image -> its object. */
static void tell_image(struct plan *p, struct map *seen, const struct spec_service *s,
		       const char *image, const char *node)
{
	json_t *j = map_get(seen, image);
	if (!j) {
		j = json_object();
		json_put_str(j, "image", image);
		json_put_str(j, "pull_policy", s->pull_policy);
		list_of(j, "nodes");
		json_array_append_new(json_object_get(p->out, "images"), j);
		map_set(seen, image, j);
	}
	json_t *nodes = json_object_get(j, "nodes"), *n;
	size_t i;
	json_array_foreach(nodes, i, n) if (streq(json_str(n, "node"), node)) return;
	n = json_object();
	json_put_str(n, "node", node);
	json_object_set_new(n, "present", present(p, s, image, node));
	json_array_append_new(nodes, n);
}

/* Those that run, before or as the service, and those that are mounted. */
static void tell_images(struct plan *p, const struct spec_stack *next)
{
	json_t *task;
	struct map seen = {0};
	size_t i;
	list_of(p->out, "images");
	json_array_foreach(p->tasks, i, task)
	{
		const char *node = json_str(task, "node");
		const struct spec_service *s =
			node && next ? spec_find_service(next, json_str(task, "service")) : NULL;
		for (size_t k = 0; s && k < spec_images(s); k++)
			if (spec_image(s, k))
				tell_image(p, &seen, s, spec_image(s, k), node);
	}
	map_clear(&seen);
}

/* Tasks of other stacks that waited for what becomes free. */
static void tell_others(struct plan *p)
{
	json_t *list = list_of(p->out, "others");
	map_each(&p->r.steps, e)
	{
		const struct task *t = map_get(&p->c->tasks, e->key);
		if (!t || !t->node || streq(t->svc->stack->name, p->ask->stack))
			continue;
		auto_free char *name = task_name(t);
		json_t *j = json_object();
		json_put_str(j, "name", name);
		json_put_str(j, "node", t->node->name);
		json_array_append_new(list, j);
	}
}

/* The nodes that the placement was worked out with. */
static void tell_nodes(struct plan *p)
{
	json_t *up = json_object();
	map_each(&p->c->nodes, e)
	{
		const struct node *n = e->val;
		json_object_set_new(up, n->name, json_boolean(n->up));
	}
	json_object_set_new(p->out, "nodes", up);
}

static const char *action_of(const struct plan *p, bool changed)
{
	if (!changed)
		return "none";
	if (!p->ask->spec && !p->ask->service)
		return "remove";
	return p->old ? "update" : "create";
}

static void tell(struct plan *p, const json_t *answer, bool changed)
{
	struct stack *s = map_get(&p->c->stacks, p->ask->stack);
	const struct spec_stack *next = s && !s->removing ? s->spec : NULL;
	json_put_str(p->out, "stack", p->ask->stack);
	json_put_str(p->out, "action", action_of(p, changed));
	json_put_bool(p->out, "changed", changed);
	json_put_int(p->out, "revision", p->revision);
	json_object_set_new(p->out, "changes", diff_stacks(p->old, next));
	if (s) {
		map_each(&s->services, e)
		{
			tell_service(p, e->val);
		}
	}
	map_each(&p->held, e)
	{
		tell_task(p, NULL, e->key, e->val);
	}
	tell_actions(p, answer);
	json_t *list = list_of(p->out, "services"), *v;
	const char *name;
	json_object_foreach(p->services, name, v) json_array_append(list, v);
	json_object_set(p->out, "tasks", p->tasks);
	tell_networks(p);
	tell_volumes(p, next);
	tell_images(p, next);
	tell_others(p);
	tell_nodes(p);
	if (p->r.cut)
		json_put_bool(p->out, "cut", true);
}

int cluster_plan(struct cluster *c, const struct plan_ask *ask, json_t **ret, struct err *err)
{
	struct plan p = {.c = c, .ask = ask, .services = json_object(), .tasks = json_array()};
	json_t *answer = NULL;
	p.held.free_val = held_free;
	p.tmpls.free_val = made_free;
	p.nets.free_val = free;
	p.out = json_object();
	map_each(&c->nodes, e)
	{
		map_set(&p.nodes, ((struct node *)e->val)->name, e->val);
	}
	rehearse_begin(&p.r, c);
	int rc = see_before(&p, err);
	if (rc == 0)
		rc = request(&p, &answer, err);
	if (rc == 0) {
		const struct stack *s = map_get(&c->stacks, ask->stack);
		bool changed = !p.old || !s || s->removing || s->revision != p.revision;
		if (changed)
			rehearse_run(&p.r, ask->stack);
		tell(&p, answer, changed);
		*ret = json_incref(p.out);
	}
	rehearse_done(&p.r);
	json_decref(answer);
	json_decref(p.services);
	json_decref(p.tasks);
	json_decref(p.out);
	map_clear(&p.held);
	map_clear(&p.tmpls);
	map_clear(&p.nets);
	map_clear(&p.nodes);
	spec_stack_free(p.old);
	return rc;
}
