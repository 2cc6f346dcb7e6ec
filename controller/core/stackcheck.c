/* SPDX-License-Identifier: Apache-2.0
 * What can be said against a stack by someone who knows the cluster: networks that are not there or
 * overlap, addresses that cannot be, constraints that nobody can read. */
#include "controller/core/state.h"

#include <errno.h>

static int check_subnet(const struct cluster *c, const struct spec_stack *s,
			const struct spec_network *sn, struct err *err)
{
	uint32_t base, gateway, range;
	unsigned prefix, range_prefix;
	if (!sn->subnet) {
		if (sn->gateway || sn->ip_range)
			return err_set(err, -EINVAL,
				       "the network '%s' has a gateway or ip_range but no subnet",
				       sn->key);
		return 0;
	}
	int rc = ipam_cidr_parse(sn->subnet, &base, &prefix, err);
	if (rc < 0)
		return err_wrap(err, rc, "the network '%s'", sn->key);
	if (sn->gateway && !ipam_addr_parse(sn->gateway, &gateway))
		return err_set(err, -EINVAL, "the gateway '%s' of the network '%s' is no address",
			       sn->gateway, sn->key);
	struct ipam_subnet probe = {0};
	rc = ipam_subnet_init(&probe, base, prefix, sn->gateway ? gateway : 0, err);
	if (rc == 0 && sn->ip_range) {
		rc = ipam_cidr_parse(sn->ip_range, &range, &range_prefix, err);
		if (rc == 0)
			rc = ipam_subnet_range(&probe, range, range_prefix, err);
	}
	ipam_subnet_done(&probe);
	if (rc < 0)
		return err_wrap(err, rc, "the network '%s'", sn->key);
	map_each(&c->network_names, e)
	{
		const struct network *n = e->val;
		/* What this stack has already may be replaced: it makes room for itself. */
		if (n->ready && !streq(n->stack, s->name) &&
		    ipam_overlap(base, prefix, n->subnet.base, n->subnet.prefix))
			return err_set(err, -EEXIST,
				       "the subnet '%s' of the network '%s' overlaps that of '%s'; "
				       "choose another",
				       sn->subnet, sn->key, n->name);
	}
	return 0;
}

static int check_own_overlap(const struct spec_stack *s, struct err *err)
{
	uint32_t a, b;
	unsigned ap, bp;
	for (size_t i = 0; i < s->n_networks; i++)
		for (size_t k = 0; k < i; k++) {
			const struct spec_network *x = &s->networks[i], *y = &s->networks[k];
			if (streq(x->name, y->name) && !x->external && !y->external)
				return err_set(err, -EINVAL,
					       "the networks '%s' and '%s' have one name, '%s'",
					       y->key, x->key, x->name);
			if (!x->subnet || !y->subnet || x->external || y->external)
				continue;
			if (ipam_cidr_parse(x->subnet, &a, &ap, err) < 0 ||
			    ipam_cidr_parse(y->subnet, &b, &bp, err) < 0)
				return -EINVAL;
			if (ipam_overlap(a, ap, b, bp))
				return err_set(err, -EINVAL,
					       "the subnets of the networks '%s' and '%s' overlap",
					       y->key, x->key);
		}
	return 0;
}

static int check_network(const struct cluster *c, const struct spec_stack *s,
			 const struct spec_network *sn, struct err *err)
{
	const struct network *n = map_get(&c->network_names, sn->name);
	if (sn->external && (!n || streq(n->stack, s->name)))
		return err_set(
			err, -ENOENT,
			"the external network '%s' is not there; apply the stack that has it "
			"first",
			sn->name);
	if (sn->external)
		return 0;
	if (n && !streq(n->stack, s->name))
		return err_set(err, -EEXIST,
			       "the network name '%s' is used by the stack '%s'; choose another or "
			       "make it external",
			       sn->name, n->stack);
	return check_subnet(c, s, sn, err);
}

static int check_address(const struct spec_stack *s, const struct spec_service *svc,
			 const struct spec_attach *a, struct err *err)
{
	const struct spec_network *sn = spec_find_network(s, a->network);
	uint32_t ip, base;
	unsigned prefix;
	if (!sn)
		return err_set(err, -EINVAL, "the service '%s' names the unknown network '%s'",
			       svc->name, a->network);
	if (!a->ipv4_address)
		return 0;
	if (!ipam_addr_parse(a->ipv4_address, &ip))
		return err_set(err, -EINVAL, "'%s' of the service '%s' is no IPv4 address",
			       a->ipv4_address, svc->name);
	if (spec_is_global(svc) || svc->replicas > 1)
		return err_set(
			err, -EINVAL,
			"the service '%s' has the fixed address '%s', which only one replica "
			"can have",
			svc->name, a->ipv4_address);
	if (sn->subnet && ipam_cidr_parse(sn->subnet, &base, &prefix, NULL) == 0 &&
	    !ipam_overlap(ip, 32, base, prefix))
		return err_set(err, -EINVAL, "the address '%s' is not inside '%s' of '%s'",
			       a->ipv4_address, sn->subnet, sn->key);
	return 0;
}

static int check_service(const struct spec_stack *s, const struct spec_service *svc,
			 struct err *err)
{
	for (size_t i = 0; i < svc->constraints.n; i++)
		if (!sched_constraint_valid(svc->constraints.v[i]))
			return err_set(
				err, -EINVAL,
				"the placement constraint '%s' of the service '%s' cannot be "
				"read; write it like node.labels.disk == ssd",
				svc->constraints.v[i], svc->name);
	if (svc->n_secrets || svc->n_configs)
		return err_set(
			err, -ENOTSUP,
			"the service '%s' uses configs or secrets, which this controller does "
			"not hand out yet",
			svc->name);
	for (size_t i = 0; i < svc->n_networks; i++) {
		int rc = check_address(s, svc, &svc->networks[i], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int stack_check(const struct cluster *c, const struct spec_stack *spec, struct err *err)
{
	int rc = check_own_overlap(spec, err);
	if (rc == 0)
		rc = port_check(c, spec, err);
	for (size_t i = 0; rc == 0 && i < spec->n_networks; i++)
		rc = check_network(c, spec, &spec->networks[i], err);
	for (size_t i = 0; rc == 0 && i < spec->n_services; i++)
		rc = check_service(spec, &spec->services[i], err);
	return rc;
}

static bool keeps(const struct spec_stack *next, const char *name)
{
	for (size_t i = 0; next && i < next->n_networks; i++)
		if (!next->networks[i].external && streq(next->networks[i].name, name))
			return true;
	return false;
}

/* Does another stack count on a network that this one would take away? */
int stack_check_users(const struct cluster *c, const char *name, const struct spec_stack *next,
		      struct err *err)
{
	const struct stack *own = map_get(&c->stacks, name);
	if (!own->nets.n)
		return 0;
	map_each(&c->stacks, e)
	{
		const struct stack *s = e->val;
		if (s == own || s->removing)
			continue;
		for (size_t i = 0; i < s->spec->n_networks; i++) {
			const struct spec_network *sn = &s->spec->networks[i];
			const struct network *n =
				sn->external ? map_get(&c->network_names, sn->name) : NULL;
			if (n && streq(n->stack, name) && !keeps(next, sn->name))
				return err_set(err, -EBUSY,
					       "the network '%s' is used by the stack '%s'; remove "
					       "that first",
					       sn->name, s->name);
		}
	}
	return 0;
}
