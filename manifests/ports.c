/* SPDX-License-Identifier: Apache-2.0
 * Published ports, short and long, with ranges; see decode.h. */
#include "base/num.h"
#include "manifests/decode.h"
#include "manifests/limits.h"
#include "manifests/words.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct range { /* 0 to 0: none */
	uint16_t from, to;
};

static bool range_parse(const char *text, struct range *r)
{
	uint64_t from, to;
	const char *dash = strchr(text, '-');
	auto_free char *first = dash ? xstrndup(text, (size_t)(dash - text)) : xstrdup(text);
	if (!num_parse_u64(first, UINT16_MAX, &from))
		return false;
	to = from;
	if (dash && !num_parse_u64(dash + 1, UINT16_MAX, &to))
		return false;
	if (from > to || (from == 0 && to > 0))
		return false;
	*r = (struct range){(uint16_t)from, (uint16_t)to};
	return true;
}

static void port_free(struct spec_port *p)
{
	free(p->name);
	free(p->host_ip);
	free(p->app_protocol);
}

static bool port_add(struct decode *c, const struct node *n, const struct spec_port *p,
		     struct spec_service *s, size_t *cap)
{
	if (s->n_ports >= LIMIT_SERVICE_PORTS || c->ports_left == 0) {
		decode_error(c, n, "too many ports: at most %d for a service and %d for a stack",
			     LIMIT_SERVICE_PORTS, LIMIT_STACK_PORTS);
		return false;
	}
	c->ports_left--;
	s->ports = vec_grow(s->ports, s->n_ports, cap, sizeof(*s->ports));
	struct spec_port *to = &s->ports[s->n_ports++];
	*to = *p;
	to->name = xstrdup(p->name);
	to->host_ip = xstrdup(p->host_ip);
	to->app_protocol = xstrdup(p->app_protocol);
	return true;
}

/* Adds the ports of two ranges side by side. */
static void ranges_add(struct decode *c, const struct node *n, struct spec_port *p,
		       const struct range r[2], struct spec_service *s, size_t *cap)
{
	struct range target = r[0], published = r[1];
	int width = target.to - target.from;
	bool choice = width == 0 && published.from != published.to;
	if (published.from && !choice && published.to - published.from != width) {
		decode_refuse(c, n, "the two ranges of ports differ in length");
		return;
	}
	if (choice) {
		p->range_first = published.from;
		p->range_last = published.to;
		published = (struct range){0, 0};
	}
	for (int i = 0; i <= width; i++) {
		p->target = (uint16_t)(target.from + i);
		p->published = published.from ? (uint16_t)(published.from + i) : 0;
		if (!port_add(c, n, p, s, cap))
			return;
	}
}

/* Takes "[ADDRESS:]" off the front of text: what stands before the last colon but one. */
static char *take_host_ip(char **text)
{
	char *last = strrchr(*text, ':');
	if (!last)
		return NULL;
	char *cut = NULL;
	for (char *p = *text; p < last; p++)
		if (*p == ':')
			cut = p;
	if (!cut)
		return NULL;
	*cut = '\0';
	char *ip = *text;
	*text = cut + 1;
	size_t len = strlen(ip);
	if (len > 1 && ip[0] == '[' && ip[len - 1] == ']') {
		ip[len - 1] = '\0';
		ip++;
	}
	return ip;
}

/* [[HOST_IP:]PUBLISHED:]TARGET[/PROTOCOL], each port a number or FROM-TO */
static void port_short(struct decode *c, const struct node *n, const char *text,
		       struct spec_service *s, size_t *cap)
{
	struct spec_port p = {0};
	struct range r[2] = {{0, 0}, {0, 0}};
	auto_free char *copy = xstrdup(text);
	char *rest = copy, *slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	if (slash && !spec_proto_parse(slash + 1, &p.protocol)) {
		decode_error(c, n, "'%.50s' is no protocol of a port; write tcp, udp or sctp",
			     slash + 1);
		return;
	}
	p.host_ip = take_host_ip(&rest);
	char *colon = strchr(rest, ':');
	const char *target = colon ? colon + 1 : rest;
	if (colon)
		*colon = '\0';
	bool published = colon && rest[0];
	if (!range_parse(target, &r[0]) || r[0].from == 0 ||
	    (published && !range_parse(rest, &r[1])) || (p.host_ip && !address_valid(p.host_ip))) {
		decode_error(c, n, "'%.100s' is not a port; write [[ADDRESS:]NODE_PORT:]PORT[/udp]",
			     text);
		return;
	}
	ranges_add(c, n, &p, r, s, cap);
}

size_t ports_of_item(const struct node *item)
{
	struct range target;
	if (!node_is_scalar(item))
		return 1;
	const char *colon = strrchr(item->text, ':');
	const char *text = colon ? colon + 1 : item->text;
	auto_free char *ports = xstrndup(text, strcspn(text, "/"));
	return range_parse(ports, &target) ? (size_t)(target.to - target.from) + 1 : 1;
}

FIELD_DECODER(decode_target_port)
{
	static const struct field port = {.min = 1, .max = UINT16_MAX};
	int64_t value;
	(void)f;
	if (decode_int(c, n, &port, &value))
		((struct spec_port *)obj)->target = (uint16_t)value;
}

json_t *encode_target_port(const void *obj)
{
	return json_integer(((const struct spec_port *)obj)->target);
}

FIELD_DECODER(decode_published)
{
	struct spec_port *p = obj;
	struct range r;
	const char *text;
	(void)f;
	if (!decode_scalar(c, n, &text) || !*text)
		return;
	if (!range_parse(text, &r)) {
		decode_refuse(c, n, "'published' must be a port or a range, not '%.100s'", text);
		return;
	}
	if (r.from == r.to)
		p->published = r.from;
	else {
		p->range_first = r.from;
		p->range_last = r.to;
	}
}

json_t *encode_published(const void *obj)
{
	const struct spec_port *p = obj;
	if (p->range_first)
		return json_sprintf("%u-%u", p->range_first, p->range_last);
	return p->published ? json_sprintf("%u", p->published) : NULL;
}

/* Comes after 'published'. */
FIELD_DECODER(decode_chosen)
{
	struct spec_port *p = obj;
	const struct field port = {.min = p->range_first, .max = p->range_last};
	int64_t value;
	(void)f;
	if (!p->range_first)
		decode_error(c, n, "'chosen' is for a range of published ports");
	else if (decode_int(c, n, &port, &value))
		p->published = (uint16_t)value;
}

json_t *encode_chosen(const void *obj)
{
	const struct spec_port *p = obj;
	return p->range_first && p->published ? json_integer(p->published) : NULL;
}

static void port_long(struct decode *c, const struct node *n, struct spec_service *s, size_t *cap)
{
	struct spec_port p;
	record_init(&record_port, &p);
	size_t errors = c->d->n_errors;
	decode_record(c, n, &record_port, &p);
	if (c->d->n_errors > errors)
		goto out;
	if (p.target == 0)
		decode_error(c, n, "a port needs 'target', the port in the container");
	else if (p.host_ip && !address_valid(p.host_ip))
		decode_refuse(c, n, "'host_ip' must be an address, not '%.100s'", p.host_ip);
	else if (p.local && p.mode == PORT_HOST)
		decode_error(c, n, "'x-local' is for 'mode: ingress'; host mode is local always");
	else
		port_add(c, n, &p, s, cap);
out:
	port_free(&p);
}

/* No node could give one port twice: say so before anything runs. */
static void check_unique(struct decode *c, const struct node *n, const struct spec_service *s)
{
	struct map seen = {0}; /* "PORT/PROTOCOL" -> the first spec_port of it */
	for (size_t i = 0; i < s->n_ports; i++) {
		const struct spec_port *p = &s->ports[i], *q;
		if (!p->published)
			continue;
		char key[32];
		snprintf(key, sizeof(key), "%u/%s", p->published, spec_proto_name(p->protocol));
		/* Few share a number: all that came before are looked at. */
		q = map_get(&seen, key);
		for (; q && q < p && (q->published != p->published || !spec_ports_meet(p, q)); q++)
			;
		if (q && q < p) {
			decode_refuse(c, n, "the port %s is published twice", key);
			break;
		}
		if (!map_has(&seen, key))
			map_set(&seen, key, &s->ports[i]);
	}
	map_clear(&seen);
}

FIELD_DECODER(decode_ports)
{
	struct spec_service *s = obj;
	size_t cap = 0;
	(void)f;
	if (!decode_list(c, n, LIMIT_SERVICE_PORTS))
		return;
	for (size_t i = 0; i < n->n && !diag_full(c->d); i++) {
		const struct node *item = n->items[i];
		const char *text;
		struct decode_mark mark = decode_enter_item(c, i);
		if (item->kind == NODE_MAP)
			port_long(c, item, s, &cap);
		else if (decode_scalar(c, item, &text))
			port_short(c, item, text, s, &cap);
		decode_leave(c, mark);
	}
	check_unique(c, n, s);
}

json_t *encode_ports(const void *obj)
{
	const struct spec_service *s = obj;
	json_t *j = json_array();
	for (size_t i = 0; i < s->n_ports; i++)
		json_array_append_new(j, encode_record(&record_port, &s->ports[i], 0));
	return j;
}
