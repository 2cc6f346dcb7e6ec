/* SPDX-License-Identifier: Apache-2.0
 * Services and networks of the stack that is being read, by name; see decode.h. A stack has thousands: they are found
 * without looking through all. */
#include "manifests/decode.h"

/* The position of a name, + 1. */
static size_t position(const struct map *names, const char *name)
{
	return (size_t)(uintptr_t)map_get(names, name);
}

const struct node *decode_service_node(const struct decode *c, const struct node *services,
				       const char *name)
{
	size_t i = position(&c->services, name);
	bool there = i && services->kind == NODE_MAP && i <= services->n &&
		     streq(services->pairs[i - 1].key, name);
	return there ? services->pairs[i - 1].value : services;
}

struct spec_service *decode_service(const struct decode *c, const char *name)
{
	size_t i = position(&c->services, name);
	bool there = i && i <= c->stack->n_services && streq(c->stack->services[i - 1].name, name);
	return there ? &c->stack->services[i - 1] : spec_find_service(c->stack, name);
}

const struct spec_network *decode_network(const struct decode *c, const char *key)
{
	size_t i = position(&c->networks, key);
	bool there = i && i <= c->stack->n_networks && streq(c->stack->networks[i - 1].key, key);
	return there ? &c->stack->networks[i - 1] : NULL;
}
