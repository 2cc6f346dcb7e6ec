/* SPDX-License-Identifier: Apache-2.0
 * Telling the physical network where an address is now; see lan.h. ARP: RFC 5227 2.3, a request with the
 * address as sender and as target. IPv6: RFC 4861 7.2.6, an advertisement to all nodes. */
#include "base/fd.h"
#include "base/log.h"
#include "overlay/lan.h"
#include "overlay/netns.h"
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <string.h>

/* The protocol is said: older kernels do not find it themselves on ipvlan, and the guard drops what is
 * of none. */
static void send_frame(int fd, int index, const void *frame, size_t len)
{
	const struct ether_header *eth = frame;
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = eth->ether_type,
				 .sll_ifindex = index};
	if (sendto(fd, frame, len, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to)) < 0)
		log_debug("overlay", "an address is not told to its network: %m"); /* again soon */
}

static void send_arp(int fd, const struct link_info *li, const struct ipaddr *ip)
{
	struct {
		struct ether_header eth;
		struct ether_arp arp;
	} __attribute__((packed)) f = {
		.eth.ether_type = htons(ETHERTYPE_ARP),
		.arp = {.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
				   .ar_pro = htons(ETHERTYPE_IP),
				   .ar_hln = ETH_ALEN,
				   .ar_pln = 4,
				   .ar_op = htons(ARPOP_REQUEST)}},
	};
	memset(f.eth.ether_dhost, 0xff, ETH_ALEN);
	memcpy(f.eth.ether_shost, li->mac, ETH_ALEN);
	memcpy(f.arp.arp_sha, li->mac, ETH_ALEN);
	memcpy(f.arp.arp_spa, ip->bytes, 4);
	memcpy(f.arp.arp_tpa, ip->bytes, 4);
	send_frame(fd, li->index, &f, sizeof(f));
}

static uint16_t checksum(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

struct advertisement {
	struct ether_header eth;
	struct ip6_hdr ip;
	struct nd_neighbor_advert na;
	uint8_t option[2 + ETH_ALEN];
} __attribute__((packed));

static void send_na(int fd, const struct link_info *li, const struct ipaddr *ip)
{
	static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
	static const uint8_t group_mac[ETH_ALEN] = {0x33, 0x33, 0, 0, 0, 1};
	struct advertisement f = {.eth.ether_type = htons(ETHERTYPE_IPV6)};
	size_t body = sizeof(f.na) + sizeof(f.option);
	memcpy(f.eth.ether_dhost, group_mac, ETH_ALEN);
	memcpy(f.eth.ether_shost, li->mac, ETH_ALEN);
	f.ip.ip6_flow = htonl(6U << 28);
	f.ip.ip6_plen = htons((uint16_t)body);
	f.ip.ip6_nxt = IPPROTO_ICMPV6;
	f.ip.ip6_hlim = 255;
	memcpy(&f.ip.ip6_src, ip->bytes, 16);
	memcpy(&f.ip.ip6_dst, all_nodes, 16);
	f.na.nd_na_type = ND_NEIGHBOR_ADVERT;
	f.na.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
	memcpy(&f.na.nd_na_target, ip->bytes, 16);
	f.option[0] = ND_OPT_TARGET_LINKADDR;
	f.option[1] = 1;
	memcpy(f.option + 2, li->mac, ETH_ALEN);
	/* The pseudo header of RFC 8200 8.1: both addresses, length and next header. */
	uint32_t sum = IPPROTO_ICMPV6 + (uint32_t)body;
	uint8_t packet[32 + sizeof(f.na) + sizeof(f.option)];
	memcpy(packet, &f.ip.ip6_src, 32);
	memcpy(packet + 32, &f.na, body);
	f.na.nd_na_cksum = htons(checksum(sum, packet, sizeof(packet)));
	send_frame(fd, li->index, &f, sizeof(f));
}

/* The thread is in the sandbox. */
static void tell_endpoint(int fd, struct nlsock *nl, const struct endpoint *e)
{
	struct link_info li;
	if (link_find(nl, e->ifname, &li, NULL) < 0)
		return;
	if (ipaddr_is_set(&e->ip))
		send_arp(fd, &li, &e->ip);
	if (ipaddr_is_set(&e->ip6))
		send_na(fd, &li, &e->ip6);
}

static bool on_lan(struct overlay *o, const struct endpoint *e)
{
	const struct network *n = network_get(o, e->network_id);
	return n && lan_is(n);
}

static void tell(struct overlay *o, struct sandbox *s)
{
	auto_close int ns = netns_open(s->path, NULL);
	s->announce--;
	if (ns < 0 || netns_enter(ns, NULL) < 0)
		return;
	auto_nlsock *nl = NULL;
	auto_close int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd >= 0 && nlsock_open(&nl, NULL) == 0)
		for (size_t i = 0; i < s->n_endpoints; i++)
			if (on_lan(o, &s->endpoints[i]))
				tell_endpoint(fd, nl, &s->endpoints[i]);
	netns_leave(o->home);
}

/* The first may be lost: a bridge's port opens when the kernel gets round to it, and switches have their
 * moods. RFC 5227 2.3 wants two, two seconds apart. */
static void later(struct overlay *o, unsigned left)
{
	static const unsigned wait_ms[LAN_ANNOUNCE] = {0, 2000, 1000, 500, 150, 50};
	if (left)
		timer_set(o->lan.announce, wait_ms[left < LAN_ANNOUNCE ? left : LAN_ANNOUNCE - 1]);
}

static void run(void *overlay)
{
	struct overlay *o = overlay;
	unsigned most = 0;
	map_each(&o->sandboxes, e)
	{
		struct sandbox *s = e->val;
		if (s->announce)
			tell(o, s);
		most = s->announce > most ? s->announce : most;
	}
	later(o, most);
}

void announce_open(struct overlay *o)
{
	o->lan.announce = timer_new(o->loop, run, o);
}

void announce_sandbox(struct overlay *o, struct sandbox *s)
{
	bool any = false;
	for (size_t i = 0; i < s->n_endpoints; i++)
		any |= on_lan(o, &s->endpoints[i]);
	if (!any)
		return;
	s->announce = LAN_ANNOUNCE;
	tell(o, s);
	later(o, s->announce);
}

void announce_network(struct overlay *o, const struct network *n)
{
	map_each(&o->sandboxes, e)
	{
		struct sandbox *s = e->val;
		for (size_t i = 0; i < s->n_endpoints; i++)
			if (streq(s->endpoints[i].network_id, n->id))
				s->announce = LAN_ANNOUNCE;
	}
	later(o, LAN_ANNOUNCE);
}
