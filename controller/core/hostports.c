/* SPDX-License-Identifier: Apache-2.0
 * Which host ports tasks have; see hostports.h. */
#include "controller/core/hostports.h"
#include "controller/sched/ports.h"
#include "manifests/limits.h"

#include <stdlib.h>
#include <string.h>

static size_t ranges_of(const struct spec_service *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n_ports; i++)
		n += sched_ports_is_range(&s->ports[i]);
	return n;
}

void hostports_look(struct cluster *c, const struct spec_service *s)
{
	struct sched_ports *all = &c->everywhere;
	all->n = 0;
	if (!ranges_of(s))
		return;
	map_each(&c->ingresses, e)
	{
		const struct tmpl *t = map_get(&c->tmpls, e->key);
		for (size_t i = 0; t && i < t->spec.n_ports; i++) {
			const struct spec_port *p = &t->spec.ports[i];
			if (p->mode != PORT_INGRESS || !p->published)
				continue;
			all->v = vec_grow(all->v, all->n, &all->cap, sizeof(*all->v));
			all->v[all->n++] =
				(struct sched_port){p, p->published, t->stack, t->service};
		}
	}
}

void hostports_take(struct task *t, const struct spec_service *needs, const struct sched_node *n)
{
	size_t ranges = ranges_of(needs);
	free_and_null(&t->host_ports);
	t->n_host_ports = 0;
	if (!ranges)
		return;
	t->host_ports = xcalloc(ranges, sizeof(*t->host_ports));
	if (sched_ports_pick(needs, n, t->host_ports))
		t->n_host_ports = ranges;
}

/* The number of the next port; *range: how many ranges came before. 0: none to account for. */
static uint16_t number_of(const struct task *t, const struct spec_port *p, size_t *range)
{
	if (p->mode != PORT_HOST)
		return 0;
	if (!p->range_first)
		return p->published;
	size_t i = (*range)++;
	return i < t->n_host_ports ? t->host_ports[i] : 0;
}

/* Its agent comes to the same: that finds the port in use, and takes the first that is free. */
void hostports_again(struct cluster *c, struct task *t, const struct sched_node *n)
{
	const struct spec_service *s = &t->tmpl->spec;
	size_t range = 0;
	bool other = false;
	for (size_t i = 0; t->n_host_ports && i < s->n_ports; i++) {
		const struct spec_port *p = &s->ports[i];
		uint16_t number = number_of(t, p, &range);
		other |= sched_ports_is_range(p) && sched_ports_holder(n, p, number);
	}
	if (!other)
		return;
	hostports_look(c, s);
	(void)sched_ports_pick(s, n, t->host_ports);
	task_mark(c, t, MARK_ROW | MARK_SEND);
}

static void add(struct node *n, const struct task *t, const struct spec_port *p, uint16_t number)
{
	n->ports = vec_grow(n->ports, n->n_ports, &n->cap_ports, sizeof(*n->ports));
	n->ports[n->n_ports++] = (struct sched_port){p, number, t->tmpl->stack, t->tmpl->service};
}

static void del(struct node *n, const struct spec_port *p, uint16_t number)
{
	for (size_t k = 0; k < n->n_ports; k++)
		if (n->ports[k].port == p && n->ports[k].number == number) {
			n->ports[k] = n->ports[--n->n_ports];
			break;
		}
}

void hostports_count(struct node *n, const struct task *t, bool want)
{
	size_t range = 0;
	for (size_t i = 0; i < t->tmpl->spec.n_ports; i++) {
		const struct spec_port *p = &t->tmpl->spec.ports[i];
		uint16_t number = number_of(t, p, &range);
		if (number && want)
			add(n, t, p, number);
		else if (number)
			del(n, p, number);
	}
}

/* The host's port in "0.0.0.0:8001->80/tcp"; 0: there is none. */
static uint16_t host_port_of(const char *text)
{
	const char *arrow = strstr(text, "->"), *p = arrow;
	while (p && p > text && p[-1] != ':')
		p--;
	unsigned long n = p && p > text ? strtoul(p, NULL, 10) : 0;
	return n <= UINT16_MAX ? (uint16_t)n : 0;
}

/* What it reports is in the order of its ports, without those of the whole cluster. */
bool hostports_heard(struct task *t)
{
	size_t at = 0, range = 0;
	bool other = false;
	uint16_t *now = t->n_host_ports ? xcalloc(t->n_host_ports, sizeof(*now)) : NULL;
	for (size_t i = 0; now && i < t->tmpl->spec.n_ports; i++) {
		const struct spec_port *p = &t->tmpl->spec.ports[i];
		if (p->mode == PORT_INGRESS && p->published)
			continue;
		uint16_t number = at < t->ports.n ? host_port_of(t->ports.v[at]) : 0;
		at++;
		if (!sched_ports_is_range(p) || range == t->n_host_ports)
			continue;
		bool good = number >= p->range_first && number <= p->range_last;
		now[range] = good ? number : t->host_ports[range];
		other |= now[range] != t->host_ports[range];
		range++;
	}
	if (other && t->counted)
		hostports_count(t->node, t, false);
	if (other)
		memcpy(t->host_ports, now, t->n_host_ports * sizeof(*now));
	if (other && t->counted)
		hostports_count(t->node, t, true);
	free(now);
	return other;
}

void hostports_text(struct str *s, const struct task *t)
{
	for (size_t i = 0; i < t->n_host_ports; i++)
		str_addf(s, "%s%u", i ? "," : ",\"host_ports\":[", t->host_ports[i]);
	if (t->n_host_ports)
		str_addc(s, ']');
}

void hostports_load(struct task *t, const json_t *list)
{
	size_t n = json_array_size(list);
	if (!n || n != ranges_of(&t->tmpl->spec))
		return;
	t->host_ports = xcalloc(n, sizeof(*t->host_ports));
	for (; t->n_host_ports < n; t->n_host_ports++) {
		json_int_t v = json_integer_value(json_array_get(list, t->n_host_ports));
		t->host_ports[t->n_host_ports] = v > 0 && v <= UINT16_MAX ? (uint16_t)v : 0;
	}
}
