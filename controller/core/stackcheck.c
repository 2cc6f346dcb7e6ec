/* SPDX-License-Identifier: Apache-2.0
 * What can be said against a stack by someone who knows the cluster; of its networks netcheck.c does. */
#include "controller/core/state.h"

#include <errno.h>

static int check_service(const struct spec_service *svc, struct err *err)
{
	for (size_t i = 0; i < svc->constraints.n; i++)
		if (!sched_constraint_valid(svc->constraints.v[i])) {
			int rc = err_set(
				err, -EINVAL,
				"the placement constraint '%s' of the service '%s' cannot be "
				"read; write it like node.labels.disk == ssd",
				svc->constraints.v[i], svc->name);
			return err_at(err, rc, "services.%s.deploy.placement.constraints[%zu]",
				      svc->name, i);
		}
	return 0;
}

/* A node whose agent named no key cannot be handed any. */
static int check_sealed(const struct cluster *c, const struct spec_service *svc, struct err *err)
{
	if (!svc->n_secrets && !svc->n_configs)
		return 0;
	const char *key = svc->n_secrets ? "secrets" : "configs";
	if (!c->cfg.sealing) {
		int rc = err_set(err, -ENOTSUP,
				 "the service '%s' uses configs or secrets, which this controller "
				 "does not keep",
				 svc->name);
		return err_at(err, rc, "services.%s.%s", svc->name, key);
	}
	map_each(&c->nodes, e)
	{
		const struct node *n = e->val;
		if (!n->said_hello || n->info.seal_key)
			continue;
		int rc = err_set(err, -ENOTSUP,
				 "the service '%s' uses configs or secrets, and the agent "
				 "of the node '%s' does not take any; upgrade that",
				 svc->name, n->name);
		return err_at(err, rc, "services.%s.%s", svc->name, key);
	}
	return 0;
}

int stack_check(const struct cluster *c, const struct spec_stack *spec, struct err *err)
{
	int rc = netcheck_stack(c, spec, err);
	if (rc == 0)
		rc = lancheck_stack(c, spec, err);
	for (size_t i = 0; rc == 0 && i < spec->n_services; i++) {
		rc = check_service(&spec->services[i], err);
		if (rc == 0)
			rc = check_sealed(c, &spec->services[i], err);
	}
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
