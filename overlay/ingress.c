/* SPDX-License-Identifier: Apache-2.0
 * Ports that lead to whatever serves them now: backends here, or on other hosts. See overlay.h; the
 * rules are portmap.h's, the sockets hold.h's. */
#include "base/log.h"
#include "base/mem.h"
#include "overlay/hold.h"
#include "overlay/host.h"
#include "overlay/portmap.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define INGRESS_PORTS_MAX 200000

struct ingress_port {
	struct ipaddr host_ip;
	uint16_t port;
	uint8_t proto;
	bool far;
	struct ov_backend *backends;
	size_t n;
	struct hold *hold; /* NULL where the kernel lacks the protocol */
	bool held;         /* else: why not */
	struct err why;
};

struct ingress {
	char *id;
	struct ingress_port *ports;
	size_t n;
};

static void port_done(struct ingress_port *p)
{
	hold_close(p->hold);
	free(p->backends);
}

void ov_ingress_free(void *ingress)
{
	struct ingress *in = ingress;
	for (size_t i = 0; i < in->n; i++)
		port_done(&in->ports[i]);
	free(in->ports);
	free(in->id);
	free(in);
}

bool publish_meet(const struct ipaddr *a, const struct ipaddr *b)
{
	if (ipaddr_is_set(a) && ipaddr_is_set(b) && a->family != b->family)
		return false;
	return ipaddr_is_any(a) || ipaddr_is_any(b) || ipaddr_equal(a, b);
}

const char *ingress_owner(const struct overlay *o, const struct ipaddr *host_ip, uint16_t port,
			  uint8_t proto)
{
	map_each(&o->ingress, e)
	{
		const struct ingress *in = e->val;
		for (size_t i = 0; i < in->n; i++) {
			const struct ingress_port *p = &in->ports[i];
			if (p->held && p->port == port && p->proto == proto &&
			    publish_meet(&p->host_ip, host_ip))
				return in->id;
		}
	}
	return NULL;
}

static void port_rules(const struct ingress_port *p, bool add, struct str *script)
{
	struct portmap_entry e = {.host_ip = p->host_ip,
				  .port = p->port,
				  .proto = p->proto,
				  .far = p->far,
				  .backends = p->backends,
				  .n = p->n};
	if (p->held)
		portmap_entry(script, add, &e);
}

void ingress_rules(const struct overlay *o, struct str *script)
{
	map_each(&o->ingress, e)
	{
		const struct ingress *in = e->val;
		for (size_t i = 0; i < in->n; i++)
			port_rules(&in->ports[i], true, script);
	}
}

/* Takes the port on this host, or notes why it cannot. */
static void port_hold(struct overlay *o, const char *id, struct ingress_port *p)
{
	uint16_t port = p->port;
	const char *owner = publish_owner(o, &p->host_ip, p->port, p->proto);
	p->why = (struct err){0};
	if (owner && !streq(owner, id)) {
		err_set(&p->why, -EADDRINUSE,
			"host port \"%u/%s\" is published by \"%s\" already; choose another",
			p->port, hold_proto(p->proto), owner);
		return;
	}
	int r = hold_open(o->loop, &p->host_ip, p->proto, &port, &p->hold);
	p->held = r == 0;
	if (r < 0)
		hold_refused(&p->host_ip, p->proto, p->port, r, &p->why);
}

static void key_of(const struct ipaddr *host_ip, uint16_t port, uint8_t proto, char out[96])
{
	char ip[IPADDR_TEXT];
	snprintf(out, 96, "%s %u %u", ipaddr_format(host_ip, ip), port, proto);
}

static bool same_backends(const struct ingress_port *p, const struct ov_ingress_port *s)
{
	if (p->far != s->far || p->n != s->n)
		return false;
	for (size_t i = 0; i < s->n; i++) {
		const struct ov_backend *a = &p->backends[i], *b = &s->backends[i];
		if (a->port != b->port || !ipaddr_equal(&a->ip, &b->ip) ||
		    !ipaddr_equal(&a->ip6, &b->ip6))
			return false;
	}
	return true;
}

static void take_backends(struct ingress_port *p, const struct ov_ingress_port *s)
{
	free(p->backends);
	p->backends = s->n ? xmemdup(s->backends, s->n * sizeof(*s->backends)) : NULL;
	p->n = s->n;
	p->far = s->far;
}

/* The next list of ports: what stays keeps its socket, and its elements where it leads the same way. */
static void take_ports(struct overlay *o, struct ingress *in, const struct ov_ingress_port *ports,
		       size_t n, struct str *script)
{
	struct map old = {0};
	struct ingress_port *next = xcalloc(n + 1, sizeof(*next));
	char key[96];
	for (size_t i = 0; i < in->n; i++) {
		key_of(&in->ports[i].host_ip, in->ports[i].port, in->ports[i].proto, key);
		map_set(&old, key, &in->ports[i]);
	}
	for (size_t i = 0; i < n; i++) {
		const struct ov_ingress_port *s = &ports[i];
		key_of(&s->host_ip, s->port, s->proto, key);
		struct ingress_port *was = map_get(&old, key);
		if (was) {
			next[i] = *was;
			map_del(&old, key);
		} else {
			next[i] = (struct ingress_port){.host_ip = s->host_ip,
							.port = s->port,
							.proto = s->proto};
		}
	}
	map_each(&old, e)
	{
		port_rules(e->val, false, script);
		port_done(e->val);
	}
	map_clear(&old);
	free(in->ports);
	in->ports = next;
	in->n = n;
	for (size_t i = 0; i < n; i++) {
		struct ingress_port *p = &next[i];
		bool same = p->held && same_backends(p, &ports[i]);
		if (same)
			continue;
		port_rules(p, false, script);
		take_backends(p, &ports[i]);
		if (!p->held)
			port_hold(o, in->id, p);
		port_rules(p, true, script);
		hold_serve(p->hold, p->backends, p->n, p->far);
	}
}

static int set(struct overlay *o, const char *id, const struct ov_ingress_port *ports, size_t n,
	       struct str *script, struct err *err)
{
	if (!host_id_ok(id) || n > INGRESS_PORTS_MAX)
		return err_set(err, -EINVAL,
			       "ingress \"%s\" is no plain name or has too many ports",
			       id ? id : "");
	struct ingress *in = map_get(&o->ingress, id);
	if (!in) {
		in = xcalloc(1, sizeof(*in));
		in->id = xstrdup(id);
		map_set(&o->ingress, id, in);
	}
	take_ports(o, in, ports, n, script);
	return 0;
}

int ingress_load(struct overlay *o, const char *id, const struct ov_ingress_port *ports, size_t n,
		 struct err *err)
{
	auto_str script = {0}; /* all is written anew after the load */
	return set(o, id, ports, n, &script, err);
}

bool ingress_far6(const struct overlay *o)
{
	map_each(&o->ingress, e)
	{
		const struct ingress *in = e->val;
		for (size_t i = 0; i < in->n; i++)
			for (size_t k = 0; in->ports[i].far && k < in->ports[i].n; k++)
				if (ipaddr_is_set(&in->ports[i].backends[k].ip6))
					return true;
	}
	return false;
}

int overlay_ingress_set(struct overlay *o, const char *id, const struct ov_ingress_port *ports,
			size_t n, struct err *err)
{
	auto_str script = {0};
	int r = set(o, id, ports, n, &script, err);
	if (r < 0)
		return r;
	struct err why = {0};
	if (ingress_far6(o) && underlay_forward6(&why) < 0)
		log_warn("overlay", "published ports: %s", err_text(&why));
	r = script.len ? firewall_apply(o, script.data, err) : 0;
	if (r == 0 && script.len)
		stale_later(o);
	if (n == 0) {
		record_drop(o, "ingress", id);
		auto_free char *key = xstrdup(id);
		map_del(&o->ingress, key);
		return r;
	}
	return r < 0 || !script.len ? r : record_put_ingress(o, id, ports, n, err);
}

bool overlay_ingress_why(const struct overlay *o, const char *id, struct str *out)
{
	const struct ingress *in = map_get(&o->ingress, id);
	size_t more = 0;
	bool any = false;
	for (size_t i = 0; in && i < in->n; i++) {
		const struct ingress_port *p = &in->ports[i];
		/* An address of another host is for that one. */
		if (p->held || p->why.code == -EADDRNOTAVAIL)
			continue;
		if (!any)
			str_add(out, err_text(&p->why));
		else
			more++;
		any = true;
	}
	if (more)
		str_addf(out, " (and %zu more)", more);
	return any;
}

void overlay_ingress_list(const struct overlay *o, struct strlist *ids)
{
	map_each(&o->ingress, e) strlist_add(ids, e->key);
}

/* Called by the check: what another program held may be free now. */
void ingress_retry(struct overlay *o)
{
	auto_str script = {0};
	struct err err = {0};
	map_each(&o->ingress, e)
	{
		struct ingress *in = e->val;
		for (size_t i = 0; i < in->n; i++) {
			struct ingress_port *p = &in->ports[i];
			if (p->held)
				continue;
			port_hold(o, in->id, p);
			port_rules(p, true, &script);
			hold_serve(p->hold, p->backends, p->n, p->far);
		}
	}
	if (script.len && firewall_apply(o, script.data, &err) < 0)
		log_warn("overlay", "published ports: %s", err_text(&err));
	if (script.len)
		stale_later(o);
}

static int by_port(const void *a, const void *b)
{
	const struct ingress_port *const *x = a, *const *y = b;
	int px = (*x)->proto << 16 | (*x)->port, py = (*y)->proto << 16 | (*y)->port;
	return px - py;
}

void ingress_index_fill(struct ingress_index *x, const struct overlay *o)
{
	map_each(&o->ingress, e)
	{
		const struct ingress *in = e->val;
		for (size_t i = 0; i < in->n; i++) {
			if (!in->ports[i].held)
				continue;
			x->v = vec_grow(x->v, x->n, &x->cap, sizeof(*x->v));
			x->v[x->n++] = &in->ports[i];
		}
	}
	if (x->n)
		qsort(x->v, x->n, sizeof(*x->v), by_port);
}

static bool port_leads(const struct ingress_port *p, const struct ingress_flow *f)
{
	size_t family = 0;
	for (size_t k = 0; k < p->n; k++) {
		const struct ov_backend *b = &p->backends[k];
		const struct ipaddr *a = ipaddr_is_v4(f->to) ? &b->ip : &b->ip6;
		family += ipaddr_is_set(a);
		if (ipaddr_equal(a, f->served_by) && b->port == f->served_port)
			return true;
	}
	return family == 0 && p->n > 0; /* the proxy's */
}

bool ingress_leads(const struct ingress_index *x, const struct ingress_flow *f, bool *ret_ours)
{
	const struct ingress_port key = {.port = f->port, .proto = f->proto}, *at = &key;
	const struct ingress_port **found =
		x->n ? bsearch(&at, x->v, x->n, sizeof(*x->v), by_port) : NULL;
	*ret_ours = false;
	while (found && found > x->v && by_port(&found[-1], &at) == 0)
		found--;
	for (; found && found < x->v + x->n && by_port(found, &at) == 0; found++) {
		const struct ingress_port *p = *found;
		if (!ipaddr_is_any(&p->host_ip) && !ipaddr_equal(&p->host_ip, f->to))
			continue;
		*ret_ours = true;
		return port_leads(p, f);
	}
	return false;
}
