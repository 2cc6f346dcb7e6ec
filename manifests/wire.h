/* SPDX-License-Identifier: Apache-2.0
 *
 * What controller and agent say to each other on the stream (conn.h frames, payload JSON) and the
 * objects an agent is assigned. WIRE_VERSION goes in hello; an agent of another version is told.
 *
 * Assignments are a keyed set of objects (wire_kind and id). The controller sends one snapshot and
 * then changes; each message carries "version" and changes also "prev", so a gap is seen and answered
 * by asking for a snapshot. The agent keeps the set on disk.
 *
 *   agent -> controller   WIRE_HELLO      {"wire":1,"node":{...wire_node},"version":V or 0}
 *                         WIRE_HEARTBEAT  {"network":{"networks","sandboxes","peers","mended"},
 *                                          "images":[REF…] when they differ from those told last,
 *                                          "ports":{"STACK/SERVICE":why} that this node cannot publish}
 *                                          every second; counters since the agent's start
 *                         WIRE_REPORT     {"tasks":[wire_report…]} changes; all of them after hello
 *                         WIRE_EVENT      {"type","task","text"}   progress and notable facts
 *                         WIRE_RESYNC     {}                       send me a snapshot
 *                         WIRE_NODE       {"node":{...wire_node}}  what hello said of it has changed
 *                         WIRE_ACK        {"version":V}            what was assigned up to V is done
 *   controller -> agent   WIRE_WELCOME    {"node":ID,"epoch":E,"heartbeat_ms":N}
 *                         WIRE_ASSIGN     {"version":V,"prev":P or absent for a snapshot,
 *                                          "set":[{"kind":K,"id":I,"obj":{…}}…],"del":[{"kind","id"}…],
 *                                          "more":true where the rest of it follows in the next,
 *                                          "ack":true where WIRE_ACK is waited for}
 *                         WIRE_SESSION    {"session":S,"kind":"exec"|"logs","task":T,…options}: dial
 *                                          back to /v1/agent/session/S and speak session frames there
 */
#pragma once
#include "base/err.h"
#include "base/ipaddr.h"
#include "base/json.h"
#include "manifests/spec.h"
#include "manifests/task.h"
#include <stdbool.h>
#include <stdint.h>

#define WIRE_IMAGES_MAX  2000 /* images that a node tells of */
#define WIRE_DEVICES_MAX 4000 /* and devices by name */
#define WIRE_VERSION     1

enum wire_type {
	WIRE_HELLO = 1,
	WIRE_HEARTBEAT,
	WIRE_REPORT,
	WIRE_EVENT,
	WIRE_RESYNC,
	WIRE_NODE,
	WIRE_ACK,
	WIRE_WELCOME = 32,
	WIRE_ASSIGN,
	WIRE_SESSION,
};

/* Frames of an exec or logs session, between the command line and the agent; the controller
 * passes them through. */
enum session_type {
	SESSION_STDIN = 1, /* client -> agent: bytes */
	SESSION_STDIN_END, /* client -> agent */
	SESSION_RESIZE,    /* client -> agent: {"rows":R,"cols":C} */
	SESSION_SIGNAL,    /* client -> agent: {"signal":"INT"} */
	SESSION_STDOUT,    /* agent -> client: bytes */
	SESSION_STDERR,
	SESSION_LOG, /* agent -> client: one JSON log line {"ts":"RFC 3339","stream":"stdout","text":…} */
	SESSION_EXIT,  /* agent -> client: {"code":N}; ends the session */
	SESSION_ERROR, /* agent -> client: {"error":"sentence"}; ends the session */
};
/* Of a node rather than a task: "net-check" {"network":NAME or absent} and "net-repair": SESSION_LOG
 * frames, each a finding {"node","peer","network","what","text"}; then SESSION_EXIT, of code 1 where
 * something is wrong. "rotate-key": SESSION_EXIT.
 * exec options: {"cmd":[…],"tty":bool,"stdin":bool,"user":…,"workdir":…,"env":{…}}
 * logs options: {"follow":bool,"tail":N or -1,"since":"RFC 3339" or absent} */

enum wire_kind {
	KIND_TASK,
	KIND_NETWORK,
	KIND_ENDPOINT,
	KIND_NODE,
	KIND_INGRESS,
	KIND_SEALED, /* a version of a config or secret, sealed to the node: sealed.h */
	KIND_MAX,
	KIND_INVALID = -1
};
const char *wire_kind_name(enum wire_kind k); /* "task", "network", "endpoint", "node", "ingress" */
enum wire_kind wire_kind_parse(const char *name);

struct wire_attach { /* one network of a task, with its address */
	char *network_id;
	char *ip, *ip6;         /* "10.128.0.5", "fd…"; one may be NULL */
	char *mac;              /* "02:42:…" */
	struct strlist aliases; /* names on this network beside service and task name */
};

struct wire_task {
	char *id;   /* cluster-unique, lower-case hex; also the container's id */
	char *name; /* "hello_web.1"; for global services "hello_web.NODE" */
	char *stack, *service;
	int slot;                 /* from 1; 0 for global */
	bool stop;                /* desired state is STOPPED, then it will be deleted */
	char *hash;               /* canon_task_hash */
	struct spec_service spec; /* image may be pinned "name@sha256:…" */
	char *with[SPACE_MAX];    /* ids of the tasks whose namespaces it has; NULL: none */
	struct wire_attach *attach;
	size_t n_attach;
	struct spec_volume *volumes; /* the stack's volumes that the mounts name */
	size_t n_volumes;
	/* What it got of its ranges of published ports of mode host, in the order of spec's ports.
	 * Where another program has it, the agent takes another of the range, and reports that. */
	uint16_t *host_ports;
	size_t n_host_ports;
};

struct wire_network {
	char *id;   /* lower-case hex */
	char *name; /* "hello_default" */
	char *stack;
	uint32_t vni;
	char *subnet, *subnet6;   /* "10.128.0.0/20", "fd…/64"; one may be NULL */
	char *gateway, *gateway6; /* "10.128.0.1": on every host's bridge */
	int mtu;                  /* 0: from the underlay */
	bool internal;
	bool encrypted; /* its VXLAN goes through WireGuard, or not at all */
	char *driver;
	/* Of one on the physical network (spec_network_lan): its parent, and how macvlan links behave. */
	char *parent, *mode;
};

struct wire_endpoint { /* a task's place on a network, as every node on that network sees it */
	char *id;      /* TASK/NETWORK */
	char *network_id, *task_id, *task_name, *service; /* service: short name in the stack */
	struct strlist names; /* all names that resolve to it: service, aliases, stack_service */
	char *ip, *ip6, *mac; /* one of the addresses may be NULL */
	char *vip, *vip6;     /* of its service on this network; NULL: none of that family */
	struct strlist vip_names; /* names that resolve to them */
	struct strlist srv;       /* "_http._tcp:8080": its ports, for SRV below all of its names */
	bool vip_local;           /* clients prefer tasks of their own node */
	char *node_id, *vtep;     /* underlay address of its node */
	bool ready;               /* task_ready: resolve it */
};

struct wire_node {       /* what an agent tells of itself */
	char *id, *name; /* id from the certificate */
	char *address;   /* underlay (VTEP) address */
	char *os, *arch, *kernel, *version;
	double cpus;
	int64_t memory; /* bytes */
	struct kvlist labels;
	/* Of its WireGuard: public keys (Curve25519, 64 hex digits; bound to the node by the stream's
	 * certificate), and UDP port. next: the one it turns to soon, so that its peers know it
	 * before. All NULL where it cannot encrypt, and why (a sentence) in no_encrypt. */
	char *tunnel_key, *tunnel_next;
	int tunnel_port;
	char *no_encrypt;
	struct strlist subnets; /* on its own links: no network may overlap them */
	char *seal_key; /* hex of the public key that configs and secrets are sealed to for it */
	/* Interfaces that may be the parent of a network, also by names of the configuration -> "", or why
	 * one can be none; those that no bridge can have -> why; drivers that the kernel lacks -> why. */
	struct kvlist parents, no_bridge, no_driver;
	struct strlist
		devices; /* by name, "vendor.com/class=name", as CDI files describe them; sorted */
};

struct wire_ingress_port {
	char *host_ip; /* NULL: all addresses */
	uint16_t published;
	enum spec_proto protocol;
	bool local; /* not through other nodes */
};

/* Ports that every node answers on, of one version of a service: two versions during an update are
 * two objects, with one (stack, service). What a port leads to in a container is its task's spec's. */
struct wire_ingress {
	char *id, *stack, *service;
	struct wire_ingress_port *ports;
	size_t n_ports;
	struct strlist
		nodes; /* addresses of nodes with ready tasks; some of them where they are many */
};

struct wire_report { /* a task as its agent sees it */
	char *id;
	enum task_state state;
	enum task_health health;
	char *reason;  /* why it waits, failed or was restarted; may be NULL */
	int64_t since; /* wall ms of entering the state */
	int exit_code; /* -1: none */
	int64_t restarts;
	int64_t pid;        /* of the container's init on the node; 0: none */
	char *image_digest; /* may be NULL */
	/* Host ports as bound, "0.0.0.0:32768->80/tcp"; may be empty. */
	struct strlist ports;
};

json_t *wire_task_json(const struct wire_task *t);
int wire_task_parse(const json_t *j, struct wire_task *out, struct err *err);
void wire_task_done(struct wire_task *t);
json_t *wire_network_json(const struct wire_network *n);
int wire_network_parse(const json_t *j, struct wire_network *out, struct err *err);
void wire_network_done(struct wire_network *n);
json_t *wire_endpoint_json(const struct wire_endpoint *e);
int wire_endpoint_parse(const json_t *j, struct wire_endpoint *out, struct err *err);
void wire_endpoint_done(struct wire_endpoint *e);
/* Where a node is inside the tunnels of encrypted networks: fd63:6b77:6700::/64 with its id of 12 hex
 * digits behind. Nothing outside of the tunnels ever sees these. false: no such id. */
bool wire_tunnel_address(const char *node_id, struct ipaddr *ret);
json_t *wire_node_json(const struct wire_node *n);
int wire_node_parse(const json_t *j, struct wire_node *out, struct err *err);
void wire_node_done(struct wire_node *n);
json_t *wire_ingress_json(const struct wire_ingress *i);
int wire_ingress_parse(const json_t *j, struct wire_ingress *out, struct err *err);
void wire_ingress_done(struct wire_ingress *i);
json_t *wire_report_json(const struct wire_report *r);
int wire_report_parse(const json_t *j, struct wire_report *out, struct err *err);
void wire_report_done(struct wire_report *r);
