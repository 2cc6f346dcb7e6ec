/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of carrack's nftables rules: two tables with sets and maps, so that a packet costs the
 * same with one container and with thousands. Pure: appends to a script, runs nothing.
 *
 * inet ck_overlay    forwarding between networks, masquerade, who may send VXLAN; published ports:
 *                    portmap.h
 * bridge ck_overlay  each veth may send only with its own MAC and IP, in IPv4, IPv6 and ARP alike;
 *                    it is no router, and advertises no neighbour but itself
 */
#pragma once
#include "base/ipaddr.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

/* Tables, sets, chains and rules; elements that are there stay. */
void rules_base(struct str *s, uint16_t vxlan_port, const struct ipaddr *underlay);
/* Empties the sets; members (the hosts that may send VXLAN) only when asked. */
void rules_flush(struct str *s, bool members);
void rules_drop(struct str *s); /* removes both tables */

void rules_network(struct str *s, bool add, const char *bridge, bool internal);
/* A network's addresses, so that those of its VIPs are told from a gateway's; none: nothing. */
void rules_subnet(struct str *s, bool add, const char *bridge, const struct ipprefix *subnet,
		  const struct ipaddr *gateway);
void rules_source(struct str *s, bool add, const char *veth, const uint8_t mac[6],
		  const struct ipaddr *ip);
void rules_member(struct str *s, bool add, const struct ipaddr *vtep);
/* Inside a sandbox: the resolver's address leads to where the agent listens, so that the container
 * may have port 53 for itself. */
void rules_resolver(struct str *s, uint16_t udp_port, uint16_t tcp_port);
