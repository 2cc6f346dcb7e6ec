/* SPDX-License-Identifier: Apache-2.0
 *
 * The cluster's memory: what the files of controller/core share. Private to them.
 *
 * Everything is level-triggered: an input changes an object and marks it; cluster_step works off the
 * marks until none is left, then writes rows and hands out assignments of what was marked. Marks are
 * vectors of pointers, and each object knows its place in them, so that a freed one is taken out.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "base/map.h"
#include "controller/core/effects.h"
#include "controller/core/ipam.h"
#include "controller/core/ipam6.h"
#include "controller/sched/sched.h"
#include "manifests/spec.h"
#include "manifests/wire.h"

#define ID_TASK    24 /* hex digits */
#define ID_NETWORK 12
#define ID_ROOM    (ID_TASK + 1)
#define VNI_FIRST  4096
#define VNI_LAST   0xfffffe
#define NEVER      UINT64_MAX
#define NO_MARK    ((size_t)-1)

struct node;
struct ingress;
struct stack;
struct service;
struct network;

/* A vector of marked objects; holes (NULL) are objects that went. */
struct marks {
	void **v;
	size_t n, cap;
};
void marks_add(struct marks *m, void *obj, size_t *place); /* place: the object's; once only */
void marks_del(struct marks *m, size_t *place);
void marks_done(struct marks *m);

/* What containers of a service are made from. Tasks keep theirs while the service moves on, so an
 * agent that asks again during an update gets what it was given. */
struct tmpl {
	char *id; /* STACK.SERVICE.HASH: its key in the store is specs/ID */
	char *stack, *service;
	size_t refs;
	char hash[65];
	struct spec_service spec;
	char *volumes;      /* JSON object, or NULL */
	char **network_ids; /* of spec.networks, in order */
	size_t n_networks;
	char *wire; /* the part of every wire_task that is the same; made when needed */
	struct ingress *ingress; /* ingress.c's; NULL: publishes nothing cluster-wide */
};

struct attach { /* a task on a network: its endpoint */
	struct task *task;
	struct network *net;
	size_t net_ix;     /* in net->attaches */
	uint32_t ip;       /* 0: none, the network is IPv6 only */
	struct ipaddr ip6; /* or none */
	bool sent;         /* the network's nodes know the endpoint, */
	bool sent_ready;   /* and know it so */
	bool force;        /* tell them again: its node's address changed */
	bool handed;       /* lost with its node: the address is its replacement's (lanaddr.c) */
	char *text;        /* its JSON, during a hand-out */
};

struct task_joins { /* ids of the tasks whose namespaces it has; empty: none */
	char id[SPACE_MAX][ID_ROOM];
};

enum task_mark { MARK_ROW = 1, MARK_SEND = 2, MARK_ENDPOINT = 4 };

struct task {
	char id[ID_ROOM];
	struct service *svc;
	struct tmpl *tmpl;
	int slot;          /* index into svc->slots */
	struct node *node; /* NULL: pending */
	size_t node_ix;    /* in node->tasks */
	bool stop;         /* desired state is STOPPED */
	bool lost;         /* its node is down; state is the last that was heard */
	bool global;       /* made for a global service: named after its node */
	bool retiring;     /* in slot->old, and runs on until the new one is ready (start-first) */
	bool gone_ok; /* was to stop when its agent said hello: if it does not know it, it is gone */
	bool counted;    /* uses its node's resources */
	bool served;     /* its template's ingress counts it on its node */
	bool draining;   /* drain.c: is to stop, but its node is not told yet; */
	bool drained;    /* it was, and may be told now */
	uint64_t led_ms; /* when nodes were last known to lead to it; 0: never */
	bool planned;    /* pending: a saved plan has it on a node that still makes room for it */
	enum task_state state;
	enum task_health health;
	char *reason;
	int64_t since;
	int exit_code;
	int64_t restarts, pid;
	char *image_digest;
	struct strlist ports;
	uint16_t *host_ports; /* its own of ranges of mode host, in the order of its ports */
	size_t n_host_ports;
	struct task_joins *with;      /* joins.c's; NULL: it joins nobody */
	struct spec_resources *taken; /* counted for it, where that is not what its template says */
	struct attach *attach;
	size_t n_attach;
	struct task *slot_next; /* next of slot->old */
	struct task *pend_next, *pend_prev;
	bool pending;
	bool held;  /* pending for what its service depends on, */
	bool stuck; /* and that is not on its way */
	unsigned marks;
	size_t marked;
	unsigned seen; /* number of the report that named it last */
};

struct slot {
	struct task *cur;  /* desired to run */
	struct task *old;  /* told to stop, or lost and to be replaced */
	struct node *node; /* global services: whose slot this is */
	bool queued;
	bool rolling; /* is between its old task and a ready new one */
	bool failed;  /* its new task did not come up in this update */
};

enum roll_state { ROLL_NONE, ROLL_UPDATING, ROLL_PAUSED, ROLL_BACK, ROLL_DONE };

#define DEPENDS_TEXT 400 /* bytes of a reason */

enum met {
	MET,
	WAITS,
	FAILS, /* as things are it will not be met: it failed, or has no health check to wait for */
};

struct dep { /* an edge of depends_on */
	struct service *on;
	enum spec_condition condition;
	bool required;
	bool joined; /* its tasks' namespaces are ours too: joins.c waits, for each task by itself */
};

struct service {
	char *name;
	struct stack *stack;
	const struct spec_service *spec; /* in stack->spec; NULL: removed, waits for its tasks */
	struct tmpl *tmpl;               /* what its tasks should be */
	struct tmpl *prev;               /* what to go back to */
	struct slot *slots;
	size_t n_slots, cap_slots;
	size_t n_want; /* slots that should have a task (replicated) */
	size_t n_tasks;
	int *queue; /* slots to look at */
	size_t n_queue, cap_queue;
	struct task *pending;
	size_t n_pending;
	bool place; /* pending tasks have not been tried yet */
	bool global;
	bool is_joined,
		was_joined; /* others' tasks are in namespaces of its own; before the last apply */
	/* depends.c */
	struct dep *deps;
	size_t n_deps, cap_deps;
	struct service **dependents;
	size_t n_dependents, cap_dependents;
	bool deps_met;         /* for tmpl */
	bool held;             /* its update waits for that; why says so */
	struct map node_slots; /* global: node id -> index + 1 */
	size_t marked;
	struct vip *vips; /* vips.c's; on the networks it is or was on */
	size_t n_vips;
	bool vip_local; /* what its endpoints' nodes were told last */
	/* rollout.c */
	enum roll_state roll;
	size_t n_rolling, cursor, n_failed;
	uint64_t roll_at;     /* not before; 0: now */
	uint64_t watch_until; /* a failure before this is the update's */
	size_t timed;         /* place in c->timed */
	char *why;
};

struct vip { /* a service's addresses on a network, of each family that this has */
	struct network *net;
	uint32_t ip;       /* 0: none */
	struct ipaddr ip6; /* or none */
};

struct member { /* a node on a network */
	struct network *net;
	struct node *node;
	size_t net_ix;
	size_t refs;
	bool sent;
	size_t marked;
};

struct network {
	char id[ID_NETWORK + 1];
	char *name, *stack, *key, *driver;
	uint32_t vni;
	bool internal, encrypted, dying, ready; /* ready: has subnet and VNI */
	bool lan;                               /* on the physical network */
	struct spec_network spec;               /* as its stack asked; spec.name is name */
	char *want;                /* of it what cannot change without another network */
	struct ipam_subnet subnet; /* used NULL: no IPv4 */
	struct ipam6 subnet6;
	struct attach **attaches;
	size_t n_attaches, cap_attaches;
	struct member **members;
	size_t n_members, cap_members;
	size_t n_users; /* templates that name it */
	size_t n_vips;
	struct map last;   /* lanaddr.c's: what replicas had */
	struct map wanted; /* fixedaddr.c's: address -> how many templates ask for it */
	size_t n_handed;
	size_t marked;
};

struct ack { /* a message whose acknowledgement is waited for */
	int64_t version;
	struct drain *drain;
};

struct node {
	char *id, *name;
	struct wire_node info;
	struct kvlist op_labels;                /* set by operators, they win */
	struct kvlist labels;                   /* of both */
	bool connected, up, said_hello, unseen; /* unseen: has until grace_until to be heard */
	bool removed;
	uint64_t deadline_ms;
	int64_t last_seen;
	struct { /* what its agent counted in its network, since that started */
		int64_t networks, sandboxes, peers, mended;
	} net;
	struct map images; /* full names of those it has told of; values mean nothing */
	bool images_told;
	struct kvlist trouble; /* "STACK/SERVICE" -> why its ports are not published there */
	struct node *beat_prev, *beat_next;
	bool beating;
	struct task **tasks;
	size_t n_tasks, cap_tasks;
	size_t sched_ix; /* in c->sched */
	size_t ix;       /* stable, for peers */
	struct sched_port *ports;
	size_t n_ports, cap_ports;
	struct map holders; /* version of a config or secret -> struct holder (secrets.h) */
	struct map members; /* network id -> struct member */
	uint32_t *peers;    /* by ix: networks shared with that node */
	size_t n_peers;
	size_t *touched; /* ix of peers that came or went since the last message */
	size_t n_touched, cap_touched;
	/* dispatch.c */
	int64_t version;
	bool snapshot;    /* wants the whole set */
	bool stale;       /* something changed while nobody listened */
	bool full;        /* the next report is of all its tasks */
	bool stops;       /* the message being made stops something */
	bool leads;       /* the one being made changes where something leads */
	struct ack *acks; /* drain.c: in order of version */
	size_t n_acks, cap_acks;
	bool moved; /* its address is new to its peers */
	unsigned report;
	struct str set, set_ep, del;
	size_t marked; /* in c->changed_nodes */
	size_t row_marked;
};

struct stack {
	char *name;
	struct spec_stack *spec;
	char *text; /* canonical */
	int64_t revision, applied_ms;
	bool removing;
	struct map services;  /* struct service */
	struct kvlist pinned; /* service -> template id it was rolled back to */
	struct map
		planned; /* "SERVICE.SLOT" -> node id, where a saved plan has it; each used once */
	struct map nets; /* networks it owns by id, dying ones too; borrowed */
	size_t marked;
};

struct cluster {
	struct cluster_config cfg;
	char *pool_text;
	struct ipprefix pool6; /* /64s of networks are cut from it */
	uint64_t cursor6;
	uint64_t rng, now;
	int64_t wall, epoch;
	bool rehearsing; /* a plan is worked out (rehearse.h): sealed values need not be here */
	struct cluster_out out;
	struct ipam_pool pool;
	struct sched_ports everywhere; /* hostports.c's */
	uint32_t next_vni;
	struct map vnis;                    /* text -> network */
	struct map stacks, nodes;           /* by name; by id */
	struct map networks, network_names; /* by id; by name, those not dying */
	struct map tmpls, tasks;            /* by id */
	struct map versions, secrets; /* secrets.h: by version; "secret/NAME", "config/NAME" */
	size_t versions_bytes;
	struct marks versions_waiting, holders_marked;
	struct map ingresses;        /* by template id; borrowed */
	struct strlist ingress_gone; /* template ids that nodes are to forget */
	struct node **node_v;        /* by ix, with holes */
	size_t n_node_v, cap_node_v;
	struct sched_node *sched;
	struct node **sched_of;
	size_t n_sched, cap_sched, cap_sched_of;
	struct map globals;                  /* global services: "STACK/NAME" -> struct service */
	struct node *beat_first, *beat_last; /* by deadline */
	uint64_t grace_until;                /* 0: over */
	bool silent;        /* no node at all is heard: the fault is more likely on this side */
	bool retry;         /* something became free: look at all pending tasks again */
	struct map waiting; /* services with pending tasks: "STACK/NAME" -> struct service */
	struct drain *drains, *drain_now; /* drain.c's; the one of this hand-out, or NULL */
	struct strlist drain_tasks;       /* ids: for the next hand-out */
	struct marks services, tasks_marked, members_marked, networks_marked, stacks_marked,
		nodes_changed, node_rows, timed, ingress_marked;
};

/* cluster.c */
uint64_t cluster_random(struct cluster *c);
void cluster_random_id(struct cluster *c, char *out, size_t digits);
void cluster_put(struct cluster *c, const char *prefix, const char *id, char *value_taken);
struct event_of {
	const char *type, *stack, *service, *task, *node;
};
void cluster_event(struct cluster *c, const struct event_of *of, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The text of v as a JSON string, quotes included; v NULL adds null. */
void text_json(struct str *s, const char *v);
void text_member(struct str *s, const char *key, const char *v); /* ,"key":"v" or nothing */

/* rows.c */
void row_stack(struct cluster *c, const struct stack *s);
void row_network(struct cluster *c, const struct network *n);
void row_node(struct cluster *c, const struct node *n);
void row_task(struct cluster *c, const struct task *t);
void row_tmpl(struct cluster *c, const struct tmpl *t);

/* specs.c */
#define HASH_START 0xcbf29ce484222325u
uint64_t hash_text(uint64_t h, const char *s); /* of h and s (NULL is fine); FNV-1a */
/* Finds or makes the template; borrowed until somebody takes a reference. */
struct tmpl *tmpl_of(struct cluster *c, struct stack *s, const struct spec_service *spec);
/* What t was made from, on the stack's networks of today; t itself where one of them is gone. */
struct tmpl *tmpl_again(struct cluster *c, struct stack *s, struct tmpl *t);
struct tmpl *tmpl_ref(struct tmpl *t); /* NULL is fine */
void tmpl_unref(struct cluster *c, struct tmpl *t);
struct tmpl *tmpl_add(struct cluster *c, struct tmpl *t_taken);
void tmpl_free(void *t);
bool tmpl_networks_ready(const struct cluster *c, const struct tmpl *t, const char **ret_name);

/* networks.c */
struct network *network_new(struct cluster *c, const char *id, const char *name);
struct network *network_of(const struct cluster *c, const struct stack *s,
			   const struct spec_network *n);    /* current, or NULL */
void network_sync_stack(struct cluster *c, struct stack *s); /* makes and marks dying */
void network_mark(struct cluster *c, struct network *n);
void network_drop(struct cluster *c, struct network *n);
void network_free(void *n);
bool network_same(const struct network *n, const struct stack *s, const struct spec_network *spec);
/* Takes a copy of what is asked. */
int network_ask(struct network *n, const struct spec_network *spec);
int network_attach(const struct cluster *c, struct network *n, struct attach *a,
		   const struct spec_attach *fixed, struct err *err); /* fixed NULL: no wishes */
/* The endpoint as a row has it. */
int network_attach_as(struct network *n, struct attach *a, uint32_t ip, const struct ipaddr *ip6);
void network_detach(struct attach *a);

/* lanaddr.c: of networks on the physical network, and of lost tasks with fixed addresses. */
/* a gets the address of the lost task that it replaces, if that is what is wanted (none: any). */
bool lanaddr_inherit(struct network *n, struct attach *a, uint32_t ip, const struct ipaddr *ip6);
/* What a's replica had before; it may be another's by now. */
bool lanaddr_last(const struct network *n, const struct attach *a, uint32_t *ip,
		  struct ipaddr *ip6);
/* a goes: remembers what it had. false: the address stays taken, for it is another's. */
bool lanaddr_leave(struct network *n, struct attach *a);

/* netnum.c */
int network_allocate(struct cluster *c, struct network *n, struct err *err);
void network_release(struct cluster *c, struct network *n);
int network_renumber(struct cluster *c, struct network *n, const json_t *row, struct err *err);
void network_pools(struct cluster *c); /* after the rows were read */
/* A node's own subnet that overlaps p, and that node's name; NULL: none. */
const char *network_underlay(const struct cluster *c, const struct ipprefix *p,
			     const char **ret_node);
struct ipprefix network_prefix4(const struct network *n);
/* Its MAC: fixed, or from its address. */
void attach_mac(const struct attach *a, char out[IPAM_MAC_TEXT]);

/* netcheck.c */
int netcheck_stack(const struct cluster *c, const struct spec_stack *spec, struct err *err);
/* lancheck.c */
int lancheck_stack(const struct cluster *c, const struct spec_stack *spec, struct err *err);

struct member *member_ref(struct cluster *c, struct network *n, struct node *node);
void member_unref(struct cluster *c, struct network *n, struct node *node);
void member_free(struct cluster *c, struct member *m);

/* services.c */
struct service *service_get(struct stack *s, const char *name); /* or makes */
void service_drop(struct cluster *c, struct service *svc);
void service_mark(struct cluster *c, struct service *svc);
void service_queue(struct cluster *c, struct service *svc, size_t slot);
/* spec NULL: removed. changed: slots must be looked at whatever the template says. */
void service_set_spec(struct cluster *c, struct service *svc, const struct spec_service *spec,
		      bool changed);
char *service_key(const struct service *svc); /* "STACK/NAME", caller frees */
void service_free(void *svc);
size_t service_slot_add(struct service *svc);
void service_node_slots(struct cluster *c, struct node *n); /* global services see a node change */

/* tasks.c */
struct task *task_new(struct cluster *c, struct service *svc, size_t slot);
void task_mark(struct cluster *c, struct task *t, unsigned marks);
void task_pend(struct cluster *c, struct task *t);
void task_unpend(struct cluster *c, struct task *t);
void task_assign(struct cluster *c, struct task *t, struct node *n); /* attaches are there */
void task_count(struct cluster *c, struct task *t);   /* mends what it uses of its node */
void task_recount(struct cluster *c, struct task *t); /* what it uses may be another now */
void task_stop(struct cluster *c, struct task *t);    /* cur of its slot: moves to old, or goes */
void task_drop(struct cluster *c, struct task *t);    /* is gone: forgets it everywhere */
void task_lose(struct cluster *c, struct task *t);
void task_state(struct cluster *c, struct task *t, enum task_state state, const char *reason);
enum task_state task_shown(const struct task *t);
bool task_visible(const struct task *t); /* its endpoints are told to others */
bool task_up(const struct task *t);      /* ready, and to run */
/* Is it as one that depends on it asks? */
enum met task_met(const struct task *t, enum spec_condition cond);
char *task_name(const struct task *t); /* caller frees */
void task_free(void *t);
void task_link(struct cluster *c, struct task *t, struct node *n);

/* reconcile.c */
void reconcile_service(struct cluster *c, struct service *svc);
bool slot_kept(const struct cluster *c, const struct service *svc, size_t ix); /* has a task? */

/* rollout.c */
void rollout_begin(struct cluster *c, struct service *svc);
void rollout_slot(struct cluster *c, struct service *svc, struct slot *sl); /* it changed */
void rollout_step(struct cluster *c, struct service *svc);
bool rollout_start_first(const struct service *svc);
const char *rollout_name(enum roll_state s);

/* place.c */
void place_plan(struct stack *s, const char *service, int64_t slot, const char *node_id);
void place_service(struct cluster *c, struct service *svc);
void place_waiting(struct cluster *c); /* all pending tasks, after something became free */

/* nodes.c */
struct node *node_new(struct cluster *c, const char *id, const char *name);
struct node *node_by_name(const struct cluster *c, const char *id_or_name);
void node_free(void *n);
void node_refresh(struct cluster *c, struct node *n); /* what placement knows of it */
void node_check(struct cluster *c);                   /* who has missed its heartbeats */
uint64_t node_next_ms(const struct cluster *c);       /* when that may be */
void node_beat(struct cluster *c, struct node *n, uint64_t now_ms);
void node_row(struct cluster *c, struct node *n);

/* stacks.c, stackcheck.c */
struct stack *stack_new(struct cluster *c, const char *name);
void stack_free(void *s);
void stack_mark(struct cluster *c, struct stack *s);
/* Services of its spec were changed in place: they differ in what `changed` names. */
void stack_respec(struct cluster *c, struct stack *s, const struct strlist *changed);
void stack_settle(struct cluster *c, struct stack *s); /* ends a removal that is through */
/* Its spec is new; changed: names of services that differ, NULL: all. */
void stack_apply(struct cluster *c, struct stack *s, const struct strlist *changed);
int stack_check(const struct cluster *c, const struct spec_stack *spec, struct err *err);
int stack_check_users(const struct cluster *c, const char *name, const struct spec_stack *next,
		      struct err *err);

/* vips.c */
/* An address on each of the template's networks; err: which has none left. */
int vips_take(struct cluster *c, struct service *svc, struct err *err);
void vips_settle(struct cluster *c, struct service *svc); /* gives back what is not needed now */
void vips_give(struct cluster *c, struct service *svc);   /* all of them */
void vips_spec(struct cluster *c, struct service *svc);   /* its spec is new */
const struct vip *vip_of(const struct service *svc, const struct network *n); /* NULL: none */
bool vips_local(const struct service *svc); /* tasks of a client's own node first */
/* As text; out: IPADDR_TEXT. NULL: it has none of that family. */
const char *vips_text(const struct vip *v, int family, char *out);
int vips_load(struct cluster *c, const char *id, const json_t *row, struct err *err);

/* ingress.c, portcheck.c */
void ingress_add(struct cluster *c, struct tmpl *t); /* where it publishes cluster-wide */
void ingress_del(struct cluster *c, struct tmpl *t); /* and tells the nodes */
void ingress_free(struct ingress *in);
void ingress_count(struct cluster *c, struct task *t, bool up);
void ingress_node_moved(struct cluster *c, const struct node *n); /* its address is new */
/* What the node cannot publish is other than before: tells it, and leaves the node out. */
void ingress_trouble(struct cluster *c, const struct node *n, const struct kvlist *before);
void ingress_collect(struct cluster *c);
void ingress_snapshot(struct cluster *c, struct str *set);
/* What spec, which is to be put, publishes: none that another stack has; of its ranges of mode ingress
 * each gets a port, the one it had if it can. */
int ports_settle(const struct cluster *c, struct spec_stack *spec, struct err *err);

/* dispatch.c, texts.c */
/* An entry of text_entry, whole, for one node's next message, or into a snapshot's list. */
bool dispatch_listens(struct cluster *c,
		      struct node *n); /* or will need a snapshot, and is marked so */
void dispatch_set(struct cluster *c, struct node *n, const char *entry);
void dispatch_put(struct str *set, const char *entry);
void dispatch_del(struct cluster *c, struct node *n, enum wire_kind kind, const char *id);
void dispatch_node(struct cluster *c, struct node *n);        /* its address changed */
void dispatch_node_object(struct cluster *c, struct node *n); /* what its peers know of it */
void dispatch_node_gone(struct cluster *c, const struct node *gone);
void dispatch_task_gone(struct cluster *c, struct task *t);
void dispatch_mark(struct cluster *c, struct node *n);
void dispatch_collect(struct cluster *c); /* marks become parts of messages */
void dispatch_emit(struct cluster *c);    /* one message a node */
void text_task(struct str *s, struct task *t);
void text_joins(struct str *s, const struct task_joins *with);
void text_endpoint(struct str *s, const struct attach *a);
void text_network(struct str *s, const struct network *n);
void text_peer(struct str *s, const struct node *n);
/* Opens an entry of "set"; the object and '}' follow. id2: endpoints are TASK/NETWORK. */
void text_entry(struct str *s, enum wire_kind kind, const char *id, const char *id2);
