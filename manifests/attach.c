/* SPDX-License-Identifier: Apache-2.0
 * The networks of a service; see decode.h. */
#include "base/ipaddr.h"
#include "manifests/decode.h"
#include "manifests/limits.h"

#include <ctype.h>
#include <string.h>

static bool family_valid(int family, const char *text)
{
	struct ipaddr a;
	return !text || (ipaddr_parse(text, &a) && a.family == family);
}

static bool mac_valid(const char *text)
{
	if (strlen(text) != 17 || strspn(text, "0:-") == 17) /* the kernel takes 0 for none */
		return false;
	for (size_t i = 0; i < 17; i++)
		if (!strchr(i % 3 == 2 ? ":-" : "0123456789abcdefABCDEF", text[i]))
			return false;
	return !(strtoul(text, NULL, 16) & 1); /* multicast is nobody's */
}

bool decode_mac(struct decode *c, const struct node *n, char *text)
{
	if (!text)
		return true;
	if (!mac_valid(text)) {
		decode_refuse(
			c, n,
			"'%.100s' is not the MAC address of one host, such as 02:42:0a:00:00:01",
			text);
		return false;
	}
	for (char *p = text; *p; p++)
		*p = *p == '-' ? ':' : (char)tolower((unsigned char)*p);
	return true;
}

static void link_local_check(struct decode *c, const struct node *n, const struct spec_attach *a)
{
	for (size_t i = 0; i < a->link_local_ips.n; i++) {
		struct ipaddr ip;
		if (!ipaddr_parse(a->link_local_ips.v[i], &ip) || !ipaddr_is_link_local(&ip))
			decode_refuse(c, n,
				      "'%.100s' is not a link-local address (169.254.0.0/16 or "
				      "fe80::/10)",
				      a->link_local_ips.v[i]);
	}
}

static void no_network(struct decode *c, const struct node *n, const char *name)
{
	auto_free char *near = decode_near(&c->networks, name);
	decode_error(c, n,
		     "the network '%.100s' is not there; declare it under the top-level "
		     "'networks'%s",
		     name,
		     streq(name, "host") || streq(name, "none") ? ", or use 'network_mode'" : near);
}

static void attach_check(struct decode *c, const struct node *n, const struct spec_attach *a)
{
	if (c->stack && !map_has(&c->networks, a->network) && !streq(a->network, "default"))
		no_network(c, n, a->network);
	else if (!spec_key_valid(a->network))
		decode_refuse(c, n, "'%.100s' is not the name of a network", a->network);
	if (!family_valid(AF_INET, a->ipv4_address))
		decode_refuse(c, n, "'%.100s' is not an IPv4 address", a->ipv4_address);
	if (!family_valid(AF_INET6, a->ipv6_address))
		decode_refuse(c, n, "'%.100s' is not an IPv6 address", a->ipv6_address);
	(void)decode_mac(c, n, a->mac_address);
	if (a->interface_name && (strlen(a->interface_name) > 15 || !*a->interface_name ||
				  strpbrk(a->interface_name, "/ :\t\n")))
		decode_refuse(c, n, "'%.100s' is not the name of a network interface",
			      a->interface_name);
	link_local_check(c, n, a);
}

/* The order of the interfaces: by priority, then by name, however the file had them. */
static int by_priority(const void *pa, const void *pb)
{
	const struct spec_attach *a = pa, *b = pb;
	if (a->priority != b->priority)
		return a->priority > b->priority ? -1 : 1;
	return strcmp(a->network, b->network);
}

static void names_check(struct decode *c, const struct node *n, const struct spec_service *s)
{
	for (size_t i = 0; i < s->n_networks; i++)
		for (size_t k = 0; k < i; k++)
			if (s->networks[i].interface_name &&
			    streq(s->networks[i].interface_name, s->networks[k].interface_name))
				decode_refuse(c, n, "two networks have the interface name '%.50s'",
					      s->networks[i].interface_name);
}

FIELD_DECODER(decode_attachments)
{
	struct spec_service *s = obj;
	(void)f;
	if (n->kind == NODE_SEQ ? !decode_list(c, n, LIMIT_SERVICE_NETWORKS)
				: !decode_map(c, n, LIMIT_SERVICE_NETWORKS))
		return;
	s->networks = xcalloc(n->n + 1, sizeof(*s->networks));
	for (size_t i = 0; i < n->n; i++) {
		const struct node *at = n->kind == NODE_SEQ ? n->items[i] : n->pairs[i].value;
		struct node key = {0};
		const char *name;
		if (n->kind == NODE_SEQ) {
			if (!decode_string(c, at, &name))
				continue;
			key = *at;
		} else {
			name = n->pairs[i].key;
			key.file = n->pairs[i].value->file;
			key.line = n->pairs[i].line;
			key.column = n->pairs[i].column;
		}
		bool twice = false;
		for (size_t k = 0; k < s->n_networks; k++)
			twice = twice || streq(s->networks[k].network, name);
		if (twice)
			continue;
		struct spec_attach *a = &s->networks[s->n_networks++];
		struct decode_mark mark = decode_enter(c, name);
		a->network = xstrdup(name);
		if (n->kind == NODE_MAP)
			decode_record(c, at, &record_attach, a);
		attach_check(c, &key, a);
		decode_leave(c, mark);
	}
	qsort(s->networks, s->n_networks, sizeof(*s->networks), by_priority);
	names_check(c, n, s);
}

json_t *encode_attachments(const void *obj)
{
	const struct spec_service *s = obj;
	json_t *j = json_object();
	for (size_t i = 0; i < s->n_networks; i++)
		json_object_set_new(j, s->networks[i].network,
				    encode_record(&record_attach, &s->networks[i], 0));
	return j;
}
