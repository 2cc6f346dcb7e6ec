/* SPDX-License-Identifier: Apache-2.0
 * Rows of the store back to objects. Keys come in order (meta, networks, nodes, sealed, secrets, specs,
 * stacks, tasks, vips), so what a row names is there when it is read. */
#include "base/num.h"
#include "controller/core/cluster.h"
#include "controller/core/hostports.h"
#include "controller/core/secrets.h"
#include "manifests/canon.h"
#include "manifests/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static char *dup_member(const json_t *j, const char *key)
{
	return xstrdup(json_str(j, key));
}

static int load_network(struct cluster *c, const char *id, const json_t *j, struct err *err)
{
	const char *name;
	int rc = json_need_str(j, "name", &name, err);
	if (rc < 0)
		return rc;
	struct network *n = network_new(c, id, name);
	n->stack = dup_member(j, "stack");
	n->key = dup_member(j, "key");
	struct spec_network spec;
	rc = canon_network_parse(json_object_get(j, "spec"), n->key, &spec, err);
	if (rc < 0)
		return rc;
	rc = network_ask(n, &spec);
	spec_network_done(&spec);
	n->dying = json_bool(j, "dying", false);
	if (!n->dying)
		map_set(&c->network_names, n->name, n);
	return rc < 0 ? rc : network_renumber(c, n, j, err);
}

static int load_node(struct cluster *c, const char *id, const json_t *j, struct err *err)
{
	const char *name;
	int rc = json_need_str(j, "name", &name, err);
	if (rc < 0)
		return rc;
	struct node *n = node_new(c, id, name);
	n->up = json_bool(j, "up", false);
	n->last_seen = json_int(j, "last_seen", 0);
	json_kvlist(j, "op_labels", &n->op_labels);
	if (json_bool(j, "hello", false)) {
		rc = wire_node_parse(json_object_get(j, "info"), &n->info, err);
		n->said_hello = rc == 0;
	}
	node_refresh(c, n);
	return rc;
}

static int load_tmpl(struct cluster *c, const char *id, const json_t *j, struct err *err)
{
	const char *stack, *service;
	int rc = json_need_str(j, "stack", &stack, err);
	if (rc == 0)
		rc = json_need_str(j, "service", &service, err);
	if (rc < 0)
		return rc;
	struct tmpl *t = xcalloc(1, sizeof(*t));
	rc = canon_service_parse(json_object_get(j, "spec"), service, &t->spec, err);
	if (rc < 0) {
		free(t);
		return rc;
	}
	t->id = xstrdup(id);
	t->stack = xstrdup(stack);
	t->service = xstrdup(service);
	canon_task_hash(&t->spec, t->hash);
	const json_t *v, *ids = json_object_get(j, "networks");
	t->volumes = json_object_get(j, "volumes")
			     ? json_text_canonical(json_object_get(j, "volumes"))
			     : NULL;
	t->network_ids = xcalloc(json_array_size(ids) + 1, sizeof(*t->network_ids));
	size_t i;
	json_array_foreach(ids, i, v)
	{
		t->network_ids[t->n_networks++] =
			xstrdup(json_is_string(v) ? json_string_value(v) : "none");
	}
	tmpl_add(c, t);
	return 0;
}

static int load_stack(struct cluster *c, const char *name, const json_t *j, struct err *err)
{
	struct spec_stack *spec = NULL;
	int rc = canon_stack_parse(json_object_get(j, "spec"), &spec, err);
	if (rc < 0)
		return rc;
	struct stack *s = stack_new(c, name);
	s->spec = spec;
	secrets_count_stack(c, spec, true);
	auto_json *canon = canon_stack(spec);
	s->text = json_text_canonical(canon);
	s->revision = json_int(j, "revision", 1);
	s->applied_ms = json_int(j, "time", 0);
	s->removing = json_bool(j, "removing", false);
	json_kvlist(j, "pinned", &s->pinned);
	map_each(&c->networks, e)
	{
		struct network *n = e->val;
		if (streq(n->stack, name))
			map_set(&s->nets, n->id, n);
	}
	return 0;
}

static void load_state(struct task *t, const json_t *j)
{
	enum task_state st = task_state_parse(json_str(j, "state"));
	t->state = st == TASK_STATE_INVALID ? TASK_ASSIGNED : st;
	t->health = task_health_parse(json_str_or(j, "health", ""));
	t->stop = json_bool(j, "stop", false);
	t->lost = json_bool(j, "lost", false);
	t->global = json_bool(j, "global", false);
	t->retiring = json_bool(j, "retiring", false);
	t->reason = dup_member(j, "reason");
	t->since = json_int(j, "since", 0);
	t->exit_code = (int)json_int(j, "exit_code", -1);
	t->restarts = json_int(j, "restarts", 0);
	t->pid = json_int(j, "pid", 0);
	t->image_digest = dup_member(j, "image_digest");
	json_strlist(j, "ports", &t->ports);
}

static void load_attaches(struct cluster *c, struct task *t, const json_t *list)
{
	t->attach = xcalloc(json_array_size(list) + 1, sizeof(*t->attach));
	size_t i;
	const json_t *v;
	json_array_foreach(list, i, v)
	{
		const char *id = json_string_value(json_array_get(v, 0));
		uint32_t ip = 0;
		struct ipaddr ip6 = {0};
		struct network *n = id ? map_get(&c->networks, id) : NULL;
		bool v4 = ipam_addr_parse(json_string_value(json_array_get(v, 1)), &ip);
		bool v6 = ipaddr_parse(json_string_value(json_array_get(v, 2)), &ip6);
		if (!n || (!v4 && !v6))
			continue;
		t->attach[t->n_attach].task = t;
		t->attach[t->n_attach].handed = json_is_true(json_array_get(v, 3));
		if (network_attach_as(n, &t->attach[t->n_attach], ip, &ip6) == 0)
			t->n_attach++;
	}
}

static void load_joins(struct task *t, const json_t *list)
{
	if (!list)
		return;
	t->with = xcalloc(1, sizeof(*t->with));
	for (size_t k = 0; k < SPACE_MAX; k++) {
		const char *id = json_string_value(json_array_get(list, k));
		if (id && strlen(id) == ID_TASK)
			memcpy(t->with->id[k], id, ID_ROOM);
	}
}

/* Puts a task into its slot; of two that are to run, the one that was there first in time retires. */
static void load_slot(struct task *t, struct node *node, bool old)
{
	struct service *svc = t->svc;
	while (svc->n_slots <= (size_t)t->slot)
		service_slot_add(svc);
	struct slot *sl = &svc->slots[t->slot];
	if (svc->global && t->global && !t->stop) {
		sl->node = node;
		map_set(&svc->node_slots, node->id, (void *)(size_t)(t->slot + 1));
	}
	if (!t->stop && !old && !sl->cur) {
		sl->cur = t;
		return;
	}
	t->slot_next = sl->old;
	sl->old = t;
}

static int load_task(struct cluster *c, const char *id, const json_t *j, struct err *err)
{
	const char *stack, *service, *spec;
	int64_t slot;
	int rc = json_need_str(j, "stack", &stack, err);
	if (rc == 0)
		rc = json_need_str(j, "service", &service, err);
	if (rc == 0)
		rc = json_need_str(j, "spec", &spec, err);
	if (rc == 0)
		rc = json_need_int(j, "slot", 0, LIMIT_SERVICE_REPLICAS, &slot, err);
	if (rc < 0)
		return rc;
	struct stack *s = map_get(&c->stacks, stack);
	struct tmpl *tm = map_get(&c->tmpls, spec);
	const char *node_id = json_str(j, "node");
	struct node *node = node_id ? map_get(&c->nodes, node_id) : NULL;
	if (!s || !tm || strlen(id) != ID_TASK || (node_id && !node))
		return err_set(err, -EINVAL, "it names a stack, spec or node that is not there");
	if (!node) { /* was not placed: it is made anew, with today's reason */
		cluster_put(c, "tasks", id, NULL);
		return 0;
	}
	struct task *t = xcalloc(1, sizeof(*t));
	memcpy(t->id, id, ID_TASK);
	t->marked = NO_MARK;
	t->svc = service_get(s, service);
	const struct spec_service *ss = spec_find_service(s->spec, service);
	t->svc->global = ss && spec_is_global(ss);
	t->svc->n_tasks++;
	t->tmpl = tmpl_ref(tm);
	t->slot = (int)slot;
	load_state(t, j);
	load_attaches(c, t, json_object_get(j, "attach"));
	load_joins(t, json_object_get(j, "with"));
	hostports_load(t, json_object_get(j, "host_ports"));
	map_set(&c->tasks, t->id, t);
	load_slot(t, node, json_bool(j, "old", false));
	task_link(c, t, node);
	/* The first node to come back is told of all that ran, not of those that came before it. */
	task_mark(c, t, MARK_ENDPOINT);
	return 0;
}

int cluster_load(struct cluster *c, const char *key, const char *value, struct err *err)
{
	static const struct {
		const char *prefix;
		int (*load)(struct cluster *, const char *, const json_t *, struct err *);
	} loads[] = {{"networks/", load_network}, {"nodes/", load_node}, {"sealed/", load_sealed},
		     {"secrets/", load_secret},   {"specs/", load_tmpl}, {"stacks/", load_stack},
		     {"tasks/", load_task},       {"vips/", vips_load}};
	if (streq(key, "meta/epoch"))
		return num_parse_i64(value, 0, INT32_MAX, &c->epoch)
			       ? 0
			       : err_set(err, -EINVAL, "the row '%s' is no number", key);
	if (streq(key, "meta/pool6"))
		return ipprefix_parse(value, &c->pool6)
			       ? 0
			       : err_set(err, -EINVAL, "the row '%s' is no subnet", key);
	for (size_t i = 0; i < ARRAY_LEN(loads); i++) {
		if (!str_starts(key, loads[i].prefix))
			continue;
		auto_json *j = json_parse(value, strlen(value), err);
		int rc = j ? loads[i].load(c, key + strlen(loads[i].prefix), j, err) : -EINVAL;
		return rc < 0 ? err_wrap(err, rc, "the row '%s' cannot be read", key) : 0;
	}
	return 0; /* rows of others */
}
