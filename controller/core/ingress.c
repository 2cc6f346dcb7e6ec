/* SPDX-License-Identifier: Apache-2.0
 * Ports that every node answers on: who publishes what, and on which nodes its ready tasks are. One
 * object for each template that publishes something cluster-wide goes to every node; a change costs a
 * message only where a node gets its first ready task of it or loses its last. */
#include "controller/core/state.h"
#include "manifests/limits.h"

#include <stdio.h>
#include <string.h>

/* A node without a task of its own spreads over so many others; more would only make messages long. */
#define INGRESS_NODES_MAX 64

struct on_node {
	struct node *node;
	size_t n; /* ready tasks */
};

struct ingress {
	struct tmpl *tmpl;
	struct on_node *nodes;
	size_t n_nodes, cap_nodes;
	char *text; /* the entry of a message; NULL: to be made */
	size_t marked;
	bool sent;
};

static bool is_ingress(const struct spec_port *p)
{
	return p->mode == PORT_INGRESS && p->published;
}

void ingress_free(struct ingress *in)
{
	if (!in)
		return;
	free(in->nodes);
	free(in->text);
	free(in);
}

static void changed(struct cluster *c, struct ingress *in)
{
	free_and_null(&in->text);
	marks_add(&c->ingress_marked, in, &in->marked);
}

void ingress_add(struct cluster *c, struct tmpl *t)
{
	for (size_t i = 0; i < t->spec.n_ports && !t->ingress; i++) {
		if (!is_ingress(&t->spec.ports[i]))
			continue;
		t->ingress = xcalloc(1, sizeof(*t->ingress));
		t->ingress->tmpl = t;
		t->ingress->marked = NO_MARK;
		map_set(&c->ingresses, t->id, t->ingress);
		changed(c, t->ingress);
	}
}

void ingress_del(struct cluster *c, struct tmpl *t)
{
	if (!t->ingress)
		return;
	marks_del(&c->ingress_marked, &t->ingress->marked);
	map_del(&c->ingresses, t->id);
	if (t->ingress->sent)
		strlist_add(&c->ingress_gone, t->id);
	ingress_free(take_ptr(t->ingress));
}

void ingress_count(struct cluster *c, struct task *t, bool up)
{
	struct ingress *in = t->tmpl->ingress;
	if (!in || t->served == up)
		return;
	size_t i = 0;
	t->served = up;
	while (i < in->n_nodes && in->nodes[i].node != t->node)
		i++;
	if (i == in->n_nodes && up) {
		in->nodes = vec_grow(in->nodes, in->n_nodes, &in->cap_nodes, sizeof(*in->nodes));
		in->nodes[in->n_nodes++] = (struct on_node){.node = t->node};
		changed(c, in);
	}
	if (i == in->n_nodes)
		return;
	in->nodes[i].n += up ? 1 : (size_t)-1;
	if (in->nodes[i].n)
		return;
	in->nodes[i] = in->nodes[--in->n_nodes];
	changed(c, in);
}

void ingress_node_moved(struct cluster *c, const struct node *n)
{
	map_each(&c->ingresses, e)
	{
		struct ingress *in = e->val;
		for (size_t i = 0; i < in->n_nodes; i++)
			if (in->nodes[i].node == n)
				changed(c, in);
	}
}

static void key_of(const struct tmpl *t, char out[2 * LIMIT_NAME + 2])
{
	snprintf(out, 2 * LIMIT_NAME + 2, "%s/%s", t->stack, t->service);
}

static void tell(struct cluster *c, const struct node *n, const char *key, const char *why)
{
	const char *slash = strchr(key, '/');
	auto_free char *stack = xstrndup(key, (size_t)(slash - key));
	struct event_of of = {why ? "port_refused" : "port_published", stack, slash + 1, NULL,
			      n->name};
	cluster_event(c, &of, "%s", why ? why : "all its ports are published there again");
}

static void service_changed(struct cluster *c, const char *key)
{
	char own[2 * LIMIT_NAME + 2];
	map_each(&c->ingresses, e)
	{
		struct ingress *in = e->val;
		key_of(in->tmpl, own);
		if (streq(own, key))
			changed(c, in);
	}
}

void ingress_trouble(struct cluster *c, const struct node *n, const struct kvlist *before)
{
	for (size_t i = 0; i < n->trouble.n; i++) {
		const struct kv *kv = &n->trouble.v[i];
		if (streq(kvlist_get(before, kv->k), kv->v))
			continue;
		tell(c, n, kv->k, kv->v);
		service_changed(c, kv->k);
	}
	for (size_t i = 0; i < before->n; i++)
		if (!kvlist_find(&n->trouble, before->v[i].k)) {
			tell(c, n, before->v[i].k, NULL);
			service_changed(c, before->v[i].k);
		}
}

static void text_ports(struct str *s, const struct tmpl *t)
{
	const char *sep = ",\"ports\":[";
	for (size_t i = 0; i < t->spec.n_ports; i++) {
		const struct spec_port *p = &t->spec.ports[i];
		if (!is_ingress(p))
			continue;
		str_addf(s, "%s{\"published\":%u,\"protocol\":\"%s\"", sep, p->published,
			 spec_proto_name(p->protocol));
		text_member(s, "host_ip", p->host_ip);
		str_add(s, p->local ? ",\"local\":true}" : "}");
		sep = ",";
	}
	str_addc(s, ']');
}

/* On an encrypted network: what goes from node to node on a published port would be in clear, so each
 * node serves its own tasks only. */
static bool must_stay(const struct cluster *c, const struct tmpl *t)
{
	for (size_t i = 0; i < t->n_networks; i++) {
		const struct network *n = map_get(&c->networks, t->network_ids[i]);
		if (n && n->encrypted)
			return true;
	}
	return false;
}

static const char *text_of(const struct cluster *c, struct ingress *in)
{
	const struct tmpl *t = in->tmpl;
	if (in->text)
		return in->text;
	struct str s = {0};
	char key[2 * LIMIT_NAME + 2];
	key_of(t, key);
	text_entry(&s, KIND_INGRESS, t->id, NULL);
	str_add(&s, ",\"obj\":{\"id\":");
	text_json(&s, t->id);
	text_member(&s, "stack", t->stack);
	text_member(&s, "service", t->service);
	text_ports(&s, t);
	const char *sep = ",\"nodes\":[";
	bool alone = must_stay(c, t);
	for (size_t i = 0, n = 0; !alone && i < in->n_nodes && n < INGRESS_NODES_MAX; i++) {
		const struct node *node = in->nodes[i].node;
		const char *address = node->info.address;
		/* What holds the port there would get what is sent on. */
		if (!address || kvlist_find(&node->trouble, key))
			continue;
		str_add(&s, sep);
		text_json(&s, address);
		sep = ",";
		n++;
	}
	str_add(&s, *sep == ',' && !sep[1] ? "]}}" : "}}");
	in->text = str_take(&s);
	return in->text;
}

static void collect_gone(struct cluster *c)
{
	for (size_t i = 0; i < c->ingress_gone.n; i++) {
		const char *id = c->ingress_gone.v[i];
		if (map_has(&c->ingresses, id)) /* and back: it is marked */
			continue;
		map_each(&c->nodes, e) dispatch_del(c, e->val, KIND_INGRESS, id);
	}
	strlist_done(&c->ingress_gone);
}

/* Once a step, at its end: one message must not both set and delete an object. */
void ingress_collect(struct cluster *c)
{
	collect_gone(c);
	for (size_t i = 0; i < c->ingress_marked.n; i++) {
		struct ingress *in = c->ingress_marked.v[i];
		if (!in)
			continue;
		marks_del(&c->ingress_marked, &in->marked);
		in->sent = true;
		map_each(&c->nodes, e) dispatch_set(c, e->val, text_of(c, in));
	}
	c->ingress_marked.n = 0;
}

void ingress_snapshot(struct cluster *c, struct str *set)
{
	map_each(&c->ingresses, e)
	{
		struct ingress *in = e->val;
		in->sent = true;
		dispatch_put(set, text_of(c, in));
	}
}
