/* SPDX-License-Identifier: Apache-2.0
 * Published ports that another stack has. Those of one stack are compared where it is read
 * (manifests/ports.c). */
#include "controller/core/state.h"
#include "manifests/portclaims.h"

#include <errno.h>

static int check_other(const struct map *claims, const struct stack *s, struct err *err)
{
	for (size_t i = 0; i < s->spec->n_services; i++) {
		const struct spec_service *svc = &s->spec->services[i];
		for (size_t k = 0; k < svc->n_ports; k++) {
			const struct portclaim *own =
				portclaim_against(claims, NULL, &svc->ports[k]);
			char key[PORTCLAIM_KEY];
			if (!own)
				continue;
			portclaim_key(&svc->ports[k], key);
			int rc = err_set(err, -EEXIST,
					 "the port %s of the service '%s' is published by the "
					 "service '%s' of the stack '%s' already; choose another, "
					 "or remove that first",
					 key, own->svc->name, svc->name, s->name);
			return err_at(err, rc, "services.%s.ports[%zu]", own->svc->name,
				      (size_t)(own->port - own->svc->ports));
		}
	}
	return 0;
}

int port_check(const struct cluster *c, const struct spec_stack *spec, struct err *err)
{
	struct map claims = {0};
	int rc = 0;
	for (size_t i = 0; i < spec->n_services; i++)
		for (size_t k = 0; k < spec->services[i].n_ports; k++)
			portclaim_add(&claims, &spec->services[i], &spec->services[i].ports[k]);
	map_each(&c->stacks, e)
	{
		const struct stack *s = e->val;
		if (rc == 0 && claims.n && !s->removing && !streq(s->name, spec->name))
			rc = check_other(&claims, s, err);
	}
	map_clear(&claims);
	return rc;
}
