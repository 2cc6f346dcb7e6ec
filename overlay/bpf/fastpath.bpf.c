/* SPDX-License-Identifier: Apache-2.0
 *
 * The fast path between containers of a network, by three programs at tc's ingress:
 *
 *   ck_port      what a container sends goes to the other container's namespace, or into the
 *                network's VXLAN link, past the bridge
 *   ck_underlay  VXLAN for a container here is unwrapped where it arrives, past IP, UDP and the VXLAN
 *                link
 *   ck_tunnel    what comes out of a VXLAN link goes to the container's namespace, past the bridge
 *
 * Whatever a program is not sure of it leaves alone (TC_ACT_UNSPEC): the bridge, whose rules and tables
 * say the same, decides. So the bridge's rules against forging are kept here as well: source MAC and
 * address are the port's own, and of IPv6 only what cannot be neighbour discovery. Needs Linux 5.10
 * (bpf_redirect_peer).
 */
#include "overlay/bpf/fastpath_maps.h"
#include <linux/bpf.h>
/* above the next ones */
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <stdbool.h>

#define FRAGMENT  0x3fff     /* offset and "more fragments" */
#define VXLAN_VNI 0x08000000 /* RFC 7348, 5: flags; nothing else may be set */
#define ECHO6     128        /* ICMPv6, and 129 */
#define TO_US     0          /* PACKET_HOST */

struct vxlan {
	__be32 flags, vni;
};
struct wrap4 { /* the inner Ethernet header follows */
	struct iphdr ip;
	struct udphdr udp;
	struct vxlan vxlan;
};
struct wrap6 {
	struct ipv6hdr ip;
	struct udphdr udp;
	struct vxlan vxlan;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fast_self);
} ck_self SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* the agent says how many */
	__type(key, __u32);
	__type(value, struct fast_link);
} ck_links SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct fast_mac);
	__type(value, struct fast_dest);
} ck_dests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FAST_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} ck_count SEC(".maps");

static __always_inline void count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&ck_count, &what);
	if (n)
		++*n;
}

static __always_inline bool same(const struct fast_addr *a, const __be32 *w)
{
	return a->w[3] == w[3] && a->w[2] == w[2] && a->w[1] == w[1] && a->w[0] == w[0];
}

static __always_inline bool same4(const struct fast_addr *a, __be32 ip)
{
	return a->w[3] == ip && a->w[2] == bpf_htonl(0xffff) && !a->w[1] && !a->w[0];
}

static __always_inline bool same_mac(const __u8 *a, const __u8 *b)
{
	const __u16 *v = (const void *)a, *w = (const void *)b;
	return v[0] == w[0] && v[1] == w[1] && v[2] == w[2];
}

static __always_inline const struct fast_dest *find(__u32 vni, const __u8 *mac)
{
	struct fast_mac key = {.vni = vni};
	__builtin_memcpy(key.mac, mac, ETH_ALEN);
	return bpf_map_lookup_elem(&ck_dests, &key);
}

/* May this come out of the port? */
static __always_inline bool own_source(const struct fast_link *l, const struct ethhdr *eth,
				       const void *end)
{
	const struct iphdr *ip = (const void *)(eth + 1);
	const struct ipv6hdr *ip6 = (const void *)(eth + 1);
	if (!same_mac(eth->h_source, l->mac))
		return false;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return (const void *)(ip + 1) <= end && ip->version == 4 && ip->ihl >= 5 &&
		       same4(&l->ip, ip->saddr);
	if (eth->h_proto != bpf_htons(ETH_P_IPV6) || (const void *)(ip6 + 1) > end ||
	    ip6->version != 6 || !same(&l->ip6, ip6->saddr.in6_u.u6_addr32))
		return false;
	if (ip6->nexthdr == IPPROTO_ICMPV6) {
		const __u8 *type = (const void *)(ip6 + 1);
		return (const void *)(type + 1) <= end && (*type & ~1) == ECHO6;
	}
	return ip6->nexthdr == IPPROTO_TCP || ip6->nexthdr == IPPROTO_UDP ||
	       ip6->nexthdr == IPPROTO_SCTP;
}

SEC("tc") int ck_port(struct __sk_buff *skb)
{
	const void *data = (const void *)(long)skb->data, *end = (const void *)(long)skb->data_end;
	const struct ethhdr *eth = data;
	__u32 index = skb->ifindex;
	const struct fast_link *l = bpf_map_lookup_elem(&ck_links, &index);
	if (!l || (const void *)(eth + 1) > end || skb->vlan_present || !own_source(l, eth, end))
		return TC_ACT_UNSPEC;
	if (!skb->gso_size && skb->len > l->mtu + ETH_HLEN) /* the bridge drops it */
		return TC_ACT_UNSPEC;
	const struct fast_dest *to = find(l->vni, eth->h_dest);
	if (!to || to->ifindex == index)
		return TC_ACT_UNSPEC;
	count(to->local ? FAST_OUT_LOCAL : FAST_OUT_TUNNEL);
	return to->local ? bpf_redirect_peer(to->ifindex, 0) : bpf_redirect(to->ifindex, 0);
}

SEC("tc") int ck_tunnel(struct __sk_buff *skb)
{
	const void *data = (const void *)(long)skb->data, *end = (const void *)(long)skb->data_end;
	const struct ethhdr *eth = data;
	__u32 index = skb->ifindex;
	const struct fast_link *l = bpf_map_lookup_elem(&ck_links, &index);
	if (!l || (const void *)(eth + 1) > end || skb->vlan_present ||
	    (!skb->gso_size && skb->len > l->mtu + ETH_HLEN))
		return TC_ACT_UNSPEC;
	if (eth->h_proto != bpf_htons(ETH_P_IP) && eth->h_proto != bpf_htons(ETH_P_IPV6))
		return TC_ACT_UNSPEC;
	const struct fast_dest *to = find(l->vni, eth->h_dest);
	if (!to || !to->local)
		return TC_ACT_UNSPEC;
	count(FAST_IN_TUNNEL);
	return bpf_redirect_peer(to->ifindex, 0);
}

static __always_inline bool sum_right(const struct iphdr *ip)
{
	const __u16 *w = (const void *)ip;
	__u32 sum = 0;
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += w[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

static __always_inline bool wrapped(const struct udphdr *udp, const struct vxlan *v,
				    const struct fast_self *self, __u32 len)
{
	return udp->dest == bpf_htons(self->port) && udp->check == 0 &&
	       bpf_ntohs(udp->len) == len && v->flags == bpf_htonl(VXLAN_VNI) &&
	       !(v->vni & bpf_htonl(0xff));
}

/* Cut off cut bytes behind the Ethernet header and put the inner one in its place. */
static __always_inline int unwrap(struct __sk_buff *skb, const struct ethhdr *in, __u32 cut,
				  __u64 family, const struct fast_dest *to)
{
	struct ethhdr eth = *in;
	__u32 index = to->ifindex;
	/* As the VXLAN link does: what the network card verified first was the outer checksum. */
	if (bpf_skb_adjust_room(skb, -(__s32)cut, BPF_ADJ_ROOM_MAC,
				BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET | family) <
	    0)
		return TC_ACT_UNSPEC;
	(void)bpf_csum_level(skb, BPF_CSUM_LEVEL_DEC);
	if (bpf_skb_store_bytes(skb, 0, &eth, sizeof(eth), 0) < 0)
		return TC_ACT_SHOT;
	count(FAST_IN_UNDERLAY);
	return bpf_redirect_peer(index, 0);
}

/* Which flag says that the inner family differs from the outer one (Linux 6.3); -1: neither. */
static __always_inline __s64 family_of(__be16 inner, __be16 outer)
{
	if (inner == outer)
		return 0;
	if (inner == bpf_htons(ETH_P_IP))
		return 1 << 7; /* BPF_F_ADJ_ROOM_DECAP_L3_IPV4 */
	return inner == bpf_htons(ETH_P_IPV6) ? 1 << 8 : -1;
}

/* The port that a frame of the underlay is for, if it comes from the host that has its source. */
static __always_inline const struct fast_dest *receiver(const struct ethhdr *in,
							const struct vxlan *v,
							const struct fast_addr *from)
{
	__u32 vni = bpf_ntohl(v->vni) >> 8;
	const struct fast_dest *to = find(vni, in->h_dest);
	if (!to || !to->local)
		return NULL;
	const struct fast_dest *by = find(vni, in->h_source);
	return by && !by->local && from->w[3] && same(&by->vtep, from->w) ? to : NULL;
}

static __always_inline int underlay4(struct __sk_buff *skb, const struct fast_self *self)
{
	const void *end = (const void *)(long)skb->data_end;
	const struct wrap4 *w = (const void *)(long)skb->data + ETH_HLEN;
	const struct ethhdr *in = (const void *)(w + 1);
	if ((const void *)(in + 1) > end || w->ip.ihl != 5 || w->ip.protocol != IPPROTO_UDP ||
	    w->ip.frag_off & bpf_htons(FRAGMENT) || !same4(&self->addr, w->ip.daddr))
		return TC_ACT_UNSPEC;
	__u32 len = bpf_ntohs(w->ip.tot_len);
	if (len + ETH_HLEN != skb->len || !wrapped(&w->udp, &w->vxlan, self, len - sizeof(w->ip)) ||
	    !sum_right(&w->ip))
		return TC_ACT_UNSPEC;
	struct fast_addr from = {.w = {0, 0, bpf_htonl(0xffff), w->ip.saddr}};
	const struct fast_dest *to = receiver(in, &w->vxlan, &from);
	__s64 family = family_of(in->h_proto, bpf_htons(ETH_P_IP));
	return to && family >= 0 ? unwrap(skb, in, sizeof(*w) + ETH_HLEN, (__u64)family, to)
				 : TC_ACT_UNSPEC;
}

static __always_inline int underlay6(struct __sk_buff *skb, const struct fast_self *self)
{
	const void *end = (const void *)(long)skb->data_end;
	const struct wrap6 *w = (const void *)(long)skb->data + ETH_HLEN;
	const struct ethhdr *in = (const void *)(w + 1);
	if ((const void *)(in + 1) > end || w->ip.nexthdr != IPPROTO_UDP ||
	    !same(&self->addr, w->ip.daddr.in6_u.u6_addr32))
		return TC_ACT_UNSPEC;
	__u32 len = bpf_ntohs(w->ip.payload_len);
	if (len + sizeof(w->ip) + ETH_HLEN != skb->len || !wrapped(&w->udp, &w->vxlan, self, len))
		return TC_ACT_UNSPEC;
	struct fast_addr from;
	__builtin_memcpy(&from, &w->ip.saddr, sizeof(from));
	const struct fast_dest *to = receiver(in, &w->vxlan, &from);
	__s64 family = family_of(in->h_proto, bpf_htons(ETH_P_IPV6));
	return to && family >= 0 ? unwrap(skb, in, sizeof(*w) + ETH_HLEN, (__u64)family, to)
				 : TC_ACT_UNSPEC;
}

/* What was aggregated (gso_size) goes the long way: only the VXLAN link can take the mark of a tunnel
 * off such a packet, and without that a network card would send it on wrongly. */
SEC("tc") int ck_underlay(struct __sk_buff *skb)
{
	__u32 zero = 0;
	if (skb->gso_size || skb->vlan_present || skb->pkt_type != TO_US)
		return TC_ACT_UNSPEC;
	const struct fast_self *self = bpf_map_lookup_elem(&ck_self, &zero);
	if (!self)
		return TC_ACT_UNSPEC;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return underlay4(skb, self);
	return skb->protocol == bpf_htons(ETH_P_IPV6) ? underlay6(skb, self) : TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Apache-2.0";
