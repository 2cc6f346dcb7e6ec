/* SPDX-License-Identifier: Apache-2.0
 * Published ports as such: which exclude each other on one node, their text; see spec.h. */
#include "manifests/spec.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

struct spec_place spec_port_place(const struct spec_port *p)
{
	struct spec_place at = {.family = AF_UNSPEC, .any = true, .protocol = p->protocol};
	static const unsigned char zero[sizeof(at.bytes)];
	if (!p->host_ip || !*p->host_ip)
		return at;
	if (inet_pton(AF_INET, p->host_ip, at.bytes) == 1)
		at.family = AF_INET;
	else if (inet_pton(AF_INET6, p->host_ip, at.bytes) == 1)
		at.family = AF_INET6;
	at.any = memcmp(at.bytes, zero, sizeof(zero)) == 0;
	return at;
}

bool spec_places_meet(const struct spec_place *a, const struct spec_place *b)
{
	if (a->protocol != b->protocol)
		return false;
	if (a->family != AF_UNSPEC && b->family != AF_UNSPEC && a->family != b->family)
		return false;
	return a->any || b->any || memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool spec_ports_meet(const struct spec_port *a, const struct spec_port *b)
{
	struct spec_place x = spec_port_place(a), y = spec_port_place(b);
	return spec_places_meet(&x, &y);
}

const char *spec_port_text(const struct spec_port *p, char out[SPEC_PORT_TEXT])
{
	if (p->range_first)
		snprintf(out, SPEC_PORT_TEXT, "%u-%u/%s", p->range_first, p->range_last,
			 spec_proto_name(p->protocol));
	else
		snprintf(out, SPEC_PORT_TEXT, "%u/%s", p->published, spec_proto_name(p->protocol));
	return out;
}

bool spec_proto_parse(const char *text, enum spec_proto *ret)
{
	for (int i = PROTO_TCP; i <= PROTO_SCTP; i++)
		if (streq(text, spec_proto_name((enum spec_proto)i))) {
			*ret = (enum spec_proto)i;
			return true;
		}
	return false;
}
