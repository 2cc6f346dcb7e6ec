/* SPDX-License-Identifier: Apache-2.0
 * Endpoints, published ports, names and resolver of a plan. */
#include "agent/core/plan_parts.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define RESOLVER "127.0.0.11" /* answered by the overlay inside the sandbox */

static int parse_mac(const char *text, uint8_t out[6])
{
	unsigned b[6];
	int end = 0;
	if (!text ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end) != 6 ||
	    text[end])
		return -EINVAL;
	for (size_t i = 0; i < 6; i++)
		out[i] = (uint8_t)b[i];
	return 0;
}

static void add_host_name(struct plan *p, const char *ip)
{
	if (ip && p->rt.domainname)
		strlist_addf(&p->rt.host_names, "%s %s.%s %s", ip, p->rt.hostname, p->rt.domainname,
			     p->rt.hostname);
	else if (ip)
		strlist_addf(&p->rt.host_names, "%s %s", ip, p->rt.hostname);
}

/* What the service wants of its interface on the i-th network. */
static void endpoint_wishes(const struct spec_attach *a, struct plan *p, struct ov_endpoint *e,
			    size_t *n_extra)
{
	e->ifname = a->interface_name;
	e->gw_priority = a->gw_priority;
	e->extra = p->extra + *n_extra;
	for (size_t i = 0; i < a->link_local_ips.n; i++)
		if (ipaddr_parse(a->link_local_ips.v[i], &p->extra[*n_extra])) {
			e->n_extra++;
			++*n_extra;
		}
}

static void plan_extra(const struct spec_service *s, struct plan *p)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n_networks; i++)
		n += s->networks[i].link_local_ips.n;
	p->extra = xcalloc(n + 1, sizeof(*p->extra));
}

static int plan_endpoints(const struct wire_task *t, struct plan *p, struct err *err)
{
	size_t n_extra = 0;
	plan_extra(&t->spec, p);
	p->endpoints = xcalloc(t->n_attach + 1, sizeof(*p->endpoints));
	for (size_t i = 0; i < t->n_attach; i++) {
		const struct wire_attach *a = &t->attach[i];
		struct ov_endpoint *e = &p->endpoints[p->sandbox.n_endpoints++];
		e->network_id = a->network_id;
		if (i < t->spec.n_networks)
			endpoint_wishes(&t->spec.networks[i], p, e, &n_extra);
		if ((a->ip && !ipaddr_parse(a->ip, &e->ip)) ||
		    (a->ip6 && !ipaddr_parse(a->ip6, &e->ip6)) || (!a->ip && !a->ip6) ||
		    parse_mac(a->mac, e->mac) < 0)
			return err_set(err, -EINVAL,
				       "task \"%s\" has a bad address on network \"%s\"", t->name,
				       a->network_id);
		add_host_name(p, a->ip);
		add_host_name(p, a->ip6);
	}
	return 0;
}

static int plan_publish(const struct wire_task *t, struct plan *p, struct err *err)
{
	const struct spec_service *s = &t->spec;
	size_t range = 0;
	p->sandbox.publish = xcalloc(s->n_ports + 1, sizeof(*p->sandbox.publish));
	for (size_t i = 0; i < s->n_ports; i++) {
		const struct spec_port *port = &s->ports[i];
		if (port->mode == PORT_INGRESS && port->published)
			continue; /* a port of the whole cluster: nodeports.c */
		struct ov_publish *o = &p->sandbox.publish[p->sandbox.n_publish++];
		o->host_port = port->published;
		if (port->range_first) {
			o->first = port->range_first;
			o->last = port->range_last;
			o->host_port = range < t->n_host_ports ? t->host_ports[range] : o->first;
			range++;
		}
		o->target = port->target;
		o->proto = (uint8_t)spec_proto_number(port->protocol);
		if (port->host_ip && *port->host_ip && !ipaddr_parse(port->host_ip, &o->host_ip))
			return err_set(err, -EINVAL, "host_ip \"%s\" is not an IP address",
				       port->host_ip);
	}
	return 0;
}

static int plan_sysctls(const struct spec_service *s, struct plan *p, struct err *err)
{
	for (size_t i = 0; i < s->sysctls.n; i++) {
		const struct kv *kv = &s->sysctls.v[i];
		if (!str_starts(kv->k, "net.")) {
			kvlist_set(&p->rt.sysctls, kv->k, kv->v);
			continue;
		}
		if (p->host_network)
			return err_set(err, -EINVAL,
				       "sysctl \"%s\" would change the host's network; leave out "
				       "network_mode \"host\" or the sysctl",
				       kv->k);
		kvlist_set(&p->net_sysctls, kv->k, kv->v);
	}
	return 0;
}

static int plan_hosts(const struct plan_input *in, struct plan *p, struct err *err)
{
	const struct strlist *l = &in->task->spec.extra_hosts;
	for (size_t i = 0; i < l->n; i++) {
		const char *gw = "=host-gateway";
		if (!str_ends(l->v[i], gw)) {
			strlist_add(&p->rt.extra_hosts, l->v[i]);
			continue;
		}
		if (!in->gateway)
			return err_set(err, -EINVAL,
				       "extra_hosts \"%s\" needs a network with a gateway",
				       l->v[i]);
		strlist_addf(&p->rt.extra_hosts, "%.*s=%s", (int)(strlen(l->v[i]) - strlen(gw)),
			     l->v[i], in->gateway);
	}
	return 0;
}

static void plan_resolver(const struct spec_service *s, struct plan *p)
{
	if (p->host_network) {
		strlist_copy(&p->rt.dns, &s->dns);
		strlist_copy(&p->rt.dns_opt, &s->dns_opt);
	} else {
		strlist_add(&p->rt.dns, RESOLVER);
		strlist_copy(&p->rt.dns_opt, &s->dns_opt);
		bool ndots = false;
		for (size_t i = 0; i < s->dns_opt.n; i++)
			ndots |= str_starts(s->dns_opt.v[i], "ndots:");
		if (!ndots) /* service names have no dots; others need no search */
			strlist_add(&p->rt.dns_opt, "ndots:0");
	}
	strlist_copy(&p->rt.dns_search, &s->dns_search);
}

/* Another task's network: its names and its resolver, and nothing to make. */
static int plan_guest(const struct plan_input *in, struct plan *p, struct err *err)
{
	struct plan_input host = *in;
	host.task = in->net_of;
	host.net_of = NULL;
	if (spec_joins(&host.task->spec, SPACE_NET))
		return err_set(err, -EINVAL, "task \"%s\" has no network of its own to share",
			       host.task->name);
	int r = plan_net(&host, p, err);
	free_and_null(&p->sandbox.publish);
	p->sandbox = (struct ov_sandbox){0};
	kvlist_done(&p->net_sysctls);
	for (size_t i = 0; r == 0 && i < in->task->spec.sysctls.n; i++) {
		const struct kv *kv = &in->task->spec.sysctls.v[i];
		if (!str_starts(kv->k, "net."))
			kvlist_set(&p->rt.sysctls, kv->k, kv->v);
	}
	p->joined_network = true;
	return r;
}

int plan_net(const struct plan_input *in, struct plan *p, struct err *err)
{
	const struct spec_service *s = &in->task->spec;
	const char *mode = s->network_mode;
	if (spec_joins(s, SPACE_NET) && in->net_of)
		return plan_guest(in, p, err);
	if (mode && !streq(mode, "host") && !streq(mode, "none") && !streq(mode, "bridge"))
		return err_set(err, -ENOTSUP,
			       "network_mode \"%s\" is not supported; use \"host\", \"none\" or "
			       "networks",
			       mode);
	p->host_network = streq(mode, "host");
	p->sandbox.id = in->task->id;
	int r = plan_endpoints(in->task, p, err);
	if (r == 0)
		r = plan_publish(in->task, p, err);
	if (r == 0)
		r = plan_sysctls(s, p, err);
	if (r == 0)
		r = plan_hosts(in, p, err);
	plan_resolver(s, p);
	return r;
}
