/* SPDX-License-Identifier: Apache-2.0
 * Networks of the cluster: made from stacks, given numbers, and gone after their last endpoint. */
#include "controller/core/state.h"

#include <errno.h>
#include <stdio.h>

struct network *network_new(struct cluster *c, const char *id, const char *name)
{
	struct network *n = xcalloc(1, sizeof(*n));
	snprintf(n->id, sizeof(n->id), "%s", id);
	n->name = xstrdup(name);
	n->marked = NO_MARK;
	map_set(&c->networks, n->id, n);
	return n;
}

void network_free(void *p)
{
	struct network *n = p;
	if (!n)
		return;
	free(n->name);
	free(n->stack);
	free(n->key);
	free(n->driver);
	free(n->want_subnet);
	free(n->want_gateway);
	free(n->want_range);
	free(n->attaches);
	for (size_t i = 0; i < n->n_members; i++)
		free(n->members[i]);
	free(n->members);
	ipam_subnet_done(&n->subnet);
	free(n);
}

void network_mark(struct cluster *c, struct network *n)
{
	marks_add(&c->networks_marked, n, &n->marked);
}

struct network *network_of(const struct cluster *c, const struct stack *s,
			   const struct spec_network *spec)
{
	struct network *n = map_get(&c->network_names, spec->name);
	return n && (spec->external || streq(n->stack, s->name)) ? n : NULL;
}

/* Is n what the stack asks for? If not, another takes its place and the services on it are rolled. */
bool network_same(const struct network *n, const struct stack *s, const struct spec_network *spec)
{
	return streq(n->stack, s->name) && n->internal == spec->internal &&
	       n->encrypted == spec_network_encrypted(spec, NULL) &&
	       streq(n->driver, spec->driver) && streq(n->want_subnet, spec->subnet) &&
	       streq(n->want_gateway, spec->gateway) && streq(n->want_range, spec->ip_range);
}

/* One of this stack that was on its way out and is wanted again as it is. */
static struct network *revive(struct stack *s, const struct spec_network *spec)
{
	map_each(&s->nets, e)
	{
		struct network *n = e->val;
		if (n->dying && streq(n->name, spec->name) && network_same(n, s, spec))
			return n;
	}
	return NULL;
}

static void make(struct cluster *c, struct stack *s, const struct spec_network *spec)
{
	struct network *n = revive(s, spec);
	if (!n) {
		char id[ID_ROOM];
		do
			cluster_random_id(c, id, 16);
		while (id[ID_NETWORK] = '\0', map_has(&c->networks, id));
		n = network_new(c, id, spec->name);
		n->stack = xstrdup(s->name);
		n->key = xstrdup(spec->key);
		n->driver = xstrdup(spec->driver);
		n->internal = spec->internal;
		n->encrypted = spec_network_encrypted(spec, NULL);
		n->want_subnet = xstrdup(spec->subnet);
		n->want_gateway = xstrdup(spec->gateway);
		n->want_range = xstrdup(spec->ip_range);
		map_set(&s->nets, n->id, n);
	}
	n->dying = false;
	map_set(&c->network_names, n->name, n);
	network_allocate(c, n, NULL); /* tried again before each placement */
	row_network(c, n);
}

static void let_die(struct cluster *c, struct network *n)
{
	n->dying = true;
	map_del(&c->network_names, n->name);
	row_network(c, n);
	network_mark(c, n);
}

static const struct spec_network *find_by_name(const struct stack *s, const char *name)
{
	for (size_t i = 0; s->spec && i < s->spec->n_networks; i++)
		if (!s->spec->networks[i].external && streq(s->spec->networks[i].name, name))
			return &s->spec->networks[i];
	return NULL;
}

void network_sync_stack(struct cluster *c, struct stack *s)
{
	map_each(&s->nets, e)
	{
		struct network *n = e->val;
		const struct spec_network *spec = find_by_name(s, n->name);
		if (!n->dying && (s->removing || !spec || !network_same(n, s, spec)))
			let_die(c, n);
	}
	for (size_t i = 0; !s->removing && i < s->spec->n_networks; i++) {
		const struct spec_network *spec = &s->spec->networks[i];
		if (!spec->external && !network_of(c, s, spec))
			make(c, s, spec);
	}
}

static struct network *overlapping(const struct cluster *c, uint32_t base, unsigned prefix)
{
	map_each(&c->networks, e)
	{
		struct network *n = e->val;
		if (n->ready && ipam_overlap(base, prefix, n->subnet.base, n->subnet.prefix))
			return n;
	}
	return NULL;
}

static int take_subnet(struct cluster *c, struct network *n, struct err *err)
{
	uint32_t base = 0, gateway = 0, range;
	unsigned prefix = c->pool.net_prefix, range_prefix;
	int rc;
	if (n->want_subnet) {
		rc = ipam_cidr_parse(n->want_subnet, &base, &prefix, err);
		struct network *other = rc == 0 ? overlapping(c, base, prefix) : NULL;
		if (other)
			return err_set(err, -EEXIST, "the subnet '%s' is still held by '%s'%s",
				       n->want_subnet, other->name,
				       other->dying ? ", which is being removed" : "");
		if (rc == 0)
			ipam_pool_mark(&c->pool, base, prefix, true);
	} else {
		rc = ipam_pool_take(&c->pool, &base);
		if (rc < 0)
			return err_set(err, rc, "no subnet is left in the pool '%s' for '%s'",
				       c->cfg.pool, n->name);
	}
	if (rc < 0)
		return rc;
	if (n->want_gateway)
		ipam_addr_parse(n->want_gateway, &gateway);
	rc = ipam_subnet_init(&n->subnet, base, prefix, gateway, err);
	if (rc == 0 && n->want_range) {
		rc = ipam_cidr_parse(n->want_range, &range, &range_prefix, err);
		if (rc == 0)
			rc = ipam_subnet_range(&n->subnet, range, range_prefix, err);
	}
	if (rc < 0) {
		ipam_pool_mark(&c->pool, base, prefix, false);
		ipam_subnet_done(&n->subnet);
	}
	return rc;
}

static void take_vni(struct cluster *c, struct network *n)
{
	char text[16];
	do {
		n->vni = c->next_vni++;
		if (c->next_vni > VNI_LAST)
			c->next_vni = VNI_FIRST;
		snprintf(text, sizeof(text), "%u", n->vni);
	} while (map_has(&c->vnis, text));
	map_set(&c->vnis, text, n);
}

int network_allocate(struct cluster *c, struct network *n, struct err *err)
{
	if (n->ready)
		return 0;
	if (!c->pool.n_blocks)
		return err_set(err, -ENOSPC, "the pool '%s' cannot be cut into networks",
			       c->cfg.pool);
	int rc = take_subnet(c, n, err);
	if (rc < 0)
		return rc;
	take_vni(c, n);
	n->ready = true;
	row_network(c, n);
	return 0;
}

void network_drop(struct cluster *c, struct network *n)
{
	struct stack *s = map_get(&c->stacks, n->stack);
	char text[16];
	if (n->ready) {
		ipam_pool_mark(&c->pool, n->subnet.base, n->subnet.prefix, false);
		snprintf(text, sizeof(text), "%u", n->vni);
		map_del(&c->vnis, text);
		c->retry = true;
	}
	cluster_put(c, "networks", n->id, NULL);
	if (s)
		map_del(&s->nets, n->id);
	marks_del(&c->networks_marked, &n->marked);
	map_del(&c->networks, n->id);
	if (s)
		stack_mark(c, s);
}

int network_attach(struct network *n, struct attach *a, uint32_t fixed)
{
	int rc = 0;
	a->ip = fixed;
	if (fixed)
		rc = ipam_take_fixed(&n->subnet, fixed);
	else
		rc = ipam_take(&n->subnet, &a->ip);
	if (rc < 0)
		return rc;
	a->net = n;
	a->net_ix = n->n_attaches;
	n->attaches = vec_grow(n->attaches, n->n_attaches, &n->cap_attaches, sizeof(*n->attaches));
	n->attaches[n->n_attaches++] = a;
	return 0;
}

void network_detach(struct attach *a)
{
	struct network *n = a->net;
	struct attach *last = n->attaches[--n->n_attaches];
	n->attaches[a->net_ix] = last;
	last->net_ix = a->net_ix;
	ipam_give(&n->subnet, a->ip);
	free_and_null(&a->text);
	a->net = NULL;
}

struct member *member_ref(struct cluster *c, struct network *n, struct node *node)
{
	struct member *m = map_get(&node->members, n->id);
	if (!m) {
		m = xcalloc(1, sizeof(*m));
		*m = (struct member){.net = n, .node = node, .net_ix = n->n_members};
		m->marked = NO_MARK;
		n->members =
			vec_grow(n->members, n->n_members, &n->cap_members, sizeof(*n->members));
		n->members[n->n_members++] = m;
		map_set(&node->members, n->id, m);
	}
	if (m->refs++ == 0)
		marks_add(&c->members_marked, m, &m->marked);
	return m;
}

void member_unref(struct cluster *c, struct network *n, struct node *node)
{
	struct member *m = map_get(&node->members, n->id);
	if (m && --m->refs == 0)
		marks_add(&c->members_marked, m, &m->marked);
}

void member_free(struct cluster *c, struct member *m)
{
	struct network *n = m->net;
	struct member *last = n->members[--n->n_members];
	n->members[m->net_ix] = last;
	last->net_ix = m->net_ix;
	map_del(&m->node->members, n->id);
	marks_del(&c->members_marked, &m->marked);
	if (!n->n_members)
		network_mark(c, n);
	free(m);
}
