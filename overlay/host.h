/* SPDX-License-Identifier: Apache-2.0
 *
 * The overlay of one host from the inside: what should be, in memory, and the handles to write it.
 * Shared by the files that implement overlay.h; nobody else includes it.
 */
#pragma once
#include "base/map.h"
#include "overlay/bridge.h"
#include "overlay/fdb.h"
#include "overlay/link.h"
#include "overlay/names.h"
#include "overlay/nft.h"
#include "overlay/overlay.h"
#include "overlay/underlay.h"
#include "overlay/upstream.h"
#include "overlay/vip.h"
#include "overlay/wireguard.h"
#include <net/if.h>

#define HOST_ID_MAX    128
#define HOST_SETTLE_MS 60000 /* after a start: what nobody asked for until then is left over */

struct network {
	char *id;
	struct ov_network spec; /* spec.id is id */
	char bridge[IFNAMSIZ], vxlan[IFNAMSIZ];
	int bridge_index, vxlan_index;
	struct map peers; /* address text -> struct ov_peer */
	struct map
		dirty; /* address text -> struct ov_peer as the kernel has it; mac 0: not at all */
	struct names names;
	uint64_t strays_after_ms; /* entries found in the kernel before this are left alone */
	bool asked;               /* overlay_network_set was called for it in this life */
	struct {                  /* of a network on the physical network; lan.h */
		int parent, mtu;  /* parent: index, 0: not found yet */
		bool running;     /* it has a carrier */
		char *why;        /* it is cut off, for this reason; NULL: it is not */
	} lan;
};

struct endpoint {
	char *network_id;
	struct ipaddr ip, ip6; /* one may be missing */
	uint8_t mac[6];
	char ifname[IFNAMSIZ]; /* inside */
	struct ipaddr *extra;
	size_t n_extra;
	int64_t gw_priority;
	char veth[IFNAMSIZ];
	int veth_index; /* 0: not there */
	bool inside; /* macvlan, ipvlan: there is no veth, and veth_index is of the link inside */
};

struct published {
	struct ov_publish spec; /* host_port is the real one */
	struct hold *hold;      /* NULL: not held, or the kernel lacks the protocol */
	bool held;              /* else adopted: told to be there by an earlier life */
};

struct sandbox {
	struct overlay *host;
	char *id, *path;
	struct endpoint *endpoints;
	size_t n_endpoints;
	struct published *ports;
	size_t n_ports;
	bool served;               /* an ingress led to it */
	uint16_t dns_udp, dns_tcp; /* where the resolver listens; 0: not known */
	char *resolver_rules; /* the table that leads to it, as it should list; NULL: not known */
	uint32_t nft_seen;    /* generation up to which its own packet filter is right; 0: none */
	struct dns *dns;      /* NULL: found after a restart and not yet asked for */
	unsigned announce;    /* times that the physical network is still to be told of it */
	char *guard;          /* the listing of its guards (lanend.c); NULL: none */
	uint32_t guard_seen;  /* as nft_seen */
};

/* See tunnel.c. */
struct tunnel {
	struct ov_tunnel self;
	bool given; /* self was set */
	char *path; /* of the namespace */
	int ns;     /* -1: not up */
	struct nlsock *nl;
	struct wg *wg;
	int index; /* of the device, in ns */
	int mtu;
	struct ov_tunnel_peer *peers;
	size_t n_peers;
	bool peers_known; /* until then those of an earlier life stay */
};

struct overlay {
	struct loop *loop;
	char *netns_dir, *state_dir;
	int home; /* the host's namespace */
	struct nlsock *nl;
	struct nft *nft;
	int nft_gen; /* descriptor of nftgen.h */
	uint32_t
		nft_seen; /* generation up to which the packet filter is known to be right; 0: none */
	struct underlay underlay;
	struct tunnel tunnel;
	uint16_t vxlan_port;
	int mtu;
	unsigned check_ms;
	struct map networks;  /* id -> struct network */
	struct map sandboxes; /* id -> struct sandbox */
	struct map members;   /* VTEP text -> number of its peers, as a pointer */
	struct str members_script;
	struct map ingress; /* id -> struct ingress */
	struct map dead;    /* address text: of containers that are gone, for stale.c */
	struct {
		struct kvlist names;              /* of interfaces, by the configuration */
		struct kvlist parents, no_bridge; /* see overlay_parents */
		unsigned changes;
		struct timer *announce;
	} lan;
	struct upstream *upstream;
	struct vips *vips;
	struct fastpath *fast; /* NULL: not used */
	struct timer *check, *flush, *stale;
	uint64_t opened_ms, mended;
	uint64_t costs_ms[4]; /* of the last checks that mended nothing */
	size_t n_costs;
	bool settled, wiped;
	void (*look)(const char *network_id, const char *text, void *arg); /* see check_found */
	void *look_arg;
	char *tables; /* the tables without their elements, as they should list */
};

bool host_id_ok(const char *id);

/* network.c */
struct network *ov_network_new(const struct ov_network *spec);
struct network *network_get(struct overlay *o, const char *id);
void network_rules(const struct network *n, bool add, struct str *script);
int network_build(struct overlay *o, struct network *n, struct err *err); /* links, addresses */
void ov_network_free(void *network);
int network_mtu(const struct overlay *o, const struct network *n);
void network_mac(const struct network *n, uint8_t mac[6]); /* of its bridge, on every host */
bool network_settings_right(const struct network *n);      /* of its bridge, /proc/sys */
/* What its VXLAN link should be; without the bridge's index. */
void network_vxlan(const struct overlay *o, const struct network *n, struct vxlan_spec *ret);
/* Both addresses are its subnets' and not its gateways'; at least one is there. */
bool network_may_have(const struct network *n, const struct ipaddr *ip, const struct ipaddr *ip6);

/* peers.c */
void peers_entries(const struct network *n, const struct ov_peer *p, struct fdb_list *out);
void peers_forget(struct overlay *o, struct network *n); /* before the network goes */
void peers_flush(void *overlay);

/* sandbox.c */
void sandbox_free(void *sandbox);
void sandbox_entries(const struct overlay *o, const struct network *n, struct fdb_list *out);
int sandbox_rules(struct overlay *o, const struct sandbox *s, bool add, struct str *script);
/* In its namespace: its settings, and 127.0.0.11:53 leads to the resolver. */
void sandbox_sysctls(const struct kv **ret, size_t *ret_n); /* those that every sandbox has */
int sandbox_lead_names(const struct sandbox *s, struct err *err);

/* endpoint.c */
int endpoint_ensure(struct overlay *o, struct endpoint *e, int ns, struct err *err);
/* Their equivalents in a sandbox: names chosen where the specs have none. Caller frees with
 * endpoints_free. */
struct endpoint *endpoints_of(const struct ov_sandbox *spec);
void endpoints_free(struct endpoint *v, size_t n);
bool endpoint_same(const struct endpoint *a, const struct endpoint *b);
/* The one with the default route of a family (AF_INET, AF_INET6); NULL: there is none. */
const struct endpoint *endpoint_outer(struct overlay *o, const struct sandbox *s, int family);
/* The one that published ports lead to: never one on the physical network. */
const struct endpoint *endpoint_served(struct overlay *o, const struct sandbox *s, int family);
/* What its port lets through, or not any more. */
void endpoint_rules(const struct endpoint *e, bool add, struct str *script);
int endpoint_configure(struct overlay *o, struct sandbox *s, struct err *err);
bool endpoint_has_ipv6(const struct endpoint *e);
/* Of its veth in the host. */
int endpoint_mtu(const struct overlay *o, const struct network *n);
void endpoint_entries(const struct network *n, const struct endpoint *e, struct fdb_list *out);
void endpoint_remove(struct overlay *o, const struct endpoint *e);
void endpoint_name(const char *sandbox_id, size_t number, char out[IFNAMSIZ]);

/* publish.c */
int publish_open(struct overlay *o, struct published *p, const char *sandbox_id, struct err *err);
void publish_close(struct published *p);
/* Where ports of a sandbox lead, without the port; false: it has no network with a way out. */
bool publish_backend(struct overlay *o, const struct sandbox *s, struct ov_backend *ret);
void publish_serve(struct published *p,
		   const struct ov_backend *to); /* the held socket's packets */
void publish_rules(const struct published *p, const struct ov_backend *to, bool add,
		   struct str *script);
const char *publish_owner(const struct overlay *o, const struct ipaddr *host_ip, uint16_t port,
			  uint8_t proto);

/* ingress.c */
void ov_ingress_free(void *ingress);
void ingress_rules(const struct overlay *o, struct str *script);
void ingress_retry(struct overlay *o);
bool ingress_far6(const struct overlay *o); /* does a port lead to another host by IPv6? */
int ingress_load(struct overlay *o, const char *id, const struct ov_ingress_port *ports, size_t n,
		 struct err *err);
const char *ingress_owner(const struct overlay *o, const struct ipaddr *host_ip, uint16_t port,
			  uint8_t proto);
/* Do two addresses of published ports exclude each other? Not set: all of both families. */
bool publish_meet(const struct ipaddr *a, const struct ipaddr *b);
struct ingress_flow {
	const struct ipaddr *to, *served_by;
	uint16_t port, served_port;
	uint8_t proto;
};
struct ingress_index { /* ports that this host holds, sorted; valid until they change */
	const struct ingress_port **v;
	size_t n, cap;
};
void ingress_index_fill(struct ingress_index *x, const struct overlay *o);
/* Would a new flow be served so? *ret_ours: the port is one of ours. */
bool ingress_leads(const struct ingress_index *x, const struct ingress_flow *f, bool *ret_ours);

/* stale.c */
void stale_open(struct overlay *o);
void stale_later(struct overlay *o);
void stale_address(struct overlay *o, const struct ipaddr *ip); /* a container's that is gone */

/* firewall.c */
int firewall_open(struct overlay *o, struct err *err);
int firewall_apply(struct overlay *o, const char *script, struct err *err);
int firewall_rewrite(struct overlay *o, bool members, struct err *err);
/* Compares rules and elements with what should be, mends and counts; cheap when nobody wrote. */
int firewall_check(struct overlay *o, struct err *err);

/* record.c */
int record_put_network(const struct overlay *o, const struct network *n, struct err *err);
int record_put_sandbox(const struct overlay *o, const struct sandbox *s, struct err *err);
int record_put_ingress(const struct overlay *o, const char *id, const struct ov_ingress_port *ports,
		       size_t n, struct err *err);
void record_drop(const struct overlay *o, const char *kind, const char *id);
void record_load(struct overlay *o);
void record_wipe(const struct overlay *o);

/* tunnel.c */
#define TUNNEL_LINK   "ckwg"
#define TUNNEL_PREFIX 64

void tunnel_init(struct tunnel *t, const char *state_dir);
void tunnel_done(struct tunnel *t); /* the kernel's state stays */
/* Namespace, device, address and peers, as they should be. -EOPNOTSUPP with a sentence. */
int tunnel_ensure(struct overlay *o, struct err *err);
void tunnel_drop(struct overlay *o);                 /* no encrypted network is left */
int tunnel_look(struct overlay *o, struct err *err); /* sockets of its own, for a forked copy */
/* Compares, mends and counts. */
int tunnel_check(struct overlay *o, struct err *err);
/* MTU of a network through it, for an underlay of this family and MTU. */
int tunnel_network_mtu(const struct ipaddr *underlay, int underlay_mtu);

/* linkcheck.c */
/* Mends links, their places and the gateways' addresses, and counts. */
int linkcheck_run(struct overlay *o, struct err *err);

/* insidecheck.c */
/* The same inside of sandboxes: interfaces, addresses, routes, settings, the way to the resolver. */
void insidecheck_run(struct overlay *o);

/* viproute.c */
struct ipaddr ipaddr_of_vip(const struct vip_addr *a);
/* Mends the VIPs' routes and counts. */
int viproute_check(struct overlay *o, struct err *err);
/* Lets a sandbox reach the VIPs of its networks. */
int viproute_join(struct overlay *o, const struct sandbox *s, int ns, struct err *err);

/* check.c */
void check_timer(void *overlay); /* check_run, unless it is to run only when asked */
/* In a forked copy: sockets of its own, since what the kernel answers on the others is the agent's. */
int check_look(struct overlay *o, struct err *err);
void check_run(void *overlay);
/* Something (a phrase) is wrong: counted and logged as mended, and the caller mends it; or, while
 * o->look is set, only told to that: then false, and nothing may be written. network_id NULL: it is of
 * no network. */
bool check_found(struct overlay *o, const char *network_id, size_t n, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
