/* SPDX-License-Identifier: Apache-2.0
 * Published ports that two services cannot both have. A port of mode ingress is every node's, so it
 * excludes any other of its number; two of mode host share a cluster, and the scheduler parts them. */
#include "controller/core/state.h"

#include <errno.h>
#include <stdio.h>

struct claim {
	const struct spec_service *svc;
	const struct spec_port *port;
	struct claim *next; /* of the same number and protocol */
};

static void key_of(const struct spec_port *p, char out[32])
{
	snprintf(out, 32, "%u/%s", p->published, spec_proto_name(p->protocol));
}

static bool excludes(const struct spec_port *a, const struct spec_port *b)
{
	return (a->mode == PORT_INGRESS || b->mode == PORT_INGRESS) && spec_ports_meet(a, b);
}

static void free_claims(void *p)
{
	for (struct claim *c = p, *next; c; c = next) {
		next = c->next;
		free(c);
	}
}

/* The first claim that p stands against, or NULL. */
static const struct claim *against(const struct map *claims, const struct spec_port *p)
{
	char key[32];
	key_of(p, key);
	for (const struct claim *k = map_get(claims, key); k; k = k->next)
		if (excludes(k->port, p))
			return k;
	return NULL;
}

static int claim_own(struct map *claims, const struct spec_service *svc, struct err *err)
{
	for (size_t i = 0; i < svc->n_ports; i++) {
		const struct spec_port *p = &svc->ports[i];
		char key[32];
		if (!p->published)
			continue;
		key_of(p, key);
		const struct claim *other = against(claims, p);
		if (other && other->svc != svc)
			return err_set(
				err, -EEXIST,
				"the port %s is published by the services '%s' and '%s'; give "
				"one of them another port",
				key, other->svc->name, svc->name);
		struct claim *first = map_get(claims, key), *k = xcalloc(1, sizeof(*k));
		*k = (struct claim){.svc = svc, .port = p};
		if (first) { /* the map frees what it holds when that is set anew */
			k->next = first->next;
			first->next = k;
		} else {
			map_set(claims, key, k);
		}
	}
	return 0;
}

static int check_other(const struct map *claims, const struct stack *s, struct err *err)
{
	for (size_t i = 0; i < s->spec->n_services; i++) {
		const struct spec_service *svc = &s->spec->services[i];
		for (size_t k = 0; k < svc->n_ports; k++) {
			const struct spec_port *p = &svc->ports[k];
			const struct claim *own = p->published ? against(claims, p) : NULL;
			char key[32];
			if (!own)
				continue;
			key_of(p, key);
			return err_set(err, -EEXIST,
				       "the port %s of the service '%s' is published by the "
				       "service '%s' of the stack '%s' already; choose another, or "
				       "remove that first",
				       key, own->svc->name, svc->name, s->name);
		}
	}
	return 0;
}

int port_check(const struct cluster *c, const struct spec_stack *spec, struct err *err)
{
	struct map claims = {.free_val = free_claims};
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < spec->n_services; i++)
		rc = claim_own(&claims, &spec->services[i], err);
	map_each(&c->stacks, e)
	{
		const struct stack *s = e->val;
		if (rc == 0 && claims.n && !s->removing && !streq(s->name, spec->name))
			rc = check_other(&claims, s, err);
	}
	map_clear(&claims);
	return rc;
}
