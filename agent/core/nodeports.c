/* SPDX-License-Identifier: Apache-2.0
 * From published ports and ready tasks to the overlay's ingress, by comparison. See nodeports.h. */
#include "agent/core/nodeports.h"
#include "agent/core/assign.h"
#include "agent/core/nodetask.h"
#include "agent/core/taskset.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

struct entry { /* one port while the list is made */
	struct ov_ingress_port port;
	struct ov_backend *backends;
	size_t n, cap;
	bool local; /* not through other nodes */
};

struct wish { /* the ports of one service */
	char *stack, *service;
	struct map ports; /* "HOST_IP PORT PROTO" -> struct entry */
};

struct nodeports {
	struct core *core;
	size_t count;       /* services of the last whole pass */
	struct map trouble; /* "STACK/SERVICE" -> sentence */
};

static void free_entry(void *p)
{
	struct entry *e = p;
	free(e->backends);
	free(e);
}

static void free_wish(void *p)
{
	struct wish *w = p;
	map_clear(&w->ports);
	free(w->stack);
	free(w->service);
	free(w);
}

struct nodeports *nodeports_new(struct core *c)
{
	struct nodeports *n = xcalloc(1, sizeof(*n));
	n->core = c;
	n->trouble.free_val = free;
	return n;
}

void nodeports_free(struct nodeports *n)
{
	if (!n)
		return;
	map_clear(&n->trouble);
	free(n);
}

static void key_of(const char *host_ip, uint16_t port, enum spec_proto proto, char out[128])
{
	snprintf(out, 128, "%.64s %u %s", host_ip ? host_ip : "", port, spec_proto_name(proto));
}

static void backend_add(struct entry *e, const struct ov_backend *b)
{
	for (size_t i = 0; i < e->n; i++)
		if (e->backends[i].port == b->port && ipaddr_equal(&e->backends[i].ip, &b->ip) &&
		    ipaddr_equal(&e->backends[i].ip6, &b->ip6))
			return;
	e->backends = vec_grow(e->backends, e->n, &e->cap, sizeof(*e->backends));
	e->backends[e->n++] = *b;
}

static struct entry *entry_get(struct wish *w, const struct wire_ingress_port *p)
{
	char key[128];
	key_of(p->host_ip, p->published, p->protocol, key);
	struct entry *e = map_get(&w->ports, key);
	if (e)
		return e;
	e = xcalloc(1, sizeof(*e));
	e->local = p->local;
	e->port.port = p->published;
	e->port.proto = spec_proto_number(p->protocol);
	if (p->host_ip)
		(void)ipaddr_parse(p->host_ip, &e->port.host_ip);
	map_set(&w->ports, key, e);
	return e;
}

/* Other nodes with ready tasks. Ports of one address are that address's only: what comes through
 * another node would come to its underlay address. */
static void want_far(const struct nodeports *n, struct entry *e, const struct wire_ingress *in)
{
	struct ipaddr own = overlay_address(n->core->overlay);
	if (e->local || !ipaddr_is_any(&e->port.host_ip))
		return;
	for (size_t i = 0; i < in->nodes.n; i++) {
		struct ov_backend b = {.port = e->port.port};
		struct ipaddr ip;
		if (!ipaddr_parse(in->nodes.v[i], &ip) || ipaddr_equal(&ip, &own))
			continue;
		if (ipaddr_is_v4(&ip))
			b.ip = ip;
		else
			b.ip6 = ip;
		backend_add(e, &b);
	}
	e->port.far = true;
}

struct local {
	struct nodeports *n;
	struct wish *w;
};

/* What leads to other nodes gives way to the first task here. */
static void want_task(const struct nodetask *t, void *arg)
{
	struct local *l = arg;
	const struct wire_task *task = nodetask_wire(t);
	struct ov_backend b = {0};
	if (!streq(task->stack, l->w->stack) || !streq(task->service, l->w->service) ||
	    !nodetask_ready(t) ||
	    !overlay_sandbox_address(l->n->core->overlay, task->id, &b.ip, &b.ip6))
		return;
	for (size_t i = 0; i < task->spec.n_ports; i++) {
		const struct spec_port *p = &task->spec.ports[i];
		char key[128];
		key_of(p->host_ip, p->published, p->protocol, key);
		struct entry *e = p->mode == PORT_INGRESS ? map_get(&l->w->ports, key) : NULL;
		if (!e)
			continue;
		if (e->port.far) {
			e->port.far = false;
			e->n = 0;
		}
		b.port = p->target;
		backend_add(e, &b);
	}
}

static void want_tasks(struct nodeports *n, struct wish *w)
{
	struct local l = {n, w};
	taskset_each(n->core->tasks, want_task, &l);
}

static void tell(struct nodeports *n, const char *id, struct wish *w)
{
	struct ov_ingress_port *ports = xcalloc(w->ports.n + 1, sizeof(*ports));
	size_t count = 0;
	struct err err = {0};
	auto_str why = {0};
	want_tasks(n, w);
	map_each(&w->ports, e)
	{
		struct entry *entry = e->val;
		entry->port.backends = entry->backends;
		entry->port.n = entry->n;
		entry->port.far &= entry->n > 0;
		ports[count++] = entry->port;
	}
	if (overlay_ingress_set(n->core->overlay, id, ports, count, &err) < 0)
		log_warn("agent", "ports of \"%s\": %s", id, err_text(&err));
	free(ports);
	auto_free char *key = xasprintf("%s/%s", w->stack, w->service);
	if (overlay_ingress_why(n->core->overlay, id, &why)) {
		if (!streq(map_get(&n->trouble, key), why.data))
			log_warn("agent", "ports of \"%s\": %s", id, why.data);
		map_set(&n->trouble, key, str_take(&why));
	} else {
		map_del(&n->trouble, key);
	}
}

/* What the controller says of all services, or of one (stack not NULL). */
static void collect(struct nodeports *n, const char *stack, const char *service, struct map *out)
{
	map_each(assign_ingress(n->core->assign), e)
	{
		const struct wire_ingress *in = e->val;
		if (stack && (!streq(in->stack, stack) || !streq(in->service, service)))
			continue;
		auto_free char *id = xasprintf("%s_%s", in->stack, in->service);
		struct wish *w = map_get(out, id);
		if (!w) {
			w = xcalloc(1, sizeof(*w));
			w->stack = xstrdup(in->stack);
			w->service = xstrdup(in->service);
			w->ports.free_val = free_entry;
			map_set(out, id, w);
		}
		for (size_t i = 0; i < in->n_ports; i++)
			want_far(n, entry_get(w, &in->ports[i]), in);
	}
}

static void drop_unseen(struct nodeports *n, const struct map *wishes)
{
	auto_strlist ids = {0};
	overlay_ingress_list(n->core->overlay, &ids);
	for (size_t i = 0; i < ids.n; i++) {
		struct err err = {0};
		if (!map_has(wishes, ids.v[i]) &&
		    overlay_ingress_set(n->core->overlay, ids.v[i], NULL, 0, &err) < 0)
			log_warn("agent", "ports of \"%s\": %s", ids.v[i], err_text(&err));
	}
	n->count = wishes->n;
	map_each(&n->trouble, e)
	{
		auto_free char *id = xstrdup(e->key);
		*strchr(id, '/') = '_'; /* no stack has a slash in its name */
		if (!map_has(wishes, id))
			map_del(&n->trouble, e->key);
	}
}

void nodeports_sync(struct nodeports *n)
{
	struct map wishes = {.free_val = free_wish};
	collect(n, NULL, NULL, &wishes);
	drop_unseen(n, &wishes); /* first: one service may take the port of another that goes */
	map_each(&wishes, e) tell(n, e->key, e->val);
	map_clear(&wishes);
}

void nodeports_sync_one(struct nodeports *n, const char *stack, const char *service)
{
	struct map wishes = {.free_val = free_wish};
	if (n->count && stack && service)
		collect(n, stack, service, &wishes);
	map_each(&wishes, e) tell(n, e->key, e->val);
	map_clear(&wishes);
}

size_t nodeports_count(const struct nodeports *n)
{
	return n->count;
}

json_t *nodeports_trouble(const struct nodeports *n)
{
	json_t *j = n->trouble.n ? json_object() : NULL;
	map_each(&n->trouble, e) json_put_str(j, e->key, e->val);
	return j;
}
