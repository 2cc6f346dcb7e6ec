/* SPDX-License-Identifier: Apache-2.0
 * Published ports of one stack: no two services can have the same, and of each range one has to be
 * left; see decode.h. */
#include "manifests/decode.h"
#include "manifests/limits.h"
#include "manifests/portclaims.h"

#include <stdlib.h>

struct check {
	struct decode *c;
	const struct node *services;
	struct map claims;
	struct portwish *wishes; /* what is of ranges */
	size_t n, cap;
};

static const struct node *ports_node(const struct check *k, const char *service)
{
	return node_child(decode_service_node(k->c, k->services, service), "ports");
}

static bool add_wish(struct check *k, const struct spec_service *s, struct spec_port *p)
{
	if (k->n == LIMIT_STACK_RANGES) {
		decode_error(k->c, ports_node(k, s->name),
			     "too many ranges of published ports for one port of a container: at "
			     "most %d for a stack",
			     LIMIT_STACK_RANGES);
		return false;
	}
	k->wishes = vec_grow(k->wishes, k->n, &k->cap, sizeof(*k->wishes));
	k->wishes[k->n++] =
		(struct portwish){.service = s->name, .port = p, .number = p->published};
	return true;
}

static bool check_service(struct check *k, const struct spec_service *s)
{
	bool told = false;
	for (size_t i = 0; i < s->n_ports; i++) {
		struct spec_port *p = &s->ports[i];
		char text[SPEC_PORT_TEXT];
		if (p->range_first) {
			if (!add_wish(k, s, p))
				return false;
			continue;
		}
		const struct portclaim *other =
			portclaim_against(&k->claims, NULL, s->name, p, p->published);
		/* One service has it twice: ports.c said so. */
		if (other && !told && !streq(other->service, s->name)) {
			told = true;
			decode_refuse(k->c, ports_node(k, s->name),
				      "the port %s is published by the services '%s' and '%s'; "
				      "give one of them another port",
				      spec_port_text(p, text), other->service, s->name);
		}
		portclaim_add(&k->claims, NULL, s->name, p, p->published);
	}
	return true;
}

static void tell_full(struct check *k, const struct portwish *w)
{
	auto_str who = {0};
	char text[SPEC_PORT_TEXT];
	portclaims_holders(&k->claims, w, &who);
	decode_refuse(k->c, ports_node(k, w->service),
		      "no port of %s is left for the service '%s': %s; give it another range",
		      spec_port_text(w->port, text), w->service, who.data);
}

void stack_ports_check(struct decode *c, const struct node *root)
{
	struct check k = {.c = c, .services = node_child(root, "services")};
	bool ok = true;
	for (size_t i = 0; i < c->stack->n_services && ok; i++)
		ok = check_service(&k, &c->stack->services[i]);
	const struct portwish *w = ok ? portclaims_settle(&k.claims, k.wishes, k.n) : NULL;
	if (w)
		tell_full(&k, w);
	free(k.wishes);
	map_clear(&k.claims);
}
