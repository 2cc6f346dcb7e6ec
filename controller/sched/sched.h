/* SPDX-License-Identifier: Apache-2.0
 *
 * Placement: a pure function from a task's needs and the nodes' states to a node, or to the reason
 * why there is none. Filters (ready, platform, constraints, encryption, interfaces, devices, resources, host ports, max per node),
 * then (in a batch) the placement preferences, then the node with the fewest tasks of this service, then the fewest tasks, then most free memory,
 * then a tie broken by seed.
 */
#pragma once
#include "manifests/spec.h"
#include <stdbool.h>
#include <stdint.h>

enum sched_filter {
	FILTER_READY,
	FILTER_PLATFORM,
	FILTER_CONSTRAINT,
	FILTER_ENCRYPTION,
	FILTER_PARENT, /* no interface for a network on the physical network */
	FILTER_DEVICE, /* none of that name */
	FILTER_RESOURCES,
	FILTER_PORT,
	FILTER_MAX_PER_NODE,
	FILTER_MAX,
};

struct sched_port { /* a host port in use, and whose it is */
	const struct spec_port *port;
	uint16_t number; /* the port's own, or what it got of its range */
	const char *stack, *service;
};

struct sched_ports { /* of mode ingress: no node has them for others */
	struct sched_port *v;
	size_t n, cap;
};

struct sched_node {
	const char *id, *name, *address, *os, *arch;
	uint64_t tie; /* of its id, so that ties do not hang on the order of nodes; 0: its index */
	bool ready;
	const char *no_encrypt; /* why it can be on no encrypted network; NULL: it can */
	const struct kvlist *parents, *no_bridge, *no_driver; /* see wire_node; NULL: none */
	const struct strlist *devices;                        /* by name; NULL: none */
	const struct sched_ports *everywhere; /* looked at for ranges of host ports; NULL: none */
	const struct kvlist *labels;
	double cpus, cpus_used; /* reservations */
	int64_t memory, memory_used;
	size_t n_tasks;         /* live tasks of all services */
	size_t n_service_tasks; /* live tasks of the service being placed; set by the caller */
	const struct sched_port *ports; /* of mode host, in use */
	size_t n_ports;
};

struct sched_result {
	long node; /* index, or -1 */
	size_t refused
		[FILTER_MAX]; /* nodes that each filter refused (the first to refuse counts) */
	char why[800]; /* "no node fits: 2 lack memory (512 MiB asked), 1 is down" when node is -1 */
};

void sched_place(const struct spec_service *s, const struct sched_node *nodes, size_t n,
		 uint64_t seed, struct sched_result *ret);
/* Does this node run the service's task, were it ready (global services)? */
bool sched_eligible(const struct spec_service *s, const struct sched_node *node);
/* "node.labels.disk == ssd", "node.hostname!=a", node.id, node.platform.os/arch; false: malformed. */
bool sched_constraint_valid(const char *text);

/* Many tasks of one service: filters once, then a heap, so that k tasks on n nodes cost n + k log n
 * and land where k calls of sched_place would put them. After each sched_batch_next that gave a node
 * the caller accounts for the task in nodes[] and calls sched_batch_used. Borrows s and nodes. */
struct sched_batch;
struct sched_batch *sched_batch_new(const struct spec_service *s, struct sched_node *nodes,
				    size_t n, uint64_t seed);
void sched_batch_next(struct sched_batch *b, struct sched_result *ret); /* why is left empty */
void sched_batch_used(struct sched_batch *b);
/* Fills ret->why after a sched_batch_next that gave none. */
void sched_batch_why(const struct sched_batch *b, size_t n_nodes, struct sched_result *ret);
void sched_batch_free(struct sched_batch *b); /* NULL is fine */
