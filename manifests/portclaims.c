/* SPDX-License-Identifier: Apache-2.0
 * Who claims which published port; see portclaims.h. */
#include "manifests/portclaims.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define HOLDERS_TOLD 3
#define PORTS        (UINT16_MAX + 1)

static void free_claims(void *p)
{
	for (struct portclaim *c = p, *next; c; c = next) {
		next = c->next;
		free(c);
	}
}

static void key_of(const struct spec_port *p, uint16_t number, char out[SPEC_PORT_TEXT])
{
	snprintf(out, SPEC_PORT_TEXT, "%u/%s", number, spec_proto_name(p->protocol));
}

static struct portclaim claim_of(const char *stack, const char *service, const struct spec_port *p,
				 uint16_t number)
{
	return (struct portclaim){.stack = stack,
				  .service = service,
				  .port = p,
				  .place = spec_port_place(p),
				  .number = number};
}

static void add(struct map *claims, const struct portclaim *claim)
{
	char key[SPEC_PORT_TEXT];
	if (!claim->number)
		return;
	key_of(claim->port, claim->number, key);
	struct portclaim *first = map_get(claims, key), *k = xcalloc(1, sizeof(*k));
	*k = *claim;
	if (first) { /* the map frees what it holds when that is set anew */
		k->next = first->next;
		first->next = k;
		return;
	}
	claims->free_val = free_claims;
	map_set(claims, key, k);
}

void portclaim_add(struct map *claims, const char *stack, const char *service,
		   const struct spec_port *p, uint16_t number)
{
	struct portclaim k = claim_of(stack, service, p, number);
	add(claims, &k);
}

void portclaim_add_running(struct map *claims, const char *stack, const char *service,
			   const struct spec_port *p, uint16_t number)
{
	struct portclaim k = claim_of(stack, service, p, number);
	k.running = true;
	add(claims, &k);
}

/* Whatever their numbers. */
static bool excludes(const struct portclaim *k, const struct portclaim *p)
{
	if (!spec_places_meet(&k->place, &p->place))
		return false;
	if (streq(k->service, p->service) && streq(k->stack, p->stack))
		return !k->running;
	return k->port->mode == PORT_INGRESS || p->port->mode == PORT_INGRESS;
}

const struct portclaim *portclaim_against(const struct map *claims, const char *stack,
					  const char *service, const struct spec_port *p,
					  uint16_t number)
{
	char key[SPEC_PORT_TEXT];
	struct portclaim own = claim_of(stack, service, p, number);
	if (!number)
		return NULL;
	key_of(p, number, key);
	for (const struct portclaim *k = map_get(claims, key); k; k = k->next)
		if (excludes(k, &own))
			return k;
	return NULL;
}

/* The first of its range that nothing excludes; 0: none. */
static uint16_t first_free(const struct map *claims, const struct portwish *w)
{
	const struct spec_port *p = w->port;
	struct portclaim own = claim_of(w->stack, w->service, p, 0);
	bool taken[PORTS] = {false};
	map_each(claims, e)
	{
		for (const struct portclaim *k = e->val; k; k = k->next)
			if (k->number >= p->range_first && k->number <= p->range_last &&
			    !taken[k->number])
				taken[k->number] = excludes(k, &own);
	}
	for (unsigned n = p->range_first; n <= p->range_last; n++)
		if (!taken[n])
			return (uint16_t)n;
	return 0;
}

static int by_end(const void *a, const void *b)
{
	const struct portwish *x = a, *y = b;
	if (x->port->range_last != y->port->range_last)
		return x->port->range_last < y->port->range_last ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

const struct portwish *portclaims_settle(struct map *claims, struct portwish *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct portwish *w = &v[i];
		w->order = i;
		if (portclaim_against(claims, w->stack, w->service, w->port, w->number))
			w->number = 0;
		portclaim_add(claims, w->stack, w->service, w->port, w->number);
	}
	if (n)
		qsort(v, n, sizeof(*v), by_end);
	for (size_t i = 0; i < n; i++) {
		struct portwish *w = &v[i];
		if (w->number)
			continue;
		w->number = first_free(claims, w);
		if (!w->number)
			return w;
		portclaim_add(claims, w->stack, w->service, w->port, w->number);
	}
	return NULL;
}

void portclaims_holders(const struct map *claims, const struct portwish *w, struct str *out)
{
	size_t told = 0, all = 0;
	for (unsigned n = w->port->range_first; n <= w->port->range_last; n++) {
		const struct portclaim *k =
			portclaim_against(claims, w->stack, w->service, w->port, (uint16_t)n);
		if (!k || ++all > HOLDERS_TOLD)
			continue;
		str_addf(out, told++ ? ", %u by" : "%u is published by", n);
		str_addf(out, " the service '%s'", k->service);
		if (k->stack)
			str_addf(out, " of the stack '%s'", k->stack);
	}
	if (all > told)
		str_addf(out, " and %zu more", all - told);
}
