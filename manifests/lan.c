/* SPDX-License-Identifier: Apache-2.0
 * Networks on the physical network: what their driver and its options may say, and what services on them
 * cannot have; see decode.h. Options are those of Docker's macvlan and ipvlan drivers. */
#include "base/num.h"
#include "manifests/decode.h"

#include <net/if.h>
#include <string.h>

#define VLAN_MAX 4094 /* IEEE 802.1Q 9.6 */

static const char *const lan_names[] = {"overlay", "macvlan", "ipvlan", "bridge"};

const char *spec_lan_name(enum spec_lan lan)
{
	return lan_names[lan];
}

const char *spec_network_parent(const struct spec_network *n)
{
	return kvlist_get(&n->driver_opts, "parent");
}

enum spec_lan spec_network_lan(const struct spec_network *n)
{
	if (streq(n->driver, "macvlan"))
		return LAN_MACVLAN;
	if (streq(n->driver, "ipvlan"))
		return LAN_IPVLAN;
	return streq(n->driver, "bridge") && spec_network_parent(n) ? LAN_BRIDGE : LAN_NONE;
}

const char *spec_network_lan_mode(const struct spec_network *n)
{
	const char *mode = kvlist_get(&n->driver_opts, "macvlan_mode");
	if (spec_network_lan(n) != LAN_MACVLAN)
		return NULL;
	return mode && *mode ? mode : "bridge";
}

bool spec_parent_parse(const char *text, size_t *ret_len, unsigned *ret_vlan)
{
	const char *dot = text ? strrchr(text, '.') : NULL;
	uint64_t vlan = 0;
	if (!text || !*text || strlen(text) >= IFNAMSIZ || strpbrk(text, "/ :\t\n\"") ||
	    streq(text, "."))
		return false;
	if (dot && (dot == text || !num_parse_u64(dot + 1, VLAN_MAX, &vlan) || vlan == 0))
		return false;
	*ret_len = dot ? (size_t)(dot - text) : strlen(text);
	*ret_vlan = (unsigned)vlan;
	return true;
}

static void parent_check(struct decode *c, const struct node *at, const struct spec_network *net)
{
	const char *parent = spec_network_parent(net);
	size_t len;
	unsigned vlan;
	if (!parent)
		decode_refuse(
			c, at,
			"the driver '%s' needs 'driver_opts: {parent: INTERFACE}': the nodes' "
			"interface that is on the physical network",
			net->driver);
	else if (!spec_parent_parse(parent, &len, &vlan))
		decode_refuse(
			c, at,
			"'parent' must be the name of an interface such as eth1, or of a VLAN on "
			"one such as eth1.50, not '%.100s'",
			parent);
}

static void mode_check(struct decode *c, const struct node *opts, const struct spec_network *net)
{
	const char *mode = spec_network_lan_mode(net);
	const char *ip_mode = kvlist_get(&net->driver_opts, "ipvlan_mode");
	const char *flag = kvlist_get(&net->driver_opts, "ipvlan_flag");
	if (streq(mode, "passthru"))
		decode_refuse(
			c, node_child(opts, "macvlan_mode"),
			"'macvlan_mode: passthru' gives the whole interface to one container, "
			"and is not supported; use bridge, private or vepa");
	else if (mode && !streq(mode, "bridge") && !streq(mode, "private") && !streq(mode, "vepa"))
		decode_refuse(c, node_child(opts, "macvlan_mode"),
			      "'macvlan_mode' must be bridge, private or vepa, not '%.100s'", mode);
	if (ip_mode && *ip_mode && !streq(ip_mode, "l2"))
		decode_refuse(
			c, node_child(opts, "ipvlan_mode"),
			"'ipvlan_mode' must be l2, not '%.100s': the others route, and nobody on "
			"the physical network would find the containers",
			ip_mode);
	if (flag && *flag && !streq(flag, "bridge"))
		decode_refuse(c, node_child(opts, "ipvlan_flag"),
			      "'ipvlan_flag' must be bridge, not '%.100s'", flag);
}

void lan_network_check(struct decode *c, const struct node *n, const struct spec_network *net)
{
	const struct node *opts = node_child(n, "driver_opts");
	enum spec_lan lan = spec_network_lan(net);
	const char *name = spec_lan_name(lan);
	if (lan == LAN_NONE) {
		if (spec_network_parent(net))
			decode_warn(
				c, node_child(opts, "parent"),
				"'parent' is not used: an overlay has none; it is of the drivers "
				"macvlan, ipvlan and bridge");
		return;
	}
	parent_check(c,
		     spec_network_parent(net) ? node_child(opts, "parent")
					      : node_child(n, "driver"),
		     net);
	mode_check(c, opts, net);
	if (spec_network_encrypted(net, NULL))
		decode_refuse(
			c, node_child(opts, "encrypted"),
			"a network of the driver '%s' cannot be encrypted: its containers speak "
			"to machines that are not carrack's",
			name);
	if (kvlist_get(&net->driver_opts, "vni"))
		decode_refuse(c, node_child(opts, "vni"),
			      "a network of the driver '%s' has no VNI; leave 'vni' out", name);
	if ((net->enable_ipv4 && !net->ipam.subnet) || (net->enable_ipv6 && !net->ipam6.subnet))
		decode_refuse(
			c,
			node_child(n, net->enable_ipv4 && !net->ipam.subnet ? "driver"
									    : "enable_ipv6"),
			"the driver '%s' needs the %s subnet of the physical network; say it "
			"under 'ipam', with a 'gateway' and an 'ip_range' that nobody else gives "
			"out",
			name, net->enable_ipv4 && !net->ipam.subnet ? "IPv4" : "IPv6");
}

/* The network of a service's attachment, where it is on the physical network. */
static const struct spec_network *lan_of(const struct decode *c, const struct spec_attach *a)
{
	const struct spec_network *net = decode_network(c, a->network);
	return net && !net->external && spec_network_lan(net) != LAN_NONE ? net : NULL;
}

/* Nodes publish ports by networks of their own. Docker takes such files too, and publishes nothing. */
static void ports_check(struct decode *c, const struct node *n, struct spec_service *s)
{
	for (size_t i = 0; i < s->n_networks; i++)
		if (!lan_of(c, &s->networks[i]))
			return;
	if (!s->n_ports || !s->n_networks)
		return;
	decode_warn(c, node_child(n, "ports"),
		    "'ports' is not used: '%s' is on the physical network alone, where each of its "
		    "containers is reached at its own address",
		    s->name);
	if (!c->in || !c->in->canonical)
		spec_ports_clear(s);
}

void lan_services_check(struct decode *c, const struct node *root)
{
	const struct node *all = node_child(root, "services");
	for (size_t i = 0; i < c->stack->n_services; i++) {
		struct spec_service *s = &c->stack->services[i];
		const struct node *n = decode_service_node(c, all, s->name),
				  *nets = node_child(n, "networks");
		for (size_t k = 0; k < s->n_networks; k++) {
			const struct spec_network *net = lan_of(c, &s->networks[k]);
			if (net && spec_network_lan(net) == LAN_IPVLAN &&
			    s->networks[k].mac_address)
				decode_refuse(
					c, node_child(nets, s->networks[k].network),
					"'mac_address' is not possible on '%s': with ipvlan all "
					"containers have the interface's MAC; use macvlan",
					s->networks[k].network);
		}
		ports_check(c, n, s);
	}
}
