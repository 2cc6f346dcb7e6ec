/* SPDX-License-Identifier: Apache-2.0
 * Filters, scores and the heap of a batch; see sched.h. */
#include "controller/sched/constraint.h"
#include "controller/sched/lan.h"
#include "controller/sched/ports.h"
#include "controller/sched/sched.h"
#include "controller/sched/spread.h"

#include <stdio.h>
#include <string.h>

#define CPU_EPSILON 1e-9 /* reservations are sums of decimal fractions */

struct entry {
	size_t node;
	uint64_t tie;
};

struct sched_batch {
	const struct spec_service *s;
	struct sched_node *nodes;
	struct entry *heap; /* the best first */
	size_t n;
	size_t refused[FILTER_MAX];
	struct spread *spread; /* then the heap is a plain list */
};

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static uint64_t tie_of(const struct sched_node *n, size_t ix, uint64_t seed)
{
	return mix(seed ^ mix(n->tie ? n->tie : ix + 1));
}

static bool lacks_resources(const struct spec_service *s, const struct sched_node *n)
{
	const struct spec_resources *r = &s->reservations;
	if (r->cpus > 0 && n->cpus_used + r->cpus > n->cpus + CPU_EPSILON)
		return true;
	return r->memory > 0 && r->memory > n->memory - n->memory_used;
}

static bool constraints_met(const struct spec_service *s, const struct sched_node *n)
{
	for (size_t i = 0; i < s->constraints.n; i++)
		if (!constraint_met(s->constraints.v[i], n))
			return false;
	return true;
}

bool sched_eligible(const struct spec_service *s, const struct sched_node *n)
{
	return constraint_platform(s->platform, n) && constraints_met(s, n);
}

/* The first of its devices by name that the node has not; NULL: it has them all. */
static const char *device_lacking(const struct spec_service *s, const struct sched_node *n)
{
	for (size_t i = 0; i < s->devices.n; i++)
		if (spec_device_named(s->devices.v[i]) &&
		    !(n->devices && strlist_has(n->devices, s->devices.v[i])))
			return s->devices.v[i];
	return NULL;
}

/* The first filter that refuses what cannot change within a batch, or FILTER_MAX. */
static enum sched_filter refuse_static(const struct spec_service *s, const struct sched_node *n)
{
	if (!n->ready)
		return FILTER_READY;
	if (!constraint_platform(s->platform, n))
		return FILTER_PLATFORM;
	if (!constraints_met(s, n))
		return FILTER_CONSTRAINT;
	if (s->encrypted && n->no_encrypt)
		return FILTER_ENCRYPTION;
	char why[LAN_WHY];
	if (s->n_lans && lan_refuses(s, n, why))
		return FILTER_PARENT;
	return device_lacking(s, n) ? FILTER_DEVICE : FILTER_MAX;
}

/* The same for what each placed task changes. */
static enum sched_filter refuse_dynamic(const struct spec_service *s, const struct sched_node *n,
					bool fresh_ports)
{
	if (lacks_resources(s, n))
		return FILTER_RESOURCES;
	/* A task placed earlier in this batch has the same ports. */
	if ((!fresh_ports && sched_ports_single(s)) || !sched_ports_pick(s, n, NULL))
		return FILTER_PORT;
	if (s->max_replicas_per_node > 0 && n->n_service_tasks >= (size_t)s->max_replicas_per_node)
		return FILTER_MAX_PER_NODE;
	return FILTER_MAX;
}

/* Is a the better place? */
static bool better(const struct sched_node *a, uint64_t a_tie, const struct sched_node *b,
		   uint64_t b_tie)
{
	if (a->n_service_tasks != b->n_service_tasks)
		return a->n_service_tasks < b->n_service_tasks;
	if (a->n_tasks != b->n_tasks)
		return a->n_tasks < b->n_tasks;
	int64_t a_free = a->memory - a->memory_used, b_free = b->memory - b->memory_used;
	if (a_free != b_free)
		return a_free > b_free;
	return a_tie < b_tie;
}

static void add_reason(char *out, size_t room, size_t n, const char *one, const char *many)
{
	size_t at = strlen(out);
	if (n)
		snprintf(out + at, room - at, "%s%zu %s", at ? ", " : "", n, n == 1 ? one : many);
}

/* "cannot encrypt (host1: this kernel has no WireGuard)": one of them, as an example. */
static void name_plain(const struct sched_node *nodes, size_t n, char out[280])
{
	snprintf(out, 280, "cannot encrypt");
	for (size_t i = 0; i < n; i++) {
		if (!nodes[i].ready || !nodes[i].no_encrypt)
			continue;
		snprintf(out, 280, "cannot encrypt (%.63s: %.190s)", nodes[i].name,
			 nodes[i].no_encrypt);
		return;
	}
}

/* "cannot be on the network 'shop_lan' (host1: it has no interface 'eth1')": one of them, as an example. */
static void name_parent(const struct spec_service *s, const struct sched_node *nodes, size_t n,
			char out[LAN_WHY + 112])
{
	char why[LAN_WHY];
	snprintf(out, LAN_WHY + 112, "cannot be on its physical network");
	for (size_t i = 0; s->n_lans && i < n; i++) {
		if (refuse_static(s, &nodes[i]) != FILTER_PARENT || !lan_refuses(s, &nodes[i], why))
			continue;
		snprintf(out, LAN_WHY + 112, "cannot be on its physical network (%.63s: %s)",
			 nodes[i].name, why);
		return;
	}
}

/* One of them, as an example. */
static void name_port(const struct spec_service *s, const struct sched_node *nodes, size_t n,
		      char out[SCHED_PORT_WHY])
{
	snprintf(out, SCHED_PORT_WHY, "the host port in use");
	for (size_t i = 0; i < n; i++) {
		if (!nodes[i].ready || sched_ports_pick(s, &nodes[i], NULL))
			continue;
		sched_ports_why(s, &nodes[i], out);
		return;
	}
}

/* "lacks the device 'x.com/gpu=0'", or "lacks the device 'x.com/gpu=0' or another one" */
static void name_device(const struct spec_service *s, const struct sched_node *nodes, size_t n,
			char out[200])
{
	const char *first = NULL;
	bool more = false;
	for (size_t i = 0; s->devices.n && i < n; i++) {
		if (refuse_static(s, &nodes[i]) != FILTER_DEVICE)
			continue;
		const char *one = device_lacking(s, &nodes[i]);
		first = first ?: one;
		more |= !streq(first, one);
	}
	snprintf(out, 200, "the device '%.150s'%s", first ?: "", more ? " or another one" : "");
}

static void explain(const struct spec_service *s, const size_t *refused,
		    const struct sched_node *nodes, size_t n_nodes, struct sched_result *ret)
{
	char text[760] = "", lack[128], port[SCHED_PORT_WHY], parent[LAN_WHY + 112];
	const struct spec_resources *r = &s->reservations;
	if (n_nodes == 0) {
		snprintf(ret->why, sizeof(ret->why),
			 "no node fits: the cluster has no nodes; join one with carrack agent");
		return;
	}
	snprintf(lack, sizeof(lack), "%s (%.3g cpus and %lld MiB asked)", "cpus or memory", r->cpus,
		 (long long)(r->memory >> 20));
	add_reason(text, sizeof(text), refused[FILTER_READY], "is down", "are down");
	add_reason(text, sizeof(text), refused[FILTER_PLATFORM], "has another platform",
		   "have another platform");
	add_reason(text, sizeof(text), refused[FILTER_CONSTRAINT],
		   "does not meet the placement constraints",
		   "do not meet the placement constraints");
	char plain[280];
	name_plain(nodes, n_nodes, plain);
	add_reason(text, sizeof(text), refused[FILTER_ENCRYPTION], plain, plain);
	name_parent(s, nodes, n_nodes, parent);
	add_reason(text, sizeof(text), refused[FILTER_PARENT], parent, parent);
	char has[SCHED_PORT_WHY + 8], have[SCHED_PORT_WHY + 8], device[200];
	name_device(s, nodes, n_nodes, device);
	snprintf(has, sizeof(has), "lacks %s", device);
	snprintf(have, sizeof(have), "lack %s", device);
	add_reason(text, sizeof(text), refused[FILTER_DEVICE], has, have);
	snprintf(has, sizeof(has), "lacks %s", lack);
	snprintf(have, sizeof(have), "lack %s", lack);
	add_reason(text, sizeof(text), refused[FILTER_RESOURCES], has, have);
	if (refused[FILTER_PORT])
		name_port(s, nodes, n_nodes, port);
	snprintf(has, sizeof(has), "has %s", refused[FILTER_PORT] ? port : "");
	snprintf(have, sizeof(have), "have %s", refused[FILTER_PORT] ? port : "");
	add_reason(text, sizeof(text), refused[FILTER_PORT], has, have);
	add_reason(text, sizeof(text), refused[FILTER_MAX_PER_NODE],
		   "runs max_replicas_per_node already", "run max_replicas_per_node already");
	snprintf(ret->why, sizeof(ret->why), "no node fits: %s", text);
}

void sched_place(const struct spec_service *s, const struct sched_node *nodes, size_t n,
		 uint64_t seed, struct sched_result *ret)
{
	*ret = (struct sched_result){.node = -1};
	uint64_t best_tie = 0;
	for (size_t i = 0; i < n; i++) {
		enum sched_filter f = refuse_static(s, &nodes[i]);
		if (f == FILTER_MAX)
			f = refuse_dynamic(s, &nodes[i], true);
		if (f != FILTER_MAX) {
			ret->refused[f]++;
			continue;
		}
		uint64_t tie = tie_of(&nodes[i], i, seed);
		if (ret->node < 0 || better(&nodes[i], tie, &nodes[ret->node], best_tie)) {
			ret->node = (long)i;
			best_tie = tie;
		}
	}
	if (ret->node < 0)
		explain(s, ret->refused, nodes, n, ret);
}

static void sift(struct sched_batch *b, size_t i)
{
	for (;;) {
		size_t best = i;
		for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < b->n; k++)
			if (better(&b->nodes[b->heap[k].node], b->heap[k].tie,
				   &b->nodes[b->heap[best].node], b->heap[best].tie))
				best = k;
		if (best == i)
			return;
		struct entry e = b->heap[i];
		b->heap[i] = b->heap[best];
		b->heap[best] = e;
		i = best;
	}
}

struct sched_batch *sched_batch_new(const struct spec_service *s, struct sched_node *nodes,
				    size_t n, uint64_t seed)
{
	struct sched_batch *b = xcalloc(1, sizeof(*b));
	b->s = s;
	b->nodes = nodes;
	b->heap = xcalloc(n + 1, sizeof(*b->heap));
	for (size_t i = 0; i < n; i++) {
		enum sched_filter f = refuse_static(s, &nodes[i]);
		if (f == FILTER_MAX)
			f = refuse_dynamic(s, &nodes[i], true);
		if (f == FILTER_MAX)
			b->heap[b->n++] = (struct entry){i, tie_of(&nodes[i], i, seed)};
		else
			b->refused[f]++;
	}
	b->spread = spread_new(s, nodes, n);
	for (size_t i = b->n / 2; i-- > 0;)
		sift(b, i);
	return b;
}

/* What one task changes for a whole group of nodes: the best is looked for each time. */
static void best_first(struct sched_batch *b)
{
	size_t best = 0;
	for (size_t i = 1; i < b->n; i++) {
		const struct entry *x = &b->heap[i], *y = &b->heap[best];
		int by_group = spread_compare(b->spread, x->node, y->node);
		if (by_group < 0 || (by_group == 0 && better(&b->nodes[x->node], x->tie,
							     &b->nodes[y->node], y->tie)))
			best = i;
	}
	struct entry e = b->heap[0];
	b->heap[0] = b->heap[best];
	b->heap[best] = e;
}

void sched_batch_next(struct sched_batch *b, struct sched_result *ret)
{
	*ret = (struct sched_result){.node = -1};
	if (b->n && b->spread)
		best_first(b);
	if (b->n)
		ret->node = (long)b->heap[0].node;
	memcpy(ret->refused, b->refused, sizeof(ret->refused));
}

void sched_batch_why(const struct sched_batch *b, size_t n_nodes, struct sched_result *ret)
{
	explain(b->s, b->refused, b->nodes, n_nodes, ret);
}

void sched_batch_used(struct sched_batch *b)
{
	struct sched_node *n = &b->nodes[b->heap[0].node];
	enum sched_filter f = refuse_dynamic(b->s, n, false);
	if (b->spread)
		spread_add(b->spread, b->heap[0].node);
	if (f != FILTER_MAX) {
		b->refused[f]++;
		b->heap[0] = b->heap[--b->n];
	}
	if (!b->spread)
		sift(b, 0);
}

void sched_batch_free(struct sched_batch *b)
{
	if (!b)
		return;
	spread_free(b->spread);
	free(b->heap);
	free(b);
}
