/* SPDX-License-Identifier: Apache-2.0
 * Published ports of a stack that is put: none that another stack has, and for each range of mode
 * ingress the port that it gets. Those of one stack are compared where it is read
 * (manifests/portcheck.c). */
#include "controller/core/state.h"
#include "manifests/portclaims.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct settle {
	const struct cluster *c;
	struct spec_stack *spec;         /* that is put */
	const struct spec_stack *before; /* NULL: it is new */
	/* Numbers that it asks for: nothing else matters of other stacks. */
	bool (*asked)[UINT16_MAX + 1]; /* by protocol */
	struct map claims;
	struct portwish *wishes;
	size_t n, cap;
};

static uint16_t first_of(const struct spec_port *p)
{
	return p->range_first ? p->range_first : p->published;
}

static uint16_t last_of(const struct spec_port *p)
{
	return p->range_first ? p->range_last : p->published;
}

/* Forgets what a client says was chosen. */
static bool ask(struct settle *k)
{
	bool any = false;
	for (size_t i = 0; i < k->spec->n_services; i++) {
		for (size_t j = 0; j < k->spec->services[i].n_ports; j++) {
			struct spec_port *p = &k->spec->services[i].ports[j];
			if (p->range_first)
				p->published = 0;
			for (unsigned n = first_of(p); n && n <= last_of(p); n++)
				k->asked[p->protocol][n] = any = true;
		}
	}
	return any;
}

static bool matters(const struct settle *k, const struct spec_port *p)
{
	for (unsigned n = first_of(p); n && n <= last_of(p); n++)
		if (k->asked[p->protocol][n])
			return true;
	return false;
}

static void wish(struct settle *k, const char *stack, const char *service, struct spec_port *p,
		 uint16_t number)
{
	k->wishes = vec_grow(k->wishes, k->n, &k->cap, sizeof(*k->wishes));
	k->wishes[k->n++] =
		(struct portwish){.stack = stack, .service = service, .port = p, .number = number};
}

static bool claim_task(struct settle *k, const struct task *t, const struct spec_port *p)
{
	bool any = false;
	for (size_t i = 0; t && t->counted && i < t->n_host_ports; i++) {
		uint16_t n = t->host_ports[i];
		if (n < p->range_first || n > p->range_last)
			continue;
		portclaim_add_running(&k->claims, t->tmpl->stack, t->tmpl->service, p, n);
		any = true;
	}
	return any;
}

/* What its tasks have of a range of mode host; where they have none, one must be left for them. */
static void claim_host_range(struct settle *k, const char *stack, const struct spec_service *s,
			     struct spec_port *p)
{
	const struct stack *there = map_get(&k->c->stacks, stack);
	const struct service *svc = there ? map_get(&there->services, s->name) : NULL;
	bool any = false;
	for (size_t i = 0; svc && i < svc->n_slots; i++) {
		any |= claim_task(k, svc->slots[i].cur, p);
		for (const struct task *o = svc->slots[i].old; o; o = o->slot_next)
			any |= claim_task(k, o, p);
	}
	if (!any)
		wish(k, stack, s->name, p, 0);
}

static void claim_other(struct settle *k, const struct stack *s)
{
	for (size_t i = 0; i < s->spec->n_services; i++) {
		const struct spec_service *svc = &s->spec->services[i];
		for (size_t j = 0; j < svc->n_ports; j++) {
			struct spec_port *p = &svc->ports[j];
			if (!matters(k, p))
				continue;
			if (p->range_first && p->mode == PORT_HOST)
				claim_host_range(k, s->name, svc, p);
			else
				portclaim_add(&k->claims, s->name, svc->name, p, p->published);
		}
	}
}

static bool wished(const struct settle *k, const char *service, uint16_t number)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->wishes[i].number == number && streq(k->wishes[i].service, service) &&
		    streq(k->wishes[i].stack, k->spec->name))
			return true;
	return false;
}

/* What a port of the version before had that leads to the same port of the container. */
static uint16_t kept(const struct settle *k, const struct spec_service *s,
		     const struct spec_port *p)
{
	const struct spec_service *was = k->before ? spec_find_service(k->before, s->name) : NULL;
	for (size_t i = 0; was && i < was->n_ports; i++) {
		const struct spec_port *q = &was->ports[i];
		if (q->mode == p->mode && q->target == p->target && q->protocol == p->protocol &&
		    q->published >= p->range_first && q->published <= p->range_last &&
		    !wished(k, s->name, q->published))
			return q->published;
	}
	return 0;
}

static int claim_single(struct settle *k, const struct spec_service *s, const struct spec_port *p,
			struct err *err)
{
	const struct portclaim *other =
		portclaim_against(&k->claims, k->spec->name, s->name, p, p->published);
	char text[SPEC_PORT_TEXT];
	if (other) {
		int rc = err_set(err, -EEXIST,
				 "the port %s of the service '%s' is published by the service "
				 "'%s' of the stack '%s' already; choose another, or remove that "
				 "first",
				 spec_port_text(p, text), s->name, other->service, other->stack);
		return err_at(err, rc, "services.%s.ports[%zu]", s->name, (size_t)(p - s->ports));
	}
	portclaim_add(&k->claims, k->spec->name, s->name, p, p->published);
	return 0;
}

/* In this order: what tasks have, what is fixed, what was chosen before. */
static int claim_own(struct settle *k, struct err *err)
{
	for (int pass = 0; pass < 3; pass++) {
		for (size_t i = 0; i < k->spec->n_services; i++) {
			const struct spec_service *s = &k->spec->services[i];
			for (size_t j = 0; j < s->n_ports; j++) {
				struct spec_port *p = &s->ports[j];
				int when = !p->range_first ? 1 : p->mode == PORT_HOST ? 0 : 2;
				if (when != pass)
					continue;
				if (pass == 0)
					claim_host_range(k, k->spec->name, s, p);
				else if (pass == 2)
					wish(k, k->spec->name, s->name, p, kept(k, s, p));
				else if (claim_single(k, s, p, err) < 0)
					return -EEXIST;
			}
		}
	}
	return 0;
}

static int full(const struct settle *k, const struct portwish *w, struct err *err)
{
	auto_str who = {0};
	char text[SPEC_PORT_TEXT];
	portclaims_holders(&k->claims, w, &who);
	spec_port_text(w->port, text);
	if (streq(w->stack, k->spec->name)) {
		const struct spec_service *s = spec_find_service(k->spec, w->service);
		int rc = err_set(err, -EEXIST,
				 "no port of %s is left for the service '%s': %s; choose another "
				 "range, or remove one of those first",
				 text, w->service, who.data);
		return err_at(err, rc, "services.%s.ports[%zu]", s->name,
			      (size_t)(w->port - s->ports));
	}
	return err_set(err, -EEXIST,
		       "no port of %s would be left for the service '%s' of the stack '%s': %s; "
		       "choose others",
		       text, w->service, w->stack, who.data);
}

static int settle(struct settle *k, struct err *err)
{
	if (!ask(k))
		return 0;
	map_each(&k->c->stacks, e)
	{
		const struct stack *s = e->val;
		if (!s->removing && !streq(s->name, k->spec->name))
			claim_other(k, s);
	}
	int rc = claim_own(k, err);
	if (rc < 0)
		return rc;
	const struct portwish *none = portclaims_settle(&k->claims, k->wishes, k->n);
	if (none)
		return full(k, none, err);
	for (size_t i = 0; i < k->n; i++) {
		const struct portwish *w = &k->wishes[i];
		if (w->port->mode == PORT_INGRESS && streq(w->stack, k->spec->name))
			w->port->published = w->number;
	}
	return 0;
}

int ports_settle(const struct cluster *c, struct spec_stack *spec, struct err *err)
{
	const struct stack *s = map_get(&c->stacks, spec->name);
	struct settle k = {.c = c, .spec = spec, .before = s ? s->spec : NULL};
	k.asked = xcalloc(PROTO_SCTP + 1, sizeof(*k.asked));
	int rc = settle(&k, err);
	free(k.asked);
	free(k.wishes);
	map_clear(&k.claims);
	return rc;
}
