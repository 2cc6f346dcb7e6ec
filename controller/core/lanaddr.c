/* SPDX-License-Identifier: Apache-2.0
 *
 * Who has an address on the physical network, where machines that are not the cluster's know it: a replica
 * gets the address that it had before, also when it moves. A task on a node that is down hands its address
 * to its replacement: if that node lives on unseen, the one that was started last is told to the network
 * last. Elsewhere fixed addresses alone are handed over so: to the other nodes the lost task's endpoint is gone
 * (dispatch.c). See state.h.
 */
#include "controller/core/state.h"

struct last { /* what a replica had */
	uint32_t ip;
	struct ipaddr ip6;
};

static bool same_slot(const struct attach *a, const struct attach *b)
{
	return a != b && a->task->svc == b->task->svc && a->task->slot == b->task->slot;
}

static char *key_of(const struct attach *a)
{
	const struct service *svc = a->task->svc;
	return xasprintf("%s/%s.%d", svc->stack->name, svc->name, a->task->slot);
}

bool lanaddr_inherit(struct network *n, struct attach *a, uint32_t ip, const struct ipaddr *ip6)
{
	for (size_t i = 0; i < n->n_attaches; i++) {
		struct attach *b = n->attaches[i];
		if (!same_slot(a, b) || !b->task->lost || b->handed)
			continue;
		if ((ip && ip != b->ip) || (ipaddr_is_set(ip6) && !ipaddr_equal(ip6, &b->ip6)))
			continue; /* another is wanted */
		a->ip = b->ip;
		a->ip6 = b->ip6;
		b->handed = true;
		n->n_handed++;
		return true;
	}
	return false;
}

bool lanaddr_last(const struct network *n, const struct attach *a, uint32_t *ip, struct ipaddr *ip6)
{
	auto_free char *key = key_of(a);
	const struct last *l = map_get(&n->last, key);
	if (!l)
		return false;
	*ip = l->ip;
	*ip6 = l->ip6;
	return true;
}

bool lanaddr_leave(struct network *n, struct attach *a)
{
	if (a->handed) {
		n->n_handed--;
		return false;
	}
	for (size_t i = 0; n->n_handed && i < n->n_attaches; i++) {
		struct attach *b = n->attaches[i];
		if (!b->handed || !same_slot(a, b) || a->ip != b->ip ||
		    !ipaddr_equal(&a->ip6, &b->ip6))
			continue;
		b->handed = false; /* it is the lost task's again */
		n->n_handed--;
		return false;
	}
	if (!n->lan || !a->task->svc->spec)
		return true; /* nobody will ask */
	auto_free char *key = key_of(a);
	struct last *l = xcalloc(1, sizeof(*l));
	*l = (struct last){a->ip, a->ip6};
	n->last.free_val = free;
	map_set(&n->last, key, l);
	return true;
}
