/* SPDX-License-Identifier: Apache-2.0
 * What can be said against a stack's networks on the physical network by someone who knows the cluster. */
#include "controller/core/state.h"

#include <errno.h>

static int conflict(const struct spec_network *sn, const struct spec_network *other,
		    const char *other_name, struct err *err)
{
	enum spec_lan a = spec_network_lan(sn), b = spec_network_lan(other);
	const char *parent = spec_network_parent(sn);
	if (a == LAN_NONE || b == LAN_NONE || a == b || !streq(parent, spec_network_parent(other)))
		return 0;
	int rc = err_set(
		err, -EEXIST,
		"the networks '%s' and '%s' are on the interface '%s' by %s and by %s, and it can "
		"have only one; choose one driver, or a VLAN for one of them",
		sn->key, other_name, parent, spec_lan_name(a), spec_lan_name(b));
	return err_at(err, rc, "networks.%s.driver", sn->key);
}

/* An interface is in a bridge, or has links of one kind on it. */
static int check_parents(const struct cluster *c, const struct spec_stack *s,
			 const struct spec_network *sn, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < s->n_networks && &s->networks[i] != sn; i++)
		rc = s->networks[i].external
			     ? 0
			     : conflict(sn, &s->networks[i], s->networks[i].key, err);
	map_each(&c->network_names, e)
	{
		const struct network *n = e->val;
		if (rc == 0 && !streq(n->stack, s->name))
			rc = conflict(sn, &n->spec, n->name, err);
	}
	return rc;
}

/* Of an external network; those of the stack itself were looked at when it was read. */
static const struct network *outside(const struct cluster *c, const struct spec_stack *s,
				     const struct spec_attach *a)
{
	const struct spec_network *sn = spec_find_network(s, a->network);
	const struct network *n = sn && sn->external ? map_get(&c->network_names, sn->name) : NULL;
	return n && n->lan ? n : NULL;
}

static bool is_lan(const struct cluster *c, const struct spec_stack *s, const struct spec_attach *a)
{
	const struct spec_network *sn = spec_find_network(s, a->network);
	return outside(c, s, a) || (sn && !sn->external && spec_network_lan(sn) != LAN_NONE);
}

static int check_service(const struct cluster *c, const struct spec_stack *s,
			 const struct spec_service *svc, struct err *err)
{
	bool only = svc->n_networks > 0;
	for (size_t i = 0; i < svc->n_networks; i++) {
		const struct spec_attach *a = &svc->networks[i];
		const struct network *n = outside(c, s, a);
		if (n && a->mac_address && spec_network_lan(&n->spec) == LAN_IPVLAN) {
			int rc = err_set(err, -EINVAL,
					 "the service '%s' has a 'mac_address' on '%s', where all "
					 "containers have the interface's (ipvlan); leave it out",
					 svc->name, n->name);
			return err_at(err, rc, "services.%s.networks.%s.mac_address", svc->name,
				      a->network);
		}
		only = only && is_lan(c, s, a);
	}
	if (!only || !svc->n_ports)
		return 0;
	int rc = err_set(err, -EINVAL,
			 "the service '%s' publishes ports but is on the physical network "
			 "alone, where its containers are reached at their own addresses; "
			 "leave 'ports' out or give it another network",
			 svc->name);
	return err_at(err, rc, "services.%s.ports", svc->name);
}

int lancheck_stack(const struct cluster *c, const struct spec_stack *s, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < s->n_networks; i++)
		if (!s->networks[i].external)
			rc = check_parents(c, s, &s->networks[i], err);
	for (size_t i = 0; rc == 0 && i < s->n_services; i++)
		rc = check_service(c, s, &s->services[i], err);
	return rc;
}
