/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration file of controller and agent (/etc/carrack/carrack.yaml, optional): a YAML
 * mapping of the keys below; an unknown key is an error with its place. Flags win over it.
 */
#pragma once
#include "base/str.h"
#include "manifests/stackfile.h"

#define CONF_DEFAULT_PATH "/etc/carrack/carrack.yaml"
#define CONF_DEFAULT_PORT 7677

/* auto: at the socket by eBPF where the host permits it, else by nftables. */
enum conf_vip { CONF_VIP_AUTO, CONF_VIP_EBPF, CONF_VIP_NFT };
extern const char *const conf_vip_names[]; /* by that number; ends with NULL */

struct conf {
	char *data_dir;           /* data_dir: /var/lib/carrack */
	char *run_dir;            /* run_dir: /run/carrack */
	char *listen;             /* listen: "[::]:7677" (controller) */
	struct strlist advertise; /* advertise: addresses put into tokens; empty: found */
	char *underlay;  /* underlay: interface name or address (agent); NULL: default route's */
	char *node_name; /* node_name: (agent); NULL: the host's name */
	struct kvlist
		labels; /* labels: of this node (agent), shown to constraints as node.labels.* */
	struct strlist insecure_registries; /* registries: {insecure: [HOST:PORT…]} */
	struct kvlist mirrors;              /* registries: {mirrors: {HOST: URL}} */
	struct kvlist auth;                 /* registries: {auth: {HOST: "user:password"}} */
	char *runtime;                      /* runtime: path of the OCI runtime; NULL: crun */
	char *cgroup_parent;                /* cgroup_parent: NULL: /carrack */
	int heartbeat_ms;                   /* heartbeat_ms: 1000 (controller) */
	int heartbeat_misses;               /* heartbeat_misses: 3 (controller) */
	int vxlan_port;                     /* vxlan_port: 4789 */
	char *network_pool; /* network_pool: (controller) IPv4 subnets of networks; NULL: default */
	char *network_pool6;    /* network_pool6: (controller) IPv6, at most /64; NULL: random */
	int wireguard_port;     /* wireguard_port: 51820 (agent) */
	int key_rotation_hours; /* key_rotation_hours: 24 (agent); 0: never */
	int network_check_s;    /* network_check_seconds: 1 (agent); 0: only when asked */
	struct kvlist parents;  /* parents: names of interfaces for networks' "parent" (agent) */
	enum conf_vip vip;      /* vip: how service VIPs are reached (agent) */
	bool fast_path;         /* fast_path: true: where the kernel permits it (agent) */
};
/* Fills defaults; then the file's values if there is a file. required: a missing file is an error.
 * 0 or negative errno with findings in d. */
int conf_load(const char *path, bool required, struct conf *out, struct diag *d);
void conf_done(struct conf *c);
