/* SPDX-License-Identifier: Apache-2.0
 * The machine's life and its step; see cluster.h. */
#include "controller/core/cluster.h"
#include "controller/core/drain.h"
#include "controller/core/secrets.h"
#include "controller/core/state.h"

#include <stdio.h>
#include <string.h>

#define HEARTBEAT_MS     1000
#define HEARTBEAT_MISSES 3
#define GRACE_MS         10000
#define POOL             "10.128.0.0/9"
#define PREFIX_LEN       20

void marks_add(struct marks *m, void *obj, size_t *place)
{
	if (*place != NO_MARK)
		return;
	m->v = vec_grow(m->v, m->n, &m->cap, sizeof(*m->v));
	*place = m->n;
	m->v[m->n++] = obj;
}

void marks_del(struct marks *m, size_t *place)
{
	if (*place != NO_MARK)
		m->v[*place] = NULL;
	*place = NO_MARK;
}

void marks_done(struct marks *m)
{
	free(m->v);
	*m = (struct marks){0};
}

uint64_t cluster_random(struct cluster *c)
{
	uint64_t x = c->rng += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

void cluster_random_id(struct cluster *c, char *out, size_t digits)
{
	for (size_t i = 0; i < digits; i += 8)
		snprintf(out + i, 9, "%08x", (unsigned)cluster_random(c));
	out[digits] = '\0';
}

void cluster_put(struct cluster *c, const char *prefix, const char *id, char *value_taken)
{
	struct cluster_out *o = &c->out;
	o->puts = vec_grow(o->puts, o->n_puts, &o->cap_puts, sizeof(*o->puts));
	o->puts[o->n_puts++] = (struct cluster_put){xasprintf("%s/%s", prefix, id), value_taken};
}

/* Short control characters and quotes escaped; other bytes are UTF-8 already. */
void text_json(struct str *s, const char *v)
{
	if (!v) {
		str_add(s, "null");
		return;
	}
	str_addc(s, '"');
	for (const char *from = v;; v++) {
		unsigned char ch = (unsigned char)*v;
		if (ch >= 0x20 && ch != '"' && ch != '\\')
			continue;
		str_addn(s, from, (size_t)(v - from));
		if (!ch)
			break;
		if (ch < 0x20)
			str_addf(s, "\\u%04x", ch);
		else
			str_addf(s, "\\%c", ch);
		from = v + 1;
	}
	str_addc(s, '"');
}

void text_member(struct str *s, const char *key, const char *v)
{
	if (!v)
		return;
	str_addf(s, ",\"%s\":", key);
	text_json(s, v);
}

void cluster_event(struct cluster *c, const struct event_of *of, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	struct str s = {0};
	text_member(&s, "type", of->type);
	text_member(&s, "stack", of->stack);
	text_member(&s, "service", of->service);
	text_member(&s, "task", of->task);
	text_member(&s, "node", of->node);
	text_member(&s, "text", text);
	str_addc(&s, '}');
	strlist_take(&c->out.events, str_take(&s));
}

void cluster_out_done(struct cluster_out *out)
{
	for (size_t i = 0; i < out->n_puts; i++) {
		free(out->puts[i].key);
		free(out->puts[i].value);
	}
	for (size_t i = 0; i < out->n_sends; i++) {
		free(out->sends[i].node_id);
		free(out->sends[i].json);
	}
	free(out->puts);
	free(out->sends);
	strlist_done(&out->events);
	*out = (struct cluster_out){0};
}

struct cluster *cluster_new(const struct cluster_config *cfg)
{
	struct cluster *c = xcalloc(1, sizeof(*c));
	c->cfg = *cfg;
	if (!c->cfg.heartbeat_ms)
		c->cfg.heartbeat_ms = HEARTBEAT_MS;
	if (!c->cfg.heartbeat_misses)
		c->cfg.heartbeat_misses = HEARTBEAT_MISSES;
	if (!c->cfg.grace_ms)
		c->cfg.grace_ms = GRACE_MS;
	if (!c->cfg.prefix_len)
		c->cfg.prefix_len = PREFIX_LEN;
	c->pool_text = xstrdup(cfg->pool ? cfg->pool : POOL);
	c->cfg.pool = c->pool_text;
	c->rng = cfg->seed;
	c->next_vni = VNI_FIRST;
	/* A pool that cannot be cut leaves no blocks: tasks then wait and say that it is used up. */
	ipam_pool_init(&c->pool, c->pool_text, c->cfg.prefix_len, NULL);
	c->stacks.free_val = stack_free;
	c->nodes.free_val = node_free;
	c->networks.free_val = network_free;
	c->versions.free_val = version_free;
	c->secrets.free_val = secret_free;
	c->tmpls.free_val = tmpl_free;
	c->tasks.free_val = task_free;
	return c;
}

void cluster_free(struct cluster *c)
{
	if (!c)
		return;
	map_clear(&c->tasks);
	map_clear(&c->stacks);
	map_clear(&c->tmpls);
	map_clear(&c->networks);
	map_clear(&c->nodes);
	drain_done(c);
	map_clear(&c->versions);
	map_clear(&c->secrets);
	marks_done(&c->versions_waiting);
	marks_done(&c->holders_marked);
	map_clear(&c->network_names);
	map_clear(&c->vnis);
	map_clear(&c->globals);
	map_clear(&c->waiting);
	marks_done(&c->services);
	marks_done(&c->tasks_marked);
	marks_done(&c->members_marked);
	marks_done(&c->networks_marked);
	marks_done(&c->stacks_marked);
	marks_done(&c->nodes_changed);
	marks_done(&c->node_rows);
	marks_done(&c->timed);
	marks_done(&c->ingress_marked);
	map_clear(&c->ingresses);
	strlist_done(&c->ingress_gone);
	ipam_pool_done(&c->pool);
	free(c->node_v);
	free(c->sched);
	free(c->everywhere.v);
	free(c->sched_of);
	free(c->pool_text);
	cluster_out_done(&c->out);
	free(c);
}

static void drop_unused(struct cluster *c)
{
	map_each(&c->tmpls, e)
	{
		struct tmpl *t = e->val;
		t->refs++;
		tmpl_unref(c, t);
	}
}

void cluster_start(struct cluster *c, uint64_t now_ms)
{
	c->now = now_ms;
	c->grace_until = now_ms + (uint64_t)c->cfg.grace_ms;
	c->epoch++;
	network_pools(c);
	cluster_put(c, "meta", "epoch", xasprintf("%lld", (long long)c->epoch));
	map_each(&c->nodes, e)
	{
		struct node *n = e->val;
		n->version = c->epoch << 24;
		n->unseen = true;
	}
	map_each(&c->stacks, e)
	{
		stack_apply(c, e->val, NULL);
	}
	map_each(&c->networks, e)
	{
		network_mark(c, e->val);
	}
	drop_unused(c);
}

static void run_timers(struct cluster *c)
{
	for (size_t i = 0; i < c->timed.n; i++) {
		struct service *svc = c->timed.v[i];
		if (!svc || svc->roll_at > c->now)
			continue;
		marks_del(&c->timed, &svc->timed);
		svc->roll_at = 0;
		service_mark(c, svc);
	}
	size_t live = 0;
	for (size_t i = 0; i < c->timed.n; i++) {
		struct service *svc = c->timed.v[i];
		if (!svc)
			continue;
		svc->timed = live;
		c->timed.v[live++] = svc;
	}
	c->timed.n = live;
}

/* Works off the marks of one kind; what is marked meanwhile is at the end of the same vector. */
static bool work_services(struct cluster *c)
{
	bool any = c->services.n > 0;
	for (size_t i = 0; i < c->services.n; i++) {
		struct service *svc = c->services.v[i];
		if (!svc)
			continue;
		marks_del(&c->services, &svc->marked);
		reconcile_service(c, svc);
	}
	c->services.n = 0;
	return any;
}

static bool work_networks(struct cluster *c)
{
	bool any = c->networks_marked.n > 0;
	for (size_t i = 0; i < c->networks_marked.n; i++) {
		struct network *n = c->networks_marked.v[i];
		if (!n)
			continue;
		marks_del(&c->networks_marked, &n->marked);
		if (n->dying && !n->n_attaches && !n->n_users && !n->n_members && !n->n_vips)
			network_drop(c, n);
	}
	c->networks_marked.n = 0;
	return any;
}

static bool work_stacks(struct cluster *c)
{
	bool any = c->stacks_marked.n > 0;
	for (size_t i = 0; i < c->stacks_marked.n; i++) {
		struct stack *s = c->stacks_marked.v[i];
		if (!s)
			continue;
		marks_del(&c->stacks_marked, &s->marked);
		stack_settle(c, s);
	}
	c->stacks_marked.n = 0;
	return any;
}

/* Inputs know no wall clock: their events are dated by the step that follows. */
static void date_events(struct cluster *c)
{
	for (size_t i = 0; i < c->out.events.n; i++) {
		char *text = xasprintf("{\"time\":%lld%s", (long long)c->wall, c->out.events.v[i]);
		free(c->out.events.v[i]);
		c->out.events.v[i] = text;
	}
}

void cluster_step(struct cluster *c, uint64_t now_ms, int64_t wall_ms, struct cluster_out *out)
{
	c->now = now_ms;
	c->wall = wall_ms;
	node_check(c);
	drain_step(c);
	run_timers(c);
	for (bool more = true; more;) {
		more = work_services(c);
		if (c->retry) {
			c->retry = false;
			place_waiting(c);
			more = true;
		}
		/* Hand out before a network's last member goes: its nodes are told from it. */
		if (!more && !c->services.n)
			dispatch_collect(c);
		if (work_networks(c))
			more = true;
		if (work_stacks(c))
			more = true;
	}
	dispatch_emit(c);
	while (drain_step(c)) { /* what nobody had to be told of */
		dispatch_collect(c);
		dispatch_emit(c);
	}
	secrets_sweep(c);
	for (size_t i = 0; i < c->node_rows.n; i++) {
		struct node *n = c->node_rows.v[i];
		if (!n)
			continue;
		n->row_marked = NO_MARK;
		row_node(c, n);
	}
	c->node_rows.n = 0;
	date_events(c);
	cluster_out_done(out);
	*out = c->out;
	c->out = (struct cluster_out){0};
}

uint64_t cluster_next_ms(const struct cluster *c)
{
	uint64_t next = NEVER;
	if (c->services.n || c->networks_marked.n || c->stacks_marked.n || c->tasks_marked.n ||
	    c->nodes_changed.n || c->ingress_marked.n || c->ingress_gone.n || c->members_marked.n ||
	    c->node_rows.n || c->retry || c->out.n_puts || c->out.n_sends || c->out.events.n)
		return c->now;
	if (node_next_ms(c) < next)
		next = node_next_ms(c);
	if (drain_next_ms(c) < next)
		next = drain_next_ms(c);
	if (c->grace_until && c->grace_until < next)
		next = c->grace_until;
	for (size_t i = 0; i < c->timed.n; i++) {
		const struct service *svc = c->timed.v[i];
		if (svc && svc->roll_at < next)
			next = svc->roll_at;
	}
	return next;
}
