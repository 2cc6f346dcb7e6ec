/* SPDX-License-Identifier: Apache-2.0
 *
 * Which task stands in which slot of a VIP's table. A new connection takes a slot by chance, so
 * slots are what is spread over; a change moves as few of them as it can. Pure.
 */
#pragma once
#include "overlay/bpf/vip_maps.h"
#include <stdbool.h>
#include <stddef.h>

static inline bool vip_addr_same(const struct vip_addr *a, const struct vip_addr *b)
{
	return a->w[3] == b->w[3] && a->w[2] == b->w[2] && a->w[1] == b->w[1] && a->w[0] == b->w[0];
}

/* Fills slots[0..n_slots) with the tasks, each in n_slots / n_tasks of them or one more. was: what
 * the slots held before; a task that is in both keeps as many of its places as it may. No tasks: no
 * slots, the caller says 0. Tasks past n_slots are left out. */
void vipslots_fill(struct vip_addr *slots, size_t n_slots, const struct vip_addr *was, size_t n_was,
		   const struct vip_addr *tasks, size_t n_tasks);
