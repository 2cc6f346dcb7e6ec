/* SPDX-License-Identifier: Apache-2.0
 * Which published ports exclude each other on one node; see spec.h. */
#include "manifests/spec.h"

#include <arpa/inet.h>
#include <string.h>

struct place {      /* where a port listens */
	int family; /* AF_UNSPEC: both */
	bool any;
	unsigned char bytes[sizeof(struct in6_addr)];
};

static struct place place_of(const char *host_ip)
{
	struct place p = {.family = AF_UNSPEC, .any = true};
	static const unsigned char zero[sizeof(p.bytes)];
	if (!host_ip || !*host_ip)
		return p;
	if (inet_pton(AF_INET, host_ip, p.bytes) == 1)
		p.family = AF_INET;
	else if (inet_pton(AF_INET6, host_ip, p.bytes) == 1)
		p.family = AF_INET6;
	p.any = memcmp(p.bytes, zero, sizeof(zero)) == 0;
	return p;
}

bool spec_ports_meet(const struct spec_port *a, const struct spec_port *b)
{
	if (!a->published || a->published != b->published || a->protocol != b->protocol)
		return false;
	struct place x = place_of(a->host_ip), y = place_of(b->host_ip);
	if (x.family != AF_UNSPEC && y.family != AF_UNSPEC && x.family != y.family)
		return false;
	return x.any || y.any || memcmp(x.bytes, y.bytes, sizeof(x.bytes)) == 0;
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
