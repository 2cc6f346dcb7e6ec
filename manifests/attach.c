/* SPDX-License-Identifier: Apache-2.0
 * The networks of a service, and the addresses of a network; see decode.h. */
#include "base/num.h"
#include "manifests/decode.h"
#include "manifests/limits.h"

#include <arpa/inet.h>
#include <string.h>

static bool family_valid(int family, const char *text)
{
	struct in6_addr a;
	return !text || inet_pton(family, text, &a) == 1;
}

static bool mac_valid(const char *text)
{
	if (!text)
		return true;
	if (strlen(text) != 17)
		return false;
	for (size_t i = 0; i < 17; i++) {
		bool colon = i % 3 == 2;
		if (colon ? text[i] != ':' : !strchr("0123456789abcdefABCDEF", text[i]))
			return false;
	}
	return true;
}

static void attach_check(struct decode *c, const struct node *n, const struct spec_attach *a)
{
	if (!spec_key_valid(a->network))
		decode_error(c, n, "'%.100s' is not the name of a network", a->network);
	else if (c->stack && !map_has(&c->networks, a->network) && !streq(a->network, "default"))
		decode_error(c, n,
			     "the network '%.100s' is not there; declare it under the top-level "
			     "'networks'%s",
			     a->network,
			     streq(a->network, "host") || streq(a->network, "none")
				     ? ", or use 'network_mode'"
				     : "");
	if (!family_valid(AF_INET, a->ipv4_address))
		decode_refuse(c, n, "'%.100s' is not an IPv4 address", a->ipv4_address);
	if (!family_valid(AF_INET6, a->ipv6_address))
		decode_refuse(c, n, "'%.100s' is not an IPv6 address", a->ipv6_address);
	if (!mac_valid(a->mac_address))
		decode_refuse(c, n, "'%.100s' is not a MAC address such as 02:42:0a:00:00:01",
			      a->mac_address);
	if (a->interface_name && (strlen(a->interface_name) > 15 || !*a->interface_name ||
				  strpbrk(a->interface_name, "/ :\t\n")))
		decode_refuse(c, n, "'%.100s' is not the name of a network interface",
			      a->interface_name);
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

struct cidr {
	uint32_t base, mask;
};

static bool cidr_parse(const char *text, struct cidr *out)
{
	const char *slash = strchr(text, '/');
	struct in_addr a;
	uint64_t bits;
	if (!slash || !num_parse_u64(slash + 1, 32, &bits) || bits == 0)
		return false;
	auto_free char *address = xstrndup(text, (size_t)(slash - text));
	if (inet_pton(AF_INET, address, &a) != 1)
		return false;
	out->mask = (uint32_t)(UINT64_C(0xffffffff) << (32 - bits));
	out->base = ntohl(a.s_addr) & out->mask;
	return true;
}

static void ipam_check(struct decode *c, const struct node *n, const struct spec_network *net)
{
	struct cidr subnet, range;
	struct in_addr gateway;
	if (!net->subnet) {
		if (net->gateway || net->ip_range)
			decode_refuse(c, n, "'gateway' and 'ip_range' need 'subnet'");
		return;
	}
	if (!cidr_parse(net->subnet, &subnet)) {
		decode_refuse(c, n,
			      "'subnet' must be an IPv4 network such as 10.1.0.0/16, not "
			      "'%.100s'",
			      net->subnet);
		return;
	}
	if (net->gateway && (inet_pton(AF_INET, net->gateway, &gateway) != 1 ||
			     (ntohl(gateway.s_addr) & subnet.mask) != subnet.base))
		decode_refuse(c, n, "'gateway' must be an address in '%.50s', not '%.100s'",
			      net->subnet, net->gateway);
	if (net->ip_range &&
	    (!cidr_parse(net->ip_range, &range) || (range.base & subnet.mask) != subnet.base ||
	     (range.mask & subnet.mask) != subnet.mask))
		decode_refuse(c, n, "'ip_range' must be a network inside '%.50s', not '%.100s'",
			      net->subnet, net->ip_range);
}

static bool is_ipv6_config(const struct node *n)
{
	const struct node_pair *p = n->kind == NODE_MAP ? node_find(n, "subnet") : NULL;
	return p && node_is_scalar(p->value) && strchr(p->value->text, ':');
}

static void ipam_config(struct decode *c, const struct node *n, struct spec_network *net)
{
	bool taken = false;
	if (!decode_list(c, n, LIMIT_SERVICE_LIST))
		return;
	for (size_t i = 0; i < n->n; i++) {
		struct decode_mark mark = decode_enter_item(c, i);
		if (taken || is_ipv6_config(n->items[i])) {
			decode_warn(c, n->items[i],
				    "only the first IPv4 subnet of a network is used");
		} else {
			taken = true;
			decode_record(c, n->items[i], &record_ipam_config, net);
			ipam_check(c, n->items[i], net);
		}
		decode_leave(c, mark);
	}
}

FIELD_DECODER(decode_ipam)
{
	static const char *const unused[] = {"driver", "options"};
	(void)f;
	if (!decode_map(c, n, LIMIT_SERVICE_LIST))
		return;
	for (size_t i = 0; i < n->n; i++) {
		const struct node_pair *p = &n->pairs[i];
		if (str_starts(p->key, "x-"))
			continue;
		struct decode_mark mark = decode_enter(c, p->key);
		bool plain = streq(p->key, unused[0]) && streq(p->value->text, "default");
		if (streq(p->key, "config")) {
			if (p->value->kind != NODE_NULL)
				ipam_config(c, p->value, obj);
		} else if (streq(p->key, unused[0]) || streq(p->key, unused[1])) {
			if (!plain)
				decode_warn(c, p->value,
					    "'%s' is not used: the controller gives out "
					    "addresses",
					    p->key);
		} else {
			decode_error(c, p->value, "'ipam' has no key '%.100s'", p->key);
		}
		decode_leave(c, mark);
	}
}

json_t *encode_ipam(const void *obj)
{
	const struct spec_network *n = obj;
	json_t *config = json_object();
	json_put_str(config, "subnet", n->subnet);
	json_put_str(config, "gateway", n->gateway);
	json_put_str(config, "ip_range", n->ip_range);
	if (json_object_size(config) == 0) {
		json_decref(config);
		return NULL;
	}
	json_t *list = json_array(), *ipam = json_object();
	json_array_append_new(list, config);
	json_object_set_new(ipam, "config", list);
	return ipam;
}
