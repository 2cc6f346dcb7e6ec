/* SPDX-License-Identifier: Apache-2.0
 * Slots of a VIP; see vipslots.h. */
#include "overlay/vipslots.h"
#include "base/mem.h"
#include <string.h>

struct place { /* a task while slots are dealt out */
	struct vip_addr addr;
	size_t has;
};

static int by_addr(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct vip_addr));
}

static struct place *find(struct place *v, size_t n, const struct vip_addr *a)
{
	return bsearch(a, v, n, sizeof(*v), by_addr);
}

/* The first task from *next on that has fewer than `most`. */
static struct place *short_of(struct place *v, size_t n, size_t *next, size_t most)
{
	while (*next < n && v[*next].has >= most)
		(*next)++;
	return *next < n ? &v[*next] : NULL;
}

void vipslots_fill(struct vip_addr *slots, size_t n_slots, const struct vip_addr *was, size_t n_was,
		   const struct vip_addr *tasks, size_t n_tasks)
{
	if (!n_slots || !n_tasks)
		return;
	if (n_tasks > n_slots)
		n_tasks = n_slots;
	auto_free struct place *v = xcalloc(n_tasks, sizeof(*v));
	auto_free bool *held = xcalloc(n_slots, sizeof(*held));
	size_t least = n_slots / n_tasks, more = n_slots % n_tasks; /* so many have one more */
	for (size_t i = 0; i < n_tasks; i++)
		v[i].addr = tasks[i];
	qsort(v, n_tasks, sizeof(*v), by_addr);
	for (size_t i = 0; i < n_slots && i < n_was; i++) {
		struct place *p = find(v, n_tasks, &was[i]);
		if (!p || p->has > least || (p->has == least && !more))
			continue;
		more -= p->has == least;
		p->has++;
		slots[i] = was[i];
		held[i] = true;
	}
	size_t low = 0, high = 0;
	for (size_t i = 0; i < n_slots; i++) {
		if (held[i])
			continue;
		struct place *p = short_of(v, n_tasks, &low, least);
		if (!p)
			p = short_of(v, n_tasks, &high, least + 1);
		p->has++;
		slots[i] = p->addr;
	}
}
