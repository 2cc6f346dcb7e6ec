/* SPDX-License-Identifier: Apache-2.0
 * Tracked connections that a change of published ports leaves behind: UDP flows of clients that go on
 * sending to what serves no more, and whatever led to a container that is gone. */
#include "base/log.h"
#include "overlay/conntrack.h"
#include "overlay/host.h"

struct look {
	struct overlay *o;
	struct link_addrs own; /* sorted */
	struct ingress_index ports;
};

static int by_address(const void *a, const void *b)
{
	return ipaddr_compare(&((const struct link_addr *)a)->ip,
			      &((const struct link_addr *)b)->ip);
}

static bool is_own(const struct look *l, const struct ipaddr *a)
{
	const struct link_addr key = {.ip = *a};
	return l->own.n && bsearch(&key, l->own.v, l->own.n, sizeof(key), by_address);
}

static bool is_stale(const struct conntrack_flow *f, void *arg)
{
	const struct look *l = arg;
	char text[IPADDR_TEXT];
	bool ours = false;
	if (ipaddr_is_loopback(&f->to))
		return false;
	if (l->o->dead.n && map_has(&l->o->dead, ipaddr_format(&f->served_by, text)))
		return true;
	if (f->proto != IPPROTO_UDP)
		return false;
	struct ingress_flow g = {.to = &f->to,
				 .port = f->to_port,
				 .proto = f->proto,
				 .served_by = &f->served_by,
				 .served_port = f->served_port};
	return !ingress_leads(&l->ports, &g, &ours) && ours && is_own(l, &f->to);
}

static void sweep(void *overlay)
{
	struct overlay *o = overlay;
	struct look l = {.o = o};
	struct err err = {0};
	size_t n = 0;
	int r = link_addrs(o->nl, &l.own, &err);
	if (l.own.n)
		qsort(l.own.v, l.own.n, sizeof(*l.own.v), by_address);
	ingress_index_fill(&l.ports, o);
	if (r == 0)
		r = conntrack_forget(is_stale, &l, &n, &err);
	if (r < 0)
		log_warn("overlay", "%s", err_text(&err));
	if (n)
		log_debug("overlay", "forgot %zu tracked connections that led nowhere", n);
	cleanup_link_addrs(&l.own);
	free(l.ports.v);
	map_clear(&o->dead);
}

void stale_open(struct overlay *o)
{
	o->stale = timer_new(o->loop, sweep, o);
}

/* At the end of this turn, once for all changes of it. */
void stale_later(struct overlay *o)
{
	timer_set(o->stale, 0);
}

void stale_address(struct overlay *o, const struct ipaddr *ip)
{
	char text[IPADDR_TEXT];
	if (!ipaddr_is_set(ip))
		return;
	map_set(&o->dead, ipaddr_format(ip, text), o);
	stale_later(o);
}
