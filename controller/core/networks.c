/* SPDX-License-Identifier: Apache-2.0
 * Networks of the cluster: made from stacks, given numbers, and gone after their last endpoint. */
#include "controller/core/fixedaddr.h"
#include "controller/core/state.h"
#include "manifests/canon.h"

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
	free(n->want);
	spec_network_done(&n->spec);
	free(n->attaches);
	for (size_t i = 0; i < n->n_members; i++)
		free(n->members[i]);
	free(n->members);
	map_clear(&n->last);
	map_clear(&n->wanted);
	ipam_subnet_done(&n->subnet);
	ipam6_done(&n->subnet6);
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

/* Labels and who may join change under those who are on it; all else takes another network. */
static char *want_text(const struct spec_network *spec)
{
	auto_json *j = canon_network(spec);
	json_object_del(j, "labels");
	json_object_del(j, "attachable");
	json_object_del(j, "name");
	return json_text_canonical(j);
}

/* Is n what the stack asks for? If not, another takes its place and the services on it are rolled. */
bool network_same(const struct network *n, const struct stack *s, const struct spec_network *spec)
{
	auto_free char *want = want_text(spec);
	return streq(n->stack, s->name) && streq(n->want, want);
}

int network_ask(struct network *n, const struct spec_network *spec)
{
	auto_json *j = canon_network(spec);
	struct spec_network copy;
	int rc = canon_network_parse(j, spec->key, &copy, NULL);
	if (rc < 0)
		return rc;
	spec_network_done(&n->spec);
	n->spec = copy;
	free(n->want);
	n->want = want_text(spec);
	n->internal = spec->internal;
	n->encrypted = spec_network_encrypted(spec, NULL);
	n->lan = spec_network_lan(spec) != LAN_NONE;
	free(n->driver);
	n->driver = xstrdup(spec->driver);
	return 0;
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
		map_set(&s->nets, n->id, n);
	}
	network_ask(n, spec);
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
		struct network *n = spec->external ? NULL : network_of(c, s, spec);
		if (!spec->external && !n)
			make(c, s, spec);
		else if (n) {
			network_ask(n, spec);
			row_network(c, n);
		}
	}
}

void network_drop(struct cluster *c, struct network *n)
{
	struct stack *s = map_get(&c->stacks, n->stack);
	network_release(c, n);
	cluster_put(c, "networks", n->id, NULL);
	if (s)
		map_del(&s->nets, n->id);
	marks_del(&c->networks_marked, &n->marked);
	map_del(&c->networks, n->id);
	if (s)
		stack_mark(c, s);
}

static int take(struct network *n, struct attach *a, uint32_t fixed, const struct ipaddr *fixed6)
{
	int rc = 0;
	a->ip = fixed;
	a->ip6 = *fixed6;
	if (a->handed) { /* as a row has it */
		n->n_handed++;
		return 0;
	}
	if (n->subnet.used)
		rc = fixed ? ipam_take_fixed(&n->subnet, fixed)
			   : fixedaddr_skip4(n, ipam_take, &a->ip);
	else if (fixed)
		rc = -ERANGE;
	if (rc < 0)
		return rc;
	if (ipam6_is_set(&n->subnet6))
		rc = ipaddr_is_set(fixed6) ? ipam6_take_fixed(&n->subnet6, fixed6)
					   : fixedaddr_skip6(n, ipam6_take, &a->ip6);
	else if (ipaddr_is_set(fixed6))
		rc = -ERANGE;
	if (rc < 0 && a->ip)
		ipam_give(&n->subnet, a->ip);
	return rc;
}

static void enter(struct network *n, struct attach *a)
{
	a->net = n;
	a->net_ix = n->n_attaches;
	n->attaches = vec_grow(n->attaches, n->n_attaches, &n->cap_attaches, sizeof(*n->attaches));
	n->attaches[n->n_attaches++] = a;
}

int network_attach_as(struct network *n, struct attach *a, uint32_t ip, const struct ipaddr *ip6)
{
	int rc = take(n, a, ip, ip6);
	if (rc == 0)
		enter(n, a);
	return rc;
}

/* What its replica had: on the physical network any address, as far as the fixed ones say no other; elsewhere a
 * fixed one of a task that is lost with its node. */
static bool attach_again(struct network *n, struct attach *a, uint32_t ip, const struct ipaddr *ip6)
{
	uint32_t had = 0;
	struct ipaddr had6 = {0};
	bool fixed = ip || ipaddr_is_set(ip6);
	if ((n->lan || fixed) && lanaddr_inherit(n, a, ip, ip6)) {
		enter(n, a);
		return true;
	}
	if (!n->lan || !lanaddr_last(n, a, &had, &had6))
		return false;
	struct ipaddr v4 = ipam_addr(had);
	if ((!ip && fixedaddr_wanted(n, &v4)) ||
	    (!ipaddr_is_set(ip6) && fixedaddr_wanted(n, &had6)))
		return false;
	return network_attach_as(n, a, ip ? ip : had, ipaddr_is_set(ip6) ? ip6 : &had6) == 0;
}

static int refuse(const struct cluster *c, const struct network *n, uint32_t ip,
		  const struct ipaddr *ip6, int rc, struct err *err)
{
	struct ipaddr a = ip ? ipam_addr(ip) : *ip6;
	char text[IPADDR_TEXT];
	if (rc == -ENOSPC)
		return err_set(err, rc, "no address is left on the network '%s'", n->name);
	auto_free char *who = rc == -EADDRINUSE ? fixedaddr_holder(c, n, &a) : NULL;
	if (ip && !who && ipaddr_is_set(ip6)) { /* then it is the other one */
		a = *ip6;
		who = rc == -EADDRINUSE ? fixedaddr_holder(c, n, &a) : NULL;
	}
	ipaddr_format(&a, text);
	if (rc == -EADDRINUSE)
		return err_set(err, rc, "the address '%s' on '%s' is %s", text, n->name,
			       who ? who : "kept free there; choose another address");
	return err_set(err, rc, "the address '%s' is not inside the subnet of '%s'", text, n->name);
}

int network_attach(const struct cluster *c, struct network *n, struct attach *a,
		   const struct spec_attach *fixed, struct err *err)
{
	uint32_t ip = 0;
	struct ipaddr ip6 = {0};
	if (fixed && fixed->ipv4_address)
		ipam_addr_parse(fixed->ipv4_address, &ip);
	if (fixed && fixed->ipv6_address)
		(void)ipaddr_parse(fixed->ipv6_address, &ip6);
	if (attach_again(n, a, ip, &ip6))
		return 0;
	int rc = network_attach_as(n, a, ip, &ip6);
	return rc < 0 ? refuse(c, n, ip, &ip6, rc, err) : 0;
}

void network_detach(struct attach *a)
{
	struct network *n = a->net;
	struct attach *last = n->attaches[--n->n_attaches];
	n->attaches[a->net_ix] = last;
	last->net_ix = a->net_ix;
	bool give = lanaddr_leave(n, a);
	if (give && a->ip)
		ipam_give(&n->subnet, a->ip);
	if (give && ipaddr_is_set(&a->ip6))
		ipam6_give(&n->subnet6, &a->ip6);
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
