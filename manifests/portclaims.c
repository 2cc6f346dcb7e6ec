/* SPDX-License-Identifier: Apache-2.0
 * Who claims which published port; see portclaims.h. */
#include "manifests/portclaims.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static void free_claims(void *p)
{
	for (struct portclaim *c = p, *next; c; c = next) {
		next = c->next;
		free(c);
	}
}

void portclaim_key(const struct spec_port *p, char out[PORTCLAIM_KEY])
{
	snprintf(out, PORTCLAIM_KEY, "%u/%s", p->published, spec_proto_name(p->protocol));
}

void portclaim_add(struct map *claims, const struct spec_service *svc, const struct spec_port *p)
{
	char key[PORTCLAIM_KEY];
	if (!p->published)
		return;
	portclaim_key(p, key);
	struct portclaim *first = map_get(claims, key), *k = xcalloc(1, sizeof(*k));
	*k = (struct portclaim){.svc = svc, .port = p};
	if (first) { /* the map frees what it holds when that is set anew */
		k->next = first->next;
		first->next = k;
		return;
	}
	claims->free_val = free_claims;
	map_set(claims, key, k);
}

static bool excludes(const struct spec_port *a, const struct spec_port *b)
{
	return (a->mode == PORT_INGRESS || b->mode == PORT_INGRESS) && spec_ports_meet(a, b);
}

const struct portclaim *portclaim_against(const struct map *claims, const struct spec_service *svc,
					  const struct spec_port *p)
{
	char key[PORTCLAIM_KEY];
	if (!p->published)
		return NULL;
	portclaim_key(p, key);
	for (const struct portclaim *k = map_get(claims, key); k; k = k->next)
		if (k->svc != svc && excludes(k->port, p))
			return k;
	return NULL;
}
