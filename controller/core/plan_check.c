/* SPDX-License-Identifier: Apache-2.0
 * A saved plan against one of now: is it still what would be done, and if not, what has moved. */
#include "controller/core/plan.h"
#include "controller/core/state.h"

#include <errno.h>

#define NODES_TOLD 4 /* nodes named in a sentence */

static int moved_revision(const char *stack, int64_t then, int64_t now, struct err *err)
{
	if (!then)
		return err_set(err, -ESTALE,
			       "the stack '%s' was not there when this plan was made, and is now; "
			       "plan it again",
			       stack);
	if (!now)
		return err_set(err, -ESTALE,
			       "the stack '%s' was removed since this plan was made; plan it again",
			       stack);
	return err_set(err, -ESTALE,
		       "the stack '%s' was changed since this plan was made (revision %lld then, "
		       "%lld now); plan it again",
		       stack, (long long)then, (long long)now);
}

static void add_node(struct str *s, size_t *n, const char *name, const char *what)
{
	if (++*n <= NODES_TOLD)
		str_addf(s, "%s'%.64s' %s", *n > 1 ? ", " : "", name, what);
}

/* What became of the nodes since: "'host2' went down, 'host4' joined", or an empty text. */
static void moved_nodes(const json_t *then, const json_t *now, struct str *s)
{
	const char *name;
	json_t *up;
	size_t n = 0;
	json_object_foreach((json_t *)now, name, up)
	{
		const json_t *was = json_object_get(then, name);
		if (!was)
			add_node(s, &n, name, "joined");
		else if (json_is_true(was) != json_is_true(up))
			add_node(s, &n, name, json_is_true(up) ? "came up" : "went down");
	}
	json_object_foreach((json_t *)then, name, up)
	{
		if (!json_object_get(now, name))
			add_node(s, &n, name, "was removed");
	}
	if (n > NODES_TOLD)
		str_addf(s, " and %zu more", n - NODES_TOLD);
}

/* "'s_web.2' would be created on 'host4'" */
static void fate(struct str *s, const json_t *t)
{
	const char *action = json_str_or(t, "action", "keep"), *node = json_str(t, "node");
	str_addf(s, "'%.64s' would be %s", json_str_or(t, "name", "?"),
		 streq(action, "create")    ? "created"
		 : streq(action, "replace") ? "replaced"
		 : streq(action, "remove")  ? "removed"
					    : "kept");
	if (node)
		str_addf(s, " on '%.64s'", node);
	else if (!streq(action, "remove"))
		str_add(s, ", with no node that fits");
}

static bool same_task(const json_t *a, const json_t *b)
{
	return streq(json_str(a, "action"), json_str(b, "action")) &&
	       streq(json_str(a, "node"), json_str(b, "node")) &&
	       streq(json_str(a, "from"), json_str(b, "from"));
}

static void index_tasks(const json_t *plan, struct map *out)
{
	size_t i;
	json_t *t;
	json_array_foreach(json_object_get(plan, "tasks"), i, t)
	{
		if (json_str(t, "name"))
			map_set(out, json_str(t, "name"), t);
	}
}

/* The first task whose fate differs, as a sentence; false: none does. */
static bool moved_tasks(const json_t *then, const json_t *now, struct str *s)
{
	struct map was = {0}, is = {0};
	const json_t *a = NULL, *b = NULL;
	index_tasks(then, &was);
	index_tasks(now, &is);
	map_each(&is, e)
	{
		const json_t *t = map_get(&was, e->key);
		if (!b && (!t || !same_task(t, e->val))) {
			a = t;
			b = e->val;
		}
	}
	map_each(&was, e)
	{
		if (!a && !b && !map_has(&is, e->key))
			a = e->val;
	}
	map_clear(&was);
	map_clear(&is);
	if (b)
		fate(s, b);
	else if (a)
		str_addf(s, "'%.64s' would be left as it is", json_str_or(a, "name", "?"));
	return a || b;
}

static bool differ(const json_t *then, const json_t *now, const char *key)
{
	const json_t *a = json_object_get(then, key), *b = json_object_get(now, key);
	return a != b && !json_equal(a, b);
}

int cluster_plan_same(const json_t *then, const json_t *now, struct err *err)
{
	const char *stack = json_str_or(now, "stack", "?");
	int64_t was = json_int(then, "revision", -1), is = json_int(now, "revision", 0);
	auto_str nodes = {0}, tasks = {0};
	if (!streq(json_str(then, "stack"), stack))
		return err_set(err, -EINVAL, "the plan is for the stack '%s', not for '%s'",
			       json_str_or(then, "stack", "?"), stack);
	if (was != is)
		return moved_revision(stack, was, is, err);
	bool moved = moved_tasks(then, now, &tasks);
	bool nets = differ(then, now, "networks");
	/* The file is the same: what the cluster chose for it is not. */
	if (!moved && !nets && !differ(then, now, "changes"))
		return 0;
	moved_nodes(json_object_get(then, "nodes"), json_object_get(now, "nodes"), &nodes);
	return err_set(err, -ESTALE,
		       "the cluster has moved on since this plan was made: %s%s%s; plan it again",
		       nodes.len ? nodes.data : "", nodes.len ? "; now " : "now ",
		       moved  ? tasks.data
		       : nets ? "its networks would be others"
			      : "a port of a range, or the version of a config or secret, would be "
				"another");
}

void cluster_plan_follow(struct cluster *c, const json_t *plan)
{
	struct stack *s = map_get(&c->stacks, json_str_or(plan, "stack", ""));
	struct map ids = {0}; /* of nodes, by name */
	size_t i;
	json_t *t;
	if (!s)
		return;
	map_each(&c->nodes, e)
	{
		const struct node *n = e->val;
		map_set(&ids, n->name, n->id);
	}
	json_array_foreach(json_object_get(plan, "tasks"), i, t)
	{
		const char *service = json_str(t, "service"), *name = json_str(t, "node");
		int64_t slot = json_int(t, "slot", 0);
		const char *id = name ? map_get(&ids, name) : NULL;
		if (service && id && slot > 0)
			place_plan(s, service, slot - 1, id);
	}
	map_clear(&ids);
}
