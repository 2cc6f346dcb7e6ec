/* SPDX-License-Identifier: Apache-2.0
 * Texts of nftables scripts; see rules.h. */
#include "overlay/rules.h"
#include "base/num.h"
#include "overlay/dns.h"
#include "overlay/portmap.h"
#include <stddef.h>
#include <string.h>

static const char tables[] =
	"add table inet ck_overlay\n"
	"add table bridge ck_overlay\n"
	"add set inet ck_overlay bridges { type ifname; }\n"
	"add set inet ck_overlay internal { type ifname; }\n"
	"add set inet ck_overlay within { type ifname . ifname; }\n"
	"add set inet ck_overlay members { type ipv4_addr; }\n"
	"add set inet ck_overlay members6 { type ipv6_addr; }\n"
	"add set inet ck_overlay subnets4 { type ipv4_addr; flags interval; }\n"
	"add set inet ck_overlay subnets6 { type ipv6_addr; flags interval; }\n"
	"add set inet ck_overlay near6 { typeof iifname . ip6 daddr; flags interval; }\n"
	"add set inet ck_overlay gateways4 { type ipv4_addr; }\n"
	"add set inet ck_overlay gateways6 { type ipv6_addr; }\n"
	"add set bridge ck_overlay source { type ifname . ether_addr . ipv4_addr; }\n"
	"add set bridge ck_overlay source6 { type ifname . ether_addr . ipv6_addr; }\n"
	"add set bridge ck_overlay target6 { typeof iifname . ether saddr . @nh,384,128; }\n"
	"add chain inet ck_overlay raw_in { type filter hook prerouting priority -300; }\n"
	"add chain inet ck_overlay raw_out { type filter hook output priority -300; }\n"
	"add chain inet ck_overlay vip\n"
	"add chain inet ck_overlay input { type filter hook input priority -10; }\n"
	"add chain inet ck_overlay forward { type filter hook forward priority -10; }\n"
	"add chain bridge ck_overlay ports { type filter hook prerouting priority -300; }\n"
	"add chain bridge ck_overlay veth\n";

static const char flush_rules[] = "flush table inet ck_overlay\n"
				  "flush table bridge ck_overlay\n";

static const char nat_rules[] =
	"add rule inet ck_overlay way_out iifname @bridges oifname != @bridges masquerade\n"
	/* A container that calls its host's published port gets the answer through the host. Where
	 * br_netfilter is on, the interface that the packet came in by is not known here. */
	"add rule inet ck_overlay way_out oifname @bridges ip saddr @subnets4 ct status dnat "
	"masquerade\n"
	"add rule inet ck_overlay way_out oifname @bridges ip6 saddr @subnets6 ct status dnat "
	"masquerade\n";

/* Service VIPs are local to their network's bridge (viproute.c): they answer ping there, and what no
 * task could take is refused. Neither they nor gateways are for other networks or strangers. */
static const char vip_rules[] =
	"add rule inet ck_overlay input iifname != \"lo\" ip daddr @subnets4 "
	"fib daddr . iif type != local drop\n"
	/* For IPv6 that look-up finds addresses only, and VIPs are none. */
	"add rule inet ck_overlay input iifname != \"lo\" ip6 daddr @subnets6 "
	"iifname . ip6 daddr != @near6 drop\n"
	"add rule inet ck_overlay input ip daddr @subnets4 ip daddr != @gateways4 jump vip\n"
	"add rule inet ck_overlay input ip6 daddr @subnets6 ip6 daddr != @gateways6 "
	"meta l4proto != icmpv6 jump vip\n"
	"add rule inet ck_overlay vip icmp type echo-request accept\n"
	"add rule inet ck_overlay vip meta l4proto tcp reject with tcp reset\n"
	"add rule inet ck_overlay vip reject\n";

static const char filter_rules[] =
	"add rule inet ck_overlay input iifname @bridges ip daddr 127.0.0.0/8 drop\n"
	"add rule inet ck_overlay input iifname @bridges ip6 daddr ::1 drop\n"
	/* Others cannot send to loopback, unless somebody has set route_localnet; not then either. */
	"add rule inet ck_overlay input iifname != \"lo\" ip daddr 127.0.0.0/8 "
	"ct direction original ct original ip daddr 127.0.0.0/8 drop\n"
	/* Where br_netfilter is on, these rules see what a bridge passes on within a network too. */
	"add rule inet ck_overlay forward iifname . oifname @within accept\n"
	"add rule inet ck_overlay forward ct state established,related accept\n"
	"add rule inet ck_overlay forward ct status dnat accept\n"
	"add rule inet ck_overlay forward oifname @bridges drop\n"
	"add rule inet ck_overlay forward iifname @internal drop\n"
	"add rule bridge ck_overlay ports iifname \"ckv*\" jump veth\n"
	"add rule bridge ck_overlay veth ether type ip iifname . ether saddr . ip saddr @source "
	"accept\n"
	"add rule bridge ck_overlay veth ether type arp iifname . arp saddr ether . arp saddr ip "
	"@source iifname . ether saddr . arp saddr ip @source accept\n"
	"add rule bridge ck_overlay veth icmpv6 type { nd-router-advert, nd-redirect } drop\n"
	/* The target of an advertisement (RFC 4861 4.4) is 48 bytes behind the start of IPv6's header,
	 * where nothing is in between. */
	"add rule bridge ck_overlay veth icmpv6 type nd-neighbor-advert ip6 nexthdr != icmpv6 "
	"drop\n"
	"add rule bridge ck_overlay veth icmpv6 type nd-neighbor-advert "
	"iifname . ether saddr . @nh,384,128 != @target6 drop\n"
	"add rule bridge ck_overlay veth ether type ip6 iifname . ether saddr . ip6 saddr @source6 "
	"accept\n"
	"add rule bridge ck_overlay veth drop\n";

void rules_base(struct str *s, uint16_t vxlan_port, const struct ipaddr *underlay)
{
	str_add(s, tables);
	portmap_tables(s);
	str_add(s, flush_rules);
	portmap_rules(s, underlay); /* before the masquerade */
	str_add(s, nat_rules);
	/* VXLAN has no authentication: only members may send it, containers never, neither to this
	 * host nor, behind its masquerade, to another. */
	/* Not tracked: the source port of VXLAN is random, each would be a connection of its own. */
	str_addf(s, "add rule inet ck_overlay raw_in udp dport %u notrack\n", vxlan_port);
	str_addf(s, "add rule inet ck_overlay raw_out udp dport %u notrack\n", vxlan_port);
	str_addf(s, "add rule inet ck_overlay input iifname @bridges udp dport %u drop\n",
		 vxlan_port);
	str_addf(s, "add rule inet ck_overlay input udp dport %u ip saddr != @members drop\n",
		 vxlan_port);
	str_addf(s, "add rule inet ck_overlay input udp dport %u ip6 saddr != @members6 drop\n",
		 vxlan_port);
	str_addf(s, "add rule inet ck_overlay forward iifname @bridges udp dport %u drop\n",
		 vxlan_port);
	str_add(s, vip_rules);
	str_add(s, filter_rules);
}

void rules_flush(struct str *s, bool members)
{
	static const char *const sets[] =
		{"set inet ck_overlay bridges",   "set inet ck_overlay internal",
		 "set inet ck_overlay within",    "set inet ck_overlay subnets4",
		 "set inet ck_overlay subnets6",  "set inet ck_overlay near6",
		 "set inet ck_overlay gateways4", "set inet ck_overlay gateways6",
		 "set bridge ck_overlay source",  "set bridge ck_overlay source6",
		 "set bridge ck_overlay target6"};
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		str_addf(s, "flush %s\n", sets[i]);
	portmap_flush(s);
	if (members)
		str_add(s, "flush set inet ck_overlay members\n"
			   "flush set inet ck_overlay members6\n");
}

void rules_drop(struct str *s)
{
	str_add(s, "add table inet ck_overlay\ndelete table inet ck_overlay\n"
		   "add table bridge ck_overlay\ndelete table bridge ck_overlay\n");
}

/* Adding what is there is no error, deleting what is not there is one: so a deletion adds first. */
static void element(struct str *s, bool add, const char *set, const char *key)
{
	str_addf(s, "add element %s { %s }\n", set, key);
	if (!add)
		str_addf(s, "delete element %s { %s }\n", set, key);
}

void rules_network(struct str *s, bool add, const char *bridge, bool internal)
{
	auto_str key = {0}, pair = {0};
	str_addf(&key, "\"%s\"", bridge);
	str_addf(&pair, "\"%s\" . \"%s\"", bridge, bridge);
	element(s, add, "inet ck_overlay within", pair.data);
	element(s, add, "inet ck_overlay bridges", key.data);
	element(s, add && internal, "inet ck_overlay internal", key.data);
}

void rules_subnet(struct str *s, bool add, const char *bridge, const struct ipprefix *subnet,
		  const struct ipaddr *gateway)
{
	char prefix[IPPREFIX_TEXT], ip[IPADDR_TEXT];
	bool v4 = ipaddr_is_v4(gateway);
	if (!ipprefix_is_set(subnet))
		return;
	element(s, add, v4 ? "inet ck_overlay subnets4" : "inet ck_overlay subnets6",
		ipprefix_format(subnet, prefix));
	element(s, add, v4 ? "inet ck_overlay gateways4" : "inet ck_overlay gateways6",
		ipaddr_format(gateway, ip));
	if (!v4) {
		auto_str near = {0};
		str_addf(&near, "\"%s\" . %s", bridge, prefix);
		element(s, add, "inet ck_overlay near6", near.data);
	}
}

void rules_source(struct str *s, bool add, const char *veth, const uint8_t mac[6],
		  const struct ipaddr *ip)
{
	char text[IPADDR_TEXT], hex[2 * IPADDR_BYTES + 1];
	auto_str key = {0}, target = {0};
	str_addf(&key, "\"%s\" . %02x:%02x:%02x:%02x:%02x:%02x . %s", veth, mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5], ipaddr_format(ip, text));
	if (ipaddr_is_v4(ip)) {
		element(s, add, "bridge ck_overlay source", key.data);
		return;
	}
	element(s, add, "bridge ck_overlay source6", key.data);
	hex_encode(ip->bytes, IPADDR_BYTES, hex);
	str_addn(&target, key.data, key.len - strlen(text));
	str_addf(&target, "0x%s", hex);
	element(s, add, "bridge ck_overlay target6", target.data);
}

void rules_member(struct str *s, bool add, const struct ipaddr *vtep)
{
	char text[IPADDR_TEXT];
	element(s, add, ipaddr_is_v4(vtep) ? "inet ck_overlay members" : "inet ck_overlay members6",
		ipaddr_format(vtep, text));
}

/* Stateless, not NAT: that would switch on connection tracking for all of the container's packets.
 * The query changes before tracking and its answer after it, so that a container that tracks sees one
 * connection. */
static void redirect(struct str *s, const char *proto, uint16_t port)
{
	str_addf(s, "add rule ip ck_resolver query ip daddr %s %s dport 53 %s dport set %u\n",
		 DNS_ADDRESS, proto, proto, port);
	str_addf(s, "add rule ip ck_resolver answer ip saddr %s %s sport %u %s sport set 53\n",
		 DNS_ADDRESS, proto, port, proto);
}

void rules_resolver(struct str *s, uint16_t udp_port, uint16_t tcp_port)
{
	/* Flushed, not deleted: in a fresh namespace a deletion costs a wait of 10 ms for nothing. */
	str_add(s, "add table ip ck_resolver\n"
		   "add chain ip ck_resolver query { type filter hook output priority -300; }\n"
		   "add chain ip ck_resolver answer { type filter hook output priority 100; }\n"
		   "flush table ip ck_resolver\n");
	redirect(s, "udp", udp_port);
	redirect(s, "tcp", tcp_port);
}
