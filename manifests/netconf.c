/* SPDX-License-Identifier: Apache-2.0
 * What a network is made with: its subnets, and the driver's options; see decode.h. */
#include "base/ipaddr.h"
#include "base/num.h"
#include "manifests/decode.h"
#include "manifests/limits.h"

#include <string.h>

#define MTU_MIN  576
#define MTU6_MIN 1280 /* RFC 8200 5 */
#define MTU_MAX  65535
#define VNI_MAX  0xffffff

static void aux_check(struct decode *c, const struct node *n, const struct ipprefix *subnet,
		      const struct spec_ipam *ipam)
{
	for (size_t i = 0; i < ipam->aux_addresses.n; i++) {
		const struct kv *kv = &ipam->aux_addresses.v[i];
		struct ipaddr a;
		if (!ipaddr_parse(kv->v, &a) || !ipprefix_has(subnet, &a))
			decode_refuse(c, n,
				      "the address '%.100s' of '%.100s' in 'aux_addresses' is not "
				      "in '%.50s'",
				      kv->v ? kv->v : "", kv->k, ipam->subnet);
	}
}

static bool ipam_check(struct decode *c, const struct node *n, const struct spec_ipam *ipam,
		       struct ipprefix *ret)
{
	struct ipprefix range;
	struct ipaddr gateway;
	if (!ipam->subnet) {
		if (ipam->gateway || ipam->ip_range || ipam->aux_addresses.n)
			decode_refuse(c, n,
				      "'gateway', 'ip_range' and 'aux_addresses' need 'subnet'");
		return false;
	}
	if (!ipprefix_parse(ipam->subnet, ret) || ret->len == 0) {
		decode_refuse(c, n,
			      "'subnet' must be a network such as 10.1.0.0/16 or fd00:1::/64, not "
			      "'%.100s'",
			      ipam->subnet);
		return false;
	}
	if (ipam->gateway &&
	    (!ipaddr_parse(ipam->gateway, &gateway) || !ipprefix_has(ret, &gateway)))
		decode_refuse(c, n, "'gateway' must be an address in '%.50s', not '%.100s'",
			      ipam->subnet, ipam->gateway);
	if (ipam->ip_range && (!ipprefix_parse(ipam->ip_range, &range) ||
			       !ipprefix_has(ret, &range.addr) || range.len < ret->len))
		decode_refuse(c, n, "'ip_range' must be a network inside '%.50s', not '%.100s'",
			      ipam->subnet, ipam->ip_range);
	aux_check(c, n, ret, ipam);
	return true;
}

static void take_config(struct decode *c, const struct node *n, struct spec_network *net)
{
	struct spec_ipam ipam = {0};
	struct ipprefix subnet;
	decode_record(c, n, &record_ipam_config, &ipam);
	if (ipam_check(c, n, &ipam, &subnet)) {
		struct spec_ipam *at = ipaddr_is_v6(&subnet.addr) ? &net->ipam6 : &net->ipam;
		if (at->subnet)
			decode_refuse(c, n,
				      "a network has one IPv4 and one IPv6 subnet; '%.50s' is one "
				      "too many beside '%.50s'",
				      ipam.subnet, at->subnet);
		else {
			*at = ipam;
			return;
		}
	}
	spec_ipam_done(&ipam);
}

FIELD_DECODER(decode_ipam)
{
	struct spec_network *net = obj;
	(void)f;
	if (!decode_map(c, n, LIMIT_SERVICE_LIST))
		return;
	for (size_t i = 0; i < n->n; i++) {
		const struct node_pair *p = &n->pairs[i];
		if (str_starts(p->key, "x-"))
			continue;
		struct decode_mark mark = decode_enter(c, p->key);
		bool driver = streq(p->key, "driver");
		if (streq(p->key, "config")) {
			if (p->value->kind != NODE_NULL &&
			    decode_list(c, p->value, LIMIT_SERVICE_LIST))
				for (size_t k = 0; k < p->value->n; k++) {
					struct decode_mark item = decode_enter_item(c, k);
					take_config(c, p->value->items[k], net);
					decode_leave(c, item);
				}
		} else if (driver || streq(p->key, "options")) {
			if (!driver || !streq(p->value->text, "default"))
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
	const struct spec_ipam *both[] = {&n->ipam, &n->ipam6};
	json_t *list = json_array(), *ipam = json_object();
	for (size_t i = 0; i < ARRAY_LEN(both); i++)
		if (both[i]->subnet)
			json_array_append_new(list, encode_record(&record_ipam_config, both[i], 0));
	json_put_new(ipam, "config", list);
	if (json_object_size(ipam) > 0)
		return ipam;
	json_decref(ipam);
	return NULL;
}

static const char *option(const struct spec_network *n, const char *key, const char *docker_key)
{
	const char *v = kvlist_get(&n->driver_opts, key);
	return v ? v : kvlist_get(&n->driver_opts, docker_key);
}

static int64_t number(const char *text, int64_t min, int64_t max)
{
	int64_t v;
	return text && num_parse_i64(text, min, max, &v) ? v : 0;
}

int spec_network_mtu(const struct spec_network *n)
{
	return (int)number(option(n, "mtu", "com.docker.network.driver.mtu"), MTU_MIN, MTU_MAX);
}

uint32_t spec_network_vni(const struct spec_network *n)
{
	const char *key = "com.docker.network.driver.overlay.vxlanid_list";
	return (uint32_t)number(option(n, "vni", key), 1, VNI_MAX);
}

static bool known_option(const char *key)
{
	static const char *const known[] = {"mtu",
					    "vni",
					    "encrypted",
					    "parent",
					    "macvlan_mode",
					    "ipvlan_mode",
					    "ipvlan_flag",
					    "com.docker.network.driver.mtu",
					    "com.docker.network.driver.overlay.vxlanid_list"};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (streq(key, known[i]))
			return true;
	return str_starts(key, "parent.") || str_starts(key, "x-");
}

void network_options_check(struct decode *c, const struct node *n, struct spec_network *net)
{
	const struct node *opts = node_child(n, "driver_opts");
	int mtu = spec_network_mtu(net);
	if (option(net, "mtu", "com.docker.network.driver.mtu") && !mtu)
		decode_refuse(c, opts, "'mtu' must be a number from %d to %d, not '%.100s'",
			      MTU_MIN, MTU_MAX,
			      option(net, "mtu", "com.docker.network.driver.mtu"));
	if (mtu && mtu < MTU6_MIN && net->enable_ipv6)
		decode_refuse(c, opts, "'mtu' must be at least %d where there is IPv6, not %d",
			      MTU6_MIN, mtu);
	if (option(net, "vni", "com.docker.network.driver.overlay.vxlanid_list") &&
	    !spec_network_vni(net))
		decode_refuse(c, opts, "'vni' must be a number from 1 to %d, not '%.100s'", VNI_MAX,
			      option(net, "vni", "com.docker.network.driver.overlay.vxlanid_list"));
	for (size_t i = 0; i < net->driver_opts.n; i++)
		if (!known_option(net->driver_opts.v[i].k))
			decode_warn(c, opts, "the option '%.100s' of the driver is not used",
				    net->driver_opts.v[i].k);
	if (!net->enable_ipv4 && !net->enable_ipv6)
		decode_refuse(c, n,
			      "a network needs IPv4 or IPv6: set 'enable_ipv6' or leave "
			      "'enable_ipv4' out");
	if (!net->enable_ipv4 && net->ipam.subnet)
		decode_refuse(c, n, "the IPv4 subnet '%.50s' contradicts 'enable_ipv4: false'",
			      net->ipam.subnet);
	if (!net->enable_ipv6 && net->ipam6.subnet) {
		decode_warn(c, n, "the IPv6 subnet '%.50s' is not used without 'enable_ipv6: true'",
			    net->ipam6.subnet);
		spec_ipam_done(&net->ipam6);
	}
}
