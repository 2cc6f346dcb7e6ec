/* SPDX-License-Identifier: Apache-2.0
 * Host ports of one sandbox each (see ingress.c for those that lead to whatever serves them). */
#include "base/mem.h"
#include "overlay/hold.h"
#include "overlay/host.h"
#include "overlay/portmap.h"
#include <errno.h>
#include <string.h>

/* Who has the port on this host: a sandbox or an ingress; NULL: nobody of ours. */
const char *publish_owner(const struct overlay *o, const struct ipaddr *host_ip, uint16_t port,
			  uint8_t proto)
{
	map_each(&o->sandboxes, e)
	{
		const struct sandbox *s = e->val;
		for (size_t i = 0; i < s->n_ports; i++) {
			const struct ov_publish *q = &s->ports[i].spec;
			if (q->host_port == port && q->proto == proto &&
			    publish_meet(&q->host_ip, host_ip))
				return s->id;
		}
	}
	return ingress_owner(o, host_ip, port, proto);
}

static int open_port(struct overlay *o, struct published *p, struct err *err)
{
	struct ov_publish *q = &p->spec;
	const char *owner =
		q->host_port ? publish_owner(o, &q->host_ip, q->host_port, q->proto) : NULL;
	if (owner)
		return err_set(err, -EADDRINUSE,
			       "host port \"%u/%s\" is published by \"%s\" already; choose another",
			       q->host_port, hold_proto(q->proto), owner);
	int r = hold_open(o->loop, &q->host_ip, q->proto, &q->host_port, &p->hold);
	if (r < 0)
		return hold_refused(&q->host_ip, q->proto, q->host_port, r, err);
	p->held = true;
	return 0;
}

int publish_open(struct overlay *o, struct published *p, const char *sandbox_id, struct err *err)
{
	struct ov_publish *q = &p->spec;
	if (q->target == 0 ||
	    (q->proto != IPPROTO_TCP && q->proto != IPPROTO_UDP && q->proto != IPPROTO_SCTP))
		return err_set(err, -EINVAL, "a published port of \"%s\" lacks target or protocol",
			       sandbox_id);
	int r = open_port(o, p, err);
	for (unsigned n = q->first; r == -EADDRINUSE && n && n <= q->last; n++) {
		q->host_port = (uint16_t)n;
		r = open_port(o, p, err);
	}
	if (r == -EADDRINUSE && q->first)
		return err_set(err, r, "all host ports of \"%u-%u/%s\" are in use on this node",
			       q->first, q->last, hold_proto(q->proto));
	return r;
}

bool publish_backend(struct overlay *o, const struct sandbox *s, struct ov_backend *ret)
{
	const struct endpoint *four = endpoint_served(o, s, AF_INET);
	const struct endpoint *six = endpoint_served(o, s, AF_INET6);
	*ret = (struct ov_backend){0};
	if (four)
		ret->ip = four->ip;
	if (six)
		ret->ip6 = six->ip6;
	return four || six;
}

void publish_rules(const struct published *p, const struct ov_backend *to, bool add,
		   struct str *script)
{
	struct ov_backend b = *to;
	struct portmap_entry entry = {.host_ip = p->spec.host_ip,
				      .port = p->spec.host_port,
				      .proto = p->spec.proto,
				      .backends = &b,
				      .n = 1};
	b.port = p->spec.target;
	portmap_entry(script, add, &entry);
}

void publish_serve(struct published *p, const struct ov_backend *to)
{
	struct ov_backend b = *to;
	b.port = p->spec.target;
	hold_serve(p->hold, &b, 1, false); /* the container's address may have changed */
}

void publish_close(struct published *p)
{
	hold_close(take_ptr(p->hold));
	p->held = false;
}
