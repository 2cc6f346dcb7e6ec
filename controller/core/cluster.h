/* SPDX-License-Identifier: Apache-2.0
 *
 * The cluster as the controller knows it: stacks, nodes, tasks, networks, addresses. A deterministic
 * machine: inputs and the time come in through these functions, effects go out through `struct
 * cluster_out`; no I/O, no clock, no random but the seed. The real controller (api/server.c) drives it
 * with SQLite and TLS streams, tests/sim with virtual ones.
 *
 * Rules for the driver. After any input, and at the time cluster_next_ms tells, call cluster_step;
 * then commit out->puts in one store transaction; only after that send out->sends, publish
 * out->events and answer whoever asked. A crash between two of these is mended by the next step.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "controller/core/effects.h"
#include <stdbool.h>
#include <stdint.h>

struct cluster;

struct cluster *cluster_new(const struct cluster_config *c);
void cluster_free(struct cluster *c);
/* Rows of the store at start, in key order. */
int cluster_load(struct cluster *c, const char *key, const char *value, struct err *err);
/* Call once after the rows: nodes seen before get grace_ms to come back. */
void cluster_start(struct cluster *c, uint64_t now_ms);

/* Reconciles what changed and appends effects to out. now_ms: CLOCK_BOOTTIME; wall_ms: for display. */
void cluster_step(struct cluster *c, uint64_t now_ms, int64_t wall_ms, struct cluster_out *out);
uint64_t cluster_next_ms(const struct cluster *c); /* when step has something to do by itself */

/* What operators ask for. *ret (new reference) is the answer's body. */
int cluster_stack_put(struct cluster *c, const char *name, const json_t *canonical, json_t **ret,
		      struct err *err);
int cluster_stack_del(struct cluster *c, const char *name, struct err *err); /* -ENOENT */
int cluster_scale(struct cluster *c, const char *stack, const char *service, int64_t replicas,
		  struct err *err);
int cluster_node_del(struct cluster *c, const char *id_or_name,
		     struct err *err); /* -EBUSY: it is up */
int cluster_node_labels(struct cluster *c, const char *id_or_name, const struct kvlist *labels,
			struct err *err); /* v NULL removes */

/* Configs and secrets, whose values come sealed (manifests/sealed.h). A version waits a while for the
 * stack that names it. */
int cluster_sealed_put(struct cluster *c, const json_t *body, struct err *err);
/* Made by itself (unless body "create" is false), or (body "replace") given a new value, to which the
 * services that use it roll; *ret: {"created","changed","used_by"}. */
int cluster_secret_put(struct cluster *c, bool config, const char *name, const json_t *body,
		       json_t **ret, struct err *err);
int cluster_secret_del(struct cluster *c, bool config, const char *name,
		       struct err *err); /* -EBUSY: in use */
void cluster_rewrap(struct cluster *c);  /* every data key to the cluster's present key */

/* What agents say. The node id comes from the certificate, never from the message. */
int cluster_node_join(struct cluster *c, const char *node_id, const char *name, struct err *err);
bool cluster_node_known(const struct cluster *c, const char *node_id);
int cluster_agent_hello(struct cluster *c, const char *node_id, const json_t *msg, uint64_t now_ms,
			struct err *err);
void cluster_agent_heartbeat(struct cluster *c, const char *node_id, uint64_t now_ms);
/* The counters in a heartbeat; kept in memory only. */
void cluster_agent_counters(struct cluster *c, const char *node_id, const json_t *msg);
int cluster_agent_report(struct cluster *c, const char *node_id, const json_t *msg, uint64_t now_ms,
			 struct err *err);
/* WIRE_NODE: what the agent said of its host in hello has changed. */
int cluster_agent_node(struct cluster *c, const char *node_id, const json_t *msg, struct err *err);
void cluster_agent_ack(struct cluster *c, const char *node_id, const json_t *msg);
void cluster_agent_resync(struct cluster *c, const char *node_id);
void cluster_agent_gone(struct cluster *c, const char *node_id); /* its stream closed */

/* Answers for the API; new references. Shapes are in docs/api.md. */
json_t *cluster_stacks_json(const struct cluster *c);
json_t *cluster_stack_json(const struct cluster *c, const char *name);     /* NULL: unknown */
json_t *cluster_services_json(const struct cluster *c, const char *stack); /* stack NULL: all */
json_t *cluster_tasks_json(const struct cluster *c, const char *stack, const char *service);
json_t *cluster_task_json(const struct cluster *c,
			  const char *id_or_name); /* unique id prefix, name */
json_t *cluster_nodes_json(const struct cluster *c);
json_t *cluster_networks_json(const struct cluster *c);
json_t *cluster_secrets_json(const struct cluster *c, bool config);
json_t *cluster_secret_json(const struct cluster *c, bool config, const char *name); /* or NULL */
/* What a client seals with, and which versions of a stack (NULL: of none) are here. */
json_t *cluster_sealing_json(const struct cluster *c, const char *stack);
/* The node that runs a task (borrowed until the next input), or NULL with err. */
/* The node of this id or name: its id, and its name in *ret_name; NULL: there is none. */
const char *cluster_node_find(const struct cluster *c, const char *id_or_name,
			      const char **ret_name);
const char *cluster_task_node(const struct cluster *c, const char *task_id, struct err *err);
