/* SPDX-License-Identifier: Apache-2.0
 *
 * The seam to the kernel's network on one host. Knows no stacks and no services: networks,
 * sandboxes (a network namespace for one container), peers, published ports and names, as plain
 * structs. Every call states what should be and is idempotent: what is there already is adopted,
 * what differs is replaced. All kernel names it owns start with "ck".
 *
 * One bridge and one VXLAN device (nolearning) for each network that has a sandbox here; the
 * network's gateway address sits on every host's bridge with one MAC. FDB and neighbour entries
 * are a desired table, written with replace semantics, dumped, compared and mended on a timer.
 */
#pragma once
#include "base/err.h"
#include "base/ipaddr.h"
#include "base/loop.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

struct overlay;

#define OV_KEY_BYTES 32

struct ov_tunnel {                 /* this node's WireGuard: what encrypted networks go through */
	uint8_t key[OV_KEY_BYTES]; /* private */
	struct ipaddr address;     /* inside; peers know it too */
	uint16_t port;             /* UDP, on the underlay */
};
enum ov_vip_path { OV_VIP_AUTO, OV_VIP_EBPF, OV_VIP_NFT }; /* see vip.h */

struct overlay_config {
	const char *run_dir;  /* sandboxes are bind-mounted in RUN/netns/ID */
	const char *underlay; /* interface name or address of it; NULL: that of the default route */
	uint16_t vxlan_port;  /* 0: 4789 */
	int mtu;              /* of networks; 0: underlay route's less 50 */
	const struct ov_tunnel *tunnel; /* copied; NULL: no encrypted networks here */
	/* Between comparisons of the tables; 0: 1000. Longer where they are very long. */
	unsigned check_ms;
#define OV_CHECK_NEVER 0xffffffffu /* only when overlay_check is called */
	bool no_fast;              /* packets between containers go by the bridges only */
	enum ov_vip_path vip; /* how VIPs are reached; OV_VIP_AUTO: ebpf where it works, else nft */
	const struct kvlist
		*parents; /* names of interfaces here, for ov_network; copied; may be NULL */
};

int overlay_open(struct loop *l, const struct overlay_config *c, struct overlay **ret,
		 struct err *err);
void overlay_close(struct overlay *o);                  /* leaves the kernel's state as it is */
struct ipaddr overlay_address(const struct overlay *o); /* this host's VTEP */
/* Subnets on this host's own links, as text, appended: no network may overlap them. */
void overlay_own_subnets(struct overlay *o, struct strlist *out);
/* Removes everything carrack owns in this host's network (after the last container is gone). What is
 * wiped has nothing to compare or mend, and is opened anew before its next use. */
int overlay_wipe(struct overlay *o, struct err *err);
bool overlay_wiped(const struct overlay *o);

/* What a network is: VXLAN between hosts, or a place on the physical network that one of this host's
 * interfaces is on: by macvlan or ipvlan (in its l2 mode), or by a bridge that has it as a port. */
enum ov_driver { OV_OVERLAY, OV_MACVLAN, OV_IPVLAN, OV_BRIDGED };
enum ov_macvlan { OV_MACVLAN_BRIDGE, OV_MACVLAN_PRIVATE, OV_MACVLAN_VEPA };

struct ov_network {
	const char *id; /* hex */
	uint32_t vni;
	/* Either family may be missing (not set), not both; gateways are inside their subnets. */
	struct ipprefix subnet, subnet6;
	struct ipaddr gateway, gateway6;
	int mtu;       /* 0: the config's */
	bool internal; /* no way out */
	bool encrypted; /* VXLAN through the tunnel only; vtep of its peers is their tunnel address */
	/* Of all but OV_OVERLAY. The gateways are the physical network's; peers are not told. */
	enum ov_driver driver;
	enum ov_macvlan macvlan;
	char parent
		[32]; /* an interface, one of the config's names, or either with ".VLAN" behind */
};
int overlay_network_set(struct overlay *o, const struct ov_network *n, struct err *err);
int overlay_network_del(struct overlay *o, const char *network_id, struct err *err);

struct ov_tunnel_peer { /* another node's WireGuard; no padding that is not zero */
	struct ipaddr address, underlay;
	uint16_t port;
	uint8_t key[OV_KEY_BYTES], next[OV_KEY_BYTES];
	bool has_next; /* it turns to the key next soon */
};
/* All of them; the call replaces what was there. */
int overlay_tunnel_peers(struct overlay *o, const struct ov_tunnel_peer *peers, size_t n,
			 struct err *err);
int overlay_tunnel_key(struct overlay *o, const uint8_t key[OV_KEY_BYTES], struct err *err);

struct ov_peer {               /* an endpoint on another host */
	struct ipaddr ip, ip6; /* one may be missing */
	uint8_t mac[6];
	struct ipaddr vtep;
};
int overlay_peer_set(struct overlay *o, const char *network_id, const struct ov_peer *p,
		     struct err *err);
/* ip: the peer's first address, ip where it has one, else ip6; it is what tells peers apart. */
int overlay_peer_del(struct overlay *o, const char *network_id, const struct ipaddr *ip,
		     struct err *err);

struct ov_endpoint { /* a sandbox's place on one network */
	const char *network_id;
	struct ipaddr ip, ip6; /* one may be missing */
	uint8_t mac[6];
	const char *ifname;         /* inside; NULL: eth0, eth1, ... by place */
	const struct ipaddr *extra; /* more addresses, link-local ones; seen on this host only */
	size_t n_extra;
	int64_t gw_priority; /* the highest has the default route; the first of equal ones */
};
struct ov_publish {            /* a host port that leads into the sandbox */
	struct ipaddr host_ip; /* none: all of both families; 0.0.0.0, :::  all of one */
	uint16_t host_port;    /* 0: chosen and written back by overlay_sandbox_set */
	uint16_t first, last;  /* where host_port is in use, one of these, written back; 0: none */
	uint16_t target;
	uint8_t proto; /* IPPROTO_TCP, _UDP, _SCTP */
};
struct ov_sandbox {
	const char *id;                      /* the task's */
	const struct ov_endpoint *endpoints; /* internal ones never have the default route */
	size_t n_endpoints;
	struct ov_publish *publish;
	size_t n_publish;
	const struct kvlist *sysctls; /* net.* only, set inside; may be NULL */
	/* Resolver addresses for names carrack does not know; empty: the host's resolv.conf. */
	const struct strlist *dns;
};
/* Makes or mends the namespace with lo up, one veth for each endpoint (eth0, eth1, ...), routes,
 * ports and the resolver on 127.0.0.11:53. *ret_path (caller frees): the namespace's path.
 * -EADDRINUSE with a sentence when a host port is taken. On failure nothing of it is left. */
int overlay_sandbox_set(struct overlay *o, const struct ov_sandbox *s, char **ret_path,
			struct err *err);
int overlay_sandbox_del(struct overlay *o, const char *id, struct err *err);
/* The namespace's path, borrowed; NULL: no such sandbox here. */
const char *overlay_sandbox_path(const struct overlay *o, const char *id);
/* Ids of the sandboxes found on this host (after a restart), appended. */
int overlay_sandbox_list(struct overlay *o, struct strlist *ids, struct err *err);

/* Where the ports of a sandbox lead: its first network with a way out. false: no such sandbox here. */
bool overlay_sandbox_address(struct overlay *o, const char *id, struct ipaddr *ip,
			     struct ipaddr *ip6);

struct ov_backend {            /* what serves a published port */
	struct ipaddr ip, ip6; /* one may be missing */
	uint16_t port;
};
struct ov_ingress_port {       /* a host port that leads to whatever serves it now */
	struct ipaddr host_ip; /* none: all of both families; 0.0.0.0, :::  all of one */
	uint16_t port;
	uint8_t proto;
	bool far; /* backends are other hosts, which take the same port; else containers here */
	const struct ov_backend *backends; /* new flows are spread over them; none: refused */
	size_t n;
};
/* The whole list of ports of one id; n 0 removes it. A port that another program holds is left to that
 * and tried again by the check: overlay_ingress_why appends a sentence and says true while there is one. */
int overlay_ingress_set(struct overlay *o, const char *id, const struct ov_ingress_port *ports,
			size_t n, struct err *err);
bool overlay_ingress_why(const struct overlay *o, const char *id, struct str *out);
/* Ids of what is set, also by an earlier life, appended. */
void overlay_ingress_list(const struct overlay *o, struct strlist *ids);

/* Names: on each network, name -> addresses of both families in rotating order. Replaces what the name had; n 0
 * removes it. Names are compared without case. known names without addresses answer NODATA only
 * if `overlay_name_set` was called with n 0 and keep true. */
int overlay_name_set(struct overlay *o, const char *network_id, const char *name,
		     const struct ipaddr *addrs, size_t n, bool keep);

/* The same for a name such as _http._tcp.web: SRV (RFC 2782) leads to that port of the addresses. */
int overlay_srv_set(struct overlay *o, const char *network_id, const char *name, uint16_t port,
		    const struct ipaddr *addrs, size_t n, bool keep);

int overlay_underlay_mtu(const struct overlay *o);
int overlay_overhead(const struct overlay *o); /* bytes of a packet that VXLAN takes */
/* 0: the network is not on this host. */
int overlay_network_mtu(struct overlay *o, const char *network_id);
/* Compares everything with the kernel at once instead of at the next check, and mends. */
void overlay_check(struct overlay *o);
/* What differs now, nothing mended: calls each with the network's id (NULL: of none) and a phrase. For a
 * forked copy of the process only: o can do nothing else afterwards. */
int overlay_compare(struct overlay *o, void (*each)(const char *id, const char *text, void *),
		    void *arg, struct err *err);
/* VIPs: an address of the network that leads to one of the tasks, for each connection anew; none:
 * connections are refused. It answers ping in any case. Replaces what it led to before. */
int overlay_vip_set(struct overlay *o, const char *network_id, const struct ipaddr *vip,
		    const struct ipaddr *tasks, size_t n, struct err *err);
int overlay_vip_del(struct overlay *o, const char *network_id, const struct ipaddr *vip,
		    struct err *err);
const char *overlay_vip_path(const struct overlay *o); /* "ebpf" or "nft" */
/* What OV_VIP_AUTO would take here, and why it is not ebpf (NULL: it is; caller frees). */
enum ov_vip_path overlay_vip_probe(char **why);

struct ov_fast { /* packets that went past the bridges since the programs were loaded */
	uint64_t local, sent, received; /* on this host; to and from others */
};
/* false: all go by the bridges. */
bool overlay_fast(const struct overlay *o, struct ov_fast *ret);
/* Would it work here? If not, why (caller frees). Leaves nothing behind. */
bool overlay_fast_probe(char **why);
/* What may be a parent here, name by name (config's names too), appended: to parents with "" or why it can be
 * none at all, to no_bridge with why no bridge can have it. As of the last check. */
void overlay_parents(const struct overlay *o, struct kvlist *parents, struct kvlist *no_bridge);
unsigned overlay_parents_changes(
	const struct overlay *o); /* another number whenever that changed */

struct ov_stats {
	uint64_t networks, sandboxes, peers, mended; /* mended: entries found wrong and set right */
};
void overlay_stats(const struct overlay *o, struct ov_stats *out);
