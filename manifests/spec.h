/* SPDX-License-Identifier: Apache-2.0
 *
 * A stack, typed: what the stack language means after interpolation, merging and defaults. Pure
 * data; knows nothing of the cluster. Durations are nanoseconds, sizes bytes; -1 is "not set" where
 * 0 means something; strings are NULL when not set. The canonical JSON form (canon.h) carries every
 * field, with the names of the Compose Specification.
 */
#pragma once
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum spec_proto { PROTO_TCP, PROTO_UDP, PROTO_SCTP };
enum spec_port_mode { PORT_INGRESS, PORT_HOST };
enum spec_mount_type { MOUNT_VOLUME, MOUNT_BIND, MOUNT_TMPFS, MOUNT_IMAGE };
enum spec_restart { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_UNLESS_STOPPED };
/* The tasks of a job run to their end, once. */
enum spec_deploy_mode {
	DEPLOY_REPLICATED,
	DEPLOY_GLOBAL,
	DEPLOY_REPLICATED_JOB,
	DEPLOY_GLOBAL_JOB,
};
/* What a service's name leads to: its VIP, or its tasks. */
enum spec_endpoint_mode { ENDPOINT_VIP, ENDPOINT_DNSRR };

enum spec_condition { DEPENDS_STARTED, DEPENDS_HEALTHY, DEPENDS_COMPLETED };

struct spec_depends { /* what a service waits for, at its start and at an update */
	char *service;
	enum spec_condition condition;
	bool restart;  /* made again when that service is */
	bool required; /* default true; false: a failure of it is no reason to wait on */
};

struct spec_port { /* one port of the container; ranges of those are expanded */
	char *name;
	char *host_ip;
	char *app_protocol;
	uint16_t target;
	uint16_t published; /* 0: any free port on the node, or one of the range below */
	/* One of these, both ends included, is to be published; 0: no range. Of mode ingress the
	 * controller has chosen it when published is not 0; of mode host each task has its own. */
	uint16_t range_first, range_last;
	enum spec_proto protocol;
	enum spec_port_mode mode;
	bool local; /* ingress: answers only on nodes that run a task of the service */
};

struct spec_mount {
	enum spec_mount_type type;
	/* volume: name in the stack (NULL: anonymous); bind: absolute host path; image: its name */
	char *source;
	char *target; /* absolute path in the container */
	bool read_only;
	bool bind_create;     /* make a missing bind source */
	char *bind_recursive; /* enabled (default), disabled, writable, readonly */
	char *bind_propagation;
	bool volume_nocopy;
	char *volume_subpath;
	char *image_subpath; /* inside the image, without ".."; NULL: all of it */
	int64_t tmpfs_size;  /* bytes; -1: kernel's default */
	int64_t tmpfs_mode;  /* permission bits; -1: 01777 */
};

struct spec_health {
	bool set;            /* the file has a healthcheck section */
	bool disabled;       /* "disable: true" or test ["NONE"] */
	struct strlist test; /* as in the image config: CMD, CMD-SHELL first; empty: the image's */
	int64_t interval, timeout, start_period, start_interval; /* -1: default */
	int64_t retries;                                         /* -1: default */
};

struct spec_ulimit {
	char *name;         /* without RLIMIT_, lower case: nofile */
	int64_t soft, hard; /* -1: unlimited */
};

struct spec_attach {   /* a service on a network */
	char *network; /* key in the stack's networks */
	struct strlist aliases;
	char *ipv4_address, *ipv6_address, *mac_address, *interface_name;
	struct strlist link_local_ips;
	int64_t priority, gw_priority;
};

struct spec_grant {   /* a config or secret as a file in the containers of a service */
	char *source; /* key in the stack's configs or secrets */
	char *target; /* absolute path in the container */
	int64_t uid, gid, mode;
	char *version; /* of the value (sealed.h); NULL until the controller chooses it */
};

struct spec_rate { /* of a block device: bytes or operations a second, or a weight */
	char *path;
	int64_t value;
};
struct spec_rates {
	struct spec_rate *v;
	size_t n;
};

struct spec_blkio {     /* blkio_config */
	int64_t weight; /* 10 to 1000; 0: default */
	struct spec_rates weight_device, read_bps, read_iops, write_bps, write_iops;
};

struct spec_cpu {              /* beside limits.cpus */
	int64_t shares;        /* 2 to 262144; 0: default */
	int64_t period, quota; /* microseconds; 0: none */
	char *set;             /* "0-3,8"; NULL: all */
};

struct spec_swap {
	int64_t total;      /* bytes of memory and swap; 0: default, -1: no limit */
	int64_t swappiness; /* 0 to 100; -1: the node's */
	bool oom_kill_disable;
};

struct spec_hook { /* a command at a turn of a container's life */
	struct strlist command;
	char *image; /* pre_start: of a container of its own; NULL: the service's */
	char *user, *working_dir;
	bool privileged;
	bool per_replica; /* of pre_start; due where there are several tasks */
	struct kvlist environment;
};
struct spec_hooks {
	struct spec_hook *v;
	size_t n;
};

struct spec_preference {
	char *spread; /* "node.labels.zone" */
};
struct spec_preferences {
	struct spec_preference *v;
	size_t n;
};

struct spec_resources {
	double cpus;    /* 0: none */
	int64_t memory; /* bytes; 0: none */
	int64_t pids;   /* 0: none */
};

struct spec_restart_policy {
	bool set; /* deploy.restart_policy is there and wins over `restart` */
	enum spec_restart condition;
	int64_t delay, window; /* ns; -1: default (delay 5 s, window unbounded) */
	int64_t max_attempts;  /* -1: no limit */
};

struct spec_update { /* deploy.update_config */
	bool set;
	int64_t parallelism;      /* 0: all at once; default 1 */
	int64_t delay, monitor;   /* ns */
	bool start_first;         /* order; default stop-first */
	char *failure_action;     /* pause (default), continue, rollback (of an update alone) */
	double max_failure_ratio; /* failed tasks to bear, of all; default 0 */
};

struct spec_service {
	char *name; /* key in the file */
	char *image;
	bool command_set, entrypoint_set; /* an empty list that was given replaces the image's */
	struct strlist command, entrypoint;
	struct kvlist
		environment; /* v NULL: taken from the shell at parse time, absent there: unset */
	struct kvlist labels;
	char *working_dir, *user, *hostname, *domainname, *container_name, *platform;
	char *mac_address; /* while it is read: then it is that of the first of networks */
	struct strlist group_add;
	bool tty, stdin_open, init, init_set, read_only, privileged;
	struct strlist cap_add, cap_drop, security_opt;
	struct strlist dns, dns_search, dns_opt, extra_hosts; /* extra_hosts: "name=address" */
	struct strlist expose, devices;                       /* devices: "host:container:perms" */
	struct kvlist sysctls, annotations;
	struct spec_ulimit *ulimits;
	size_t n_ulimits;
	int64_t shm_size, stop_grace_period; /* -1: default (64 MiB, 10 s) */
	char *stop_signal, *pid, *ipc, *network_mode, *pull_policy;
	int64_t oom_score_adj;
	struct kvlist logging_options;
	char *logging_driver;
	struct strlist tmpfs; /* "path:options" */
	struct spec_mount *mounts;
	size_t n_mounts;
	struct spec_port *ports;
	size_t n_ports;
	struct spec_grant *secrets, *configs;
	size_t n_secrets, n_configs;
	struct spec_attach *networks; /* never empty after validation unless network_mode is set */
	size_t n_networks;
	struct spec_depends *depends_on;
	struct strlist links;        /* while files are read: "SERVICE:ALIAS" */
	bool external_links;         /* while files are read: it has some */
	struct strlist volumes_from; /* while files are read: "SERVICE[:ro]" */
	size_t n_depends_on;
	struct spec_health health;
	enum spec_restart restart; /* RESTART_ALWAYS when the file does not say */
	int64_t restart_max;       /* on-failure:N; -1: no limit */
	/* deploy */
	enum spec_deploy_mode mode;
	int64_t replicas; /* default 1 */
	enum spec_endpoint_mode endpoint_mode;
	struct kvlist deploy_labels;
	struct spec_resources limits, reservations;
	struct strlist constraints;    /* "node.labels.x==y" */
	int64_t max_replicas_per_node; /* 0: no limit */
	/* Not from the file: the controller's placement knows its networks. */
	bool encrypted;
	const struct spec_network **lans; /* those on the physical network; borrowed */
	size_t n_lans;
	struct spec_restart_policy restart_policy;
	struct spec_update update, rollback;
	struct spec_preferences preferences; /* the first counts most */
	struct spec_cpu cpu;
	struct spec_swap swap;
	struct spec_blkio blkio;
	struct strlist device_cgroup_rules; /* "c 1:3 rwm" */
	char *cgroup, *userns_mode, *uts;   /* "host" or "private" */
	int64_t pull_refresh_after;         /* ns, for pull_policy refresh; -1: not set */
	struct spec_hooks pre_start, post_start, pre_stop;
};

struct spec_ipam {                         /* the subnet of one family */
	char *subnet, *gateway, *ip_range; /* NULL: chosen by the controller */
	struct kvlist aux_addresses;       /* name -> address that nobody is given */
};

/* What a network is on the nodes: VXLAN between them, or a place on the physical network by one of their
 * interfaces. Numbers as in overlay.h. */
enum spec_lan { LAN_NONE, LAN_MACVLAN, LAN_IPVLAN, LAN_BRIDGE };

struct spec_network {
	char *key;    /* name in the file; "default" is made when needed */
	char *name;   /* cluster-wide: STACK_KEY, or `name:` */
	char *driver; /* NULL: overlay */
	struct kvlist driver_opts, labels;
	bool external, internal, attachable, enable_ipv4, enable_ipv6; /* enable_ipv4: default */
	struct spec_ipam ipam, ipam6;
};
int spec_network_mtu(const struct spec_network *n);      /* bytes; 0: from the underlay */
uint32_t spec_network_vni(const struct spec_network *n); /* 0: chosen by the controller */
/* driver macvlan, ipvlan, or bridge with driver_opts parent; a bridge without one is an overlay. */
enum spec_lan spec_network_lan(const struct spec_network *n);
const char *spec_lan_name(enum spec_lan lan); /* "macvlan" */
/* driver_opts parent: an interface of the nodes, or a name in their configuration; NULL: none. */
const char *spec_network_parent(const struct spec_network *n);
/* macvlan_mode: "bridge", "private" or "vepa"; NULL for the other drivers. */
const char *spec_network_lan_mode(const struct spec_network *n);
/* An interface's name with or without a VLAN, "eth1" or "eth1.50"; *ret_vlan 0: none. The name in front
 * is of *ret_len bytes. false: neither. */
bool spec_parent_parse(const char *text, size_t *ret_len, unsigned *ret_vlan);

struct spec_volume {
	char *key, *name, *driver;
	struct kvlist driver_opts, labels;
	bool external;
};

struct spec_secret { /* a config or a secret of the stack */
	char *key;   /* name in the file */
	char *name;  /* STACK_KEY, or `name:`; external: what `carrack secret create` was given */
	bool external;
	struct kvlist labels;
	/* In files alone, one of three: where the value comes from. Never in canonical JSON. */
	char *file, *environment, *content;
	char *value; /* as read by stackfile_parse when a service uses it; wiped when freed */
	size_t value_len;
	char *version; /* of the value (sealed.h), for what is not external; NULL: not known yet */
};

struct spec_stack {
	char *name;
	struct spec_service *services; /* in order of the file */
	size_t n_services;
	struct spec_network *networks;
	size_t n_networks;
	struct spec_volume *volumes;
	size_t n_volumes;
	struct spec_secret *secrets, *configs;
	size_t n_secrets, n_configs;
};

/* driver_opts: {encrypted: "true"}; Docker also writes "" and "1". A value that is none of these nor
 * "false" or "0" is *ret_bad (may be NULL), and counts as asked for. */
bool spec_network_encrypted(const struct spec_network *n, const char **ret_bad);
/* The images that a task of s needs, its own first, then by mount, then by command of pre_start: the
 * reference of the nth, NULL where that has none of its own. */
size_t spec_images(const struct spec_service *s);
const char *spec_image(const struct spec_service *s, size_t n);
/* One task on each node that fits. */
static inline bool spec_is_global(const struct spec_service *s)
{
	return s->mode == DEPLOY_GLOBAL || s->mode == DEPLOY_GLOBAL_JOB;
}
static inline bool spec_is_job(const struct spec_service *s)
{
	return s->mode == DEPLOY_REPLICATED_JOB || s->mode == DEPLOY_GLOBAL_JOB;
}
void spec_service_done(struct spec_service *s);
void spec_ports_clear(struct spec_service *s);
void spec_ipam_done(struct spec_ipam *i);
void spec_network_done(struct spec_network *n);
void spec_volume_done(struct spec_volume *v);
void spec_grant_done(struct spec_grant *g);
void spec_secret_done(struct spec_secret *s);
void spec_stack_free(struct spec_stack *s); /* NULL is fine */
struct spec_service *spec_find_service(const struct spec_stack *s, const char *name);
const struct spec_network *spec_find_network(const struct spec_stack *s, const char *key);
const struct spec_volume *spec_find_volume(const struct spec_stack *s, const char *key);
struct spec_secret *spec_find_secret(const struct spec_stack *s, bool config, const char *key);
static inline void cleanup_spec_stack_free(struct spec_stack **s)
{
	spec_stack_free(*s);
}
/* pull_policy daily, weekly or every_DURATION: after how many nanoseconds; false: another policy. */
bool spec_pull_every(const char *policy, int64_t *ret_ns);
/* Is it a device by its name, "vendor.com/class=name", as CDI files of a node describe it? */
bool spec_device_named(const char *text);
bool spec_size(const char *text, int64_t *ret_bytes); /* "10m" */
/* Namespaces that a service may have of another one: network_mode, pid and ipc. */
enum spec_space { SPACE_NET, SPACE_PID, SPACE_IPC, SPACE_MAX };
/* Does it say that it is another one's: "service:NAME" or "container:NAME"? */
bool spec_joins(const struct spec_service *s, enum spec_space k);
bool spec_joins_any(const struct spec_service *s);
/* The service that s names there, by its key or its container_name; NULL: none of the stack. */
struct spec_service *spec_joined(const struct spec_stack *stack, const struct spec_service *s,
				 enum spec_space k);
/* The one at the end of such a chain, whose namespace it is; NULL: none, or a circle. */
struct spec_service *spec_joined_root(const struct spec_stack *stack, const struct spec_service *s,
				      enum spec_space k);
/* Names of stacks: lower-case letters, digits, '-', '_', '.'; at most 63. */
bool spec_name_valid(const char *name);
/* Keys of services, networks and volumes: capital letters as well, as in Compose. */
bool spec_key_valid(const char *key);
const char *spec_proto_name(enum spec_proto p);                /* "tcp" */
uint8_t spec_proto_number(enum spec_proto p);                  /* IPPROTO_TCP (netinet/in.h) */
bool spec_proto_parse(const char *text, enum spec_proto *ret); /* false: none of that name */
struct spec_place { /* where a port listens, whatever its number */
	int family; /* AF_UNSPEC: both */
	bool any;
	enum spec_proto protocol;
	unsigned char bytes[16];
};
/* host_ip NULL is every address of both families. */
struct spec_place spec_port_place(const struct spec_port *p);
bool spec_places_meet(const struct spec_place *a, const struct spec_place *b);
/* Could no two ports of one number be on one node? */
bool spec_ports_meet(const struct spec_port *a, const struct spec_port *b);
/* "8080/tcp", "8000-8010/tcp": as it is published. */
#define SPEC_PORT_TEXT 32
const char *spec_port_text(const struct spec_port *p, char out[SPEC_PORT_TEXT]);
