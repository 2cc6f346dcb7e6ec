/* SPDX-License-Identifier: Apache-2.0
 * What a service waits for: `depends_on`, `links`, and circles of them; see decode.h. */
#include "manifests/decode.h"
#include "manifests/limits.h"

#include <string.h>

static struct spec_depends *depends_find(struct spec_service *s, const char *name)
{
	for (size_t i = 0; i < s->n_depends_on; i++)
		if (streq(s->depends_on[i].service, name))
			return &s->depends_on[i];
	return NULL;
}

/* Takes over what d owns; the first word about a service counts. */
static void depends_add(struct decode *c, const struct node *n, struct spec_depends *d,
			struct map *seen, struct spec_service *s)
{
	bool there = !c->stack || map_has(&c->services, d->service);
	if (!there && d->required)
		decode_no_service(c, n, d->service, "to depend on");
	if (!there || map_has(seen, d->service)) {
		free(d->service);
		return;
	}
	map_set(seen, d->service, s);
	s->depends_on = xreallocarray(s->depends_on, s->n_depends_on + 1, sizeof(*s->depends_on));
	s->depends_on[s->n_depends_on++] = *d;
}

FIELD_DECODER(decode_depends_on)
{
	struct spec_service *s = obj;
	struct map seen = {0};
	const char *name;
	(void)f;
	if (n->kind == NODE_SEQ ? !decode_list(c, n, LIMIT_SERVICE_DEPENDS)
				: !decode_map(c, n, LIMIT_SERVICE_DEPENDS))
		return;
	for (size_t i = 0; i < n->n; i++) {
		struct spec_depends d;
		record_init(&record_depends, &d);
		if (n->kind == NODE_SEQ) {
			if (!decode_string(c, n->items[i], &name))
				continue;
			d.service = xstrdup(name);
			depends_add(c, n->items[i], &d, &seen, s);
			continue;
		}
		const struct node_pair *p = &n->pairs[i];
		struct decode_mark mark = decode_enter(c, p->key);
		decode_record(c, p->value, &record_depends, &d);
		d.service = xstrdup(p->key);
		depends_add(c, p->value, &d, &seen, s);
		decode_leave(c, mark);
	}
	map_clear(&seen);
}

json_t *encode_depends_on(const void *obj)
{
	const struct spec_service *s = obj;
	json_t *j = json_object();
	for (size_t i = 0; i < s->n_depends_on; i++)
		json_object_set_new(j, s->depends_on[i].service,
				    encode_record(&record_depends, &s->depends_on[i], 0));
	return j;
}

/* Who shares something of another service needs it to run, and is made again with it. */
void depends_imply(struct decode *c, const struct node *n, const char *name, struct spec_service *s)
{
	struct map seen = {0};
	struct spec_depends d;
	if (depends_find(s, name))
		return;
	record_init(&record_depends, &d);
	d.restart = true;
	d.service = xstrdup(name);
	depends_add(c, n, &d, &seen, s);
	map_clear(&seen);
}

struct visit { /* of a depth-first walk along depends_on */
	struct spec_service *service;
	size_t next;
};

/* A service on a circle of depends_on, or NULL. */
static const char *find_circle(const struct spec_stack *s)
{
	enum { NEW, OPEN, DONE };
	struct map index = {0};
	auto_free char *state = xcalloc(s->n_services + 1, 1);
	auto_free struct visit *stack = xcalloc(s->n_services + 1, sizeof(*stack));
	const char *found = NULL;
	for (size_t i = 0; i < s->n_services; i++)
		map_set(&index, s->services[i].name, &s->services[i]);
	for (size_t i = 0; i < s->n_services && !found; i++) {
		size_t depth = 0;
		if (state[i] == NEW) {
			state[i] = OPEN;
			stack[depth++] = (struct visit){&s->services[i], 0};
		}
		while (depth > 0 && !found) {
			struct visit *top = &stack[depth - 1];
			if (top->next == top->service->n_depends_on) {
				state[top->service - s->services] = DONE;
				depth--;
				continue;
			}
			struct spec_service *to =
				map_get(&index, top->service->depends_on[top->next++].service);
			if (!to || to == top->service || state[to - s->services] == DONE)
				continue;
			if (state[to - s->services] == OPEN)
				found = to->name;
			state[to - s->services] = OPEN;
			stack[depth++] = (struct visit){to, 0};
		}
	}
	map_clear(&index);
	return found;
}

static enum spec_restart condition_of(const struct spec_service *s)
{
	return s->restart_policy.set ? s->restart_policy.condition : s->restart;
}

/* What must end before others start is run once, unless its file says more; and what is started
 * again after every end never completes. */
static void completion_check(struct decode *c, const struct node *services,
			     const struct spec_service *s, const struct spec_depends *d)
{
	struct spec_service *to = decode_service(c, d->service);
	const struct node *n = decode_service_node(c, services, d->service);
	if (!to)
		return;
	if (!to->restart_policy.set && !spec_is_job(to) && !node_find(n, "restart"))
		to->restart = RESTART_NO;
	enum spec_restart r = condition_of(to);
	if (r == RESTART_ALWAYS || r == RESTART_UNLESS_STOPPED)
		decode_error(c,
			     node_child(node_child(decode_service_node(c, services, s->name),
						   "depends_on"),
					d->service),
			     "'%s' waits for '%s' to complete, which never happens: it is started "
			     "again whenever it ends; give it 'restart: \"no\"' or 'on-failure'",
			     s->name, to->name);
}

void depends_check(struct decode *c, const struct node *root)
{
	const struct node *services = node_child(root, "services");
	for (size_t i = 0; i < c->stack->n_services; i++) {
		const struct spec_service *s = &c->stack->services[i];
		for (size_t k = 0; k < s->n_depends_on; k++)
			if (s->depends_on[k].condition == DEPENDS_COMPLETED)
				completion_check(c, services, s, &s->depends_on[k]);
	}
	const char *name = find_circle(c->stack);
	if (name)
		decode_error(c, node_child(node_child(services, name), "depends_on"),
			     "the service '%s' depends on itself by way of others; break the "
			     "circle in 'depends_on'",
			     name);
}
