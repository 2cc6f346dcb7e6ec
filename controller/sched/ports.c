/* SPDX-License-Identifier: Apache-2.0
 * What is free of the host ports of a node; see ports.h. */
#include "controller/sched/ports.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORTS (UINT16_MAX + 1)

struct pick { /* what s has got so far */
	const struct spec_service *s;
	const struct sched_node *n;
	uint16_t *got; /* by port; 0: none yet */
};

static bool is_single(const struct spec_port *p)
{
	return p->mode == PORT_HOST && !p->range_first && p->published;
}

static const struct sched_port *find(const struct spec_port *p, uint16_t number,
				     const struct sched_port *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].number == number && spec_ports_meet(p, v[i].port))
			return &v[i];
	return NULL;
}

const struct sched_port *sched_ports_holder(const struct sched_node *n, const struct spec_port *p,
					    uint16_t number)
{
	return find(p, number, n->ports, n->n_ports);
}

static bool singles_free(const struct spec_service *s, const struct sched_node *n)
{
	for (size_t i = 0; i < s->n_ports; i++)
		if (is_single(&s->ports[i]) &&
		    sched_ports_holder(n, &s->ports[i], s->ports[i].published))
			return false;
	return true;
}

static void block(const struct spec_port *p, const struct spec_port *other, uint16_t number,
		  bool *taken)
{
	if (number >= p->range_first && number <= p->range_last && !taken[number])
		taken[number] = spec_ports_meet(p, other);
}

/* The first number of p's range that nobody has; 0: none. */
static uint16_t first_free(const struct pick *k, const struct spec_port *p)
{
	const struct spec_service *s = k->s;
	const struct sched_ports *all = k->n->everywhere;
	bool taken[PORTS];
	memset(taken + p->range_first, 0, (size_t)(p->range_last - p->range_first) + 1);
	for (size_t i = 0; i < k->n->n_ports; i++)
		block(p, k->n->ports[i].port, k->n->ports[i].number, taken);
	for (size_t i = 0; all && i < all->n; i++)
		block(p, all->v[i].port, all->v[i].number, taken);
	for (size_t i = 0; i < s->n_ports; i++)
		block(p, &s->ports[i], is_single(&s->ports[i]) ? s->ports[i].published : k->got[i],
		      taken);
	for (unsigned number = p->range_first; number <= p->range_last; number++)
		if (!taken[number])
			return (uint16_t)number;
	return 0;
}

/* The range that is to choose next: the one that ends first, so that none goes without what another
 * need not have. */
static long next_range(const struct pick *k)
{
	long best = -1;
	for (size_t i = 0; i < k->s->n_ports; i++) {
		const struct spec_port *p = &k->s->ports[i];
		if (sched_ports_is_range(p) && !k->got[i] &&
		    (best < 0 || p->range_last < k->s->ports[best].range_last))
			best = (long)i;
	}
	return best;
}

/* The port that finds nothing; NULL: each has its own. */
static const struct spec_port *pick(struct pick *k)
{
	for (long i; (i = next_range(k)) >= 0;) {
		k->got[i] = first_free(k, &k->s->ports[i]);
		if (!k->got[i])
			return &k->s->ports[i];
	}
	return NULL;
}

bool sched_ports_pick(const struct spec_service *s, const struct sched_node *n, uint16_t *out)
{
	if (!singles_free(s, n))
		return false;
	struct pick k = {.s = s, .n = n};
	size_t i = 0;
	while (i < s->n_ports && !sched_ports_is_range(&s->ports[i]))
		i++;
	if (i == s->n_ports) /* nearly always */
		return true;
	k.got = xcalloc(s->n_ports, sizeof(*k.got));
	bool all = pick(&k) == NULL;
	for (size_t at = 0; all && out && i < s->n_ports; i++)
		if (sched_ports_is_range(&s->ports[i]))
			out[at++] = k.got[i];
	free(k.got);
	return all;
}

bool sched_ports_single(const struct spec_service *s)
{
	for (size_t i = 0; i < s->n_ports; i++)
		if (is_single(&s->ports[i]))
			return true;
	return false;
}

static void single_why(const struct spec_port *p, const struct sched_port *by,
		       char out[SCHED_PORT_WHY])
{
	char text[SPEC_PORT_TEXT];
	snprintf(out, SCHED_PORT_WHY, "the host port %s in use (by '%.63s' of the stack '%.63s')",
		 spec_port_text(p, text), by->service ? by->service : "",
		 by->stack ? by->stack : "");
}

/* Names who has the first of them. */
static void range_why(const struct spec_port *p, const struct sched_node *n,
		      char out[SCHED_PORT_WHY])
{
	char text[SPEC_PORT_TEXT];
	const struct sched_port *by = sched_ports_holder(n, p, p->range_first);
	if (!by && n->everywhere)
		by = find(p, p->range_first, n->everywhere->v, n->everywhere->n);
	spec_port_text(p, text);
	if (by)
		snprintf(out, SCHED_PORT_WHY,
			 "all host ports of %s in use (%u by '%.63s' of the stack '%.63s')", text,
			 by->number, by->service ? by->service : "", by->stack ? by->stack : "");
	else
		snprintf(out, SCHED_PORT_WHY, "all host ports of %s in use", text);
}

void sched_ports_why(const struct spec_service *s, const struct sched_node *n,
		     char out[SCHED_PORT_WHY])
{
	struct pick k = {.s = s, .n = n, .got = xcalloc(s->n_ports + 1, sizeof(*k.got))};
	const struct sched_port *by = NULL;
	size_t i = 0;
	for (; i < s->n_ports && !by; i++)
		if (is_single(&s->ports[i]))
			by = sched_ports_holder(n, &s->ports[i], s->ports[i].published);
	const struct spec_port *p = by ? NULL : pick(&k);
	if (by)
		single_why(&s->ports[i - 1], by, out);
	else if (p)
		range_why(p, n, out);
	else
		snprintf(out, SCHED_PORT_WHY, "the host port in use");
	free(k.got);
}
