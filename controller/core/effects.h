/* SPDX-License-Identifier: Apache-2.0
 *
 * What the cluster machine (cluster.h) is made with and what comes out of it: rows for the store,
 * messages for agents, events for who watches.
 */
#pragma once
#include "base/str.h"
#include <stddef.h>
#include <stdint.h>

struct sealing;

struct cluster_config {
	uint64_t seed;                 /* of ids and ties */
	int heartbeat_ms;              /* 0: 1000 */
	int heartbeat_misses;          /* a node is down after so many; 0: 3 */
	const char *pool;              /* subnets are cut from it; NULL: "10.128.0.0/9" */
	unsigned prefix_len;           /* of a network; 0: 20 */
	const char *pool6;             /* IPv6, at most /64; NULL: a random /48 of fd00::/8, kept */
	const struct sealing *sealing; /* keys of configs and secrets; NULL: none can be kept */
	int grace_ms; /* after a controller start, before unseen nodes count as down; 0: 10000 */
};

struct cluster_put { /* value NULL: delete */
	char *key, *value;
};
struct cluster_send {
	char *node_id;
	uint8_t type; /* enum wire_type */
	char *json;
};
struct cluster_out { /* effects since the last drain; the driver frees with cluster_out_done */
	struct cluster_put *puts;
	size_t n_puts, cap_puts;
	struct cluster_send *sends;
	size_t n_sends, cap_sends;
	struct strlist events; /* JSON: {"time","type","stack","service","task","node","text"} */
};
void cluster_out_done(struct cluster_out *out);
