/* SPDX-License-Identifier: Apache-2.0
 * deploy.placement.preferences: how many tasks of the service each value of a label has. Nodes without
 * the label are a group of their own, as in Swarm. Private to controller/sched. */
#pragma once
#include "controller/sched/sched.h"

struct spread;
/* NULL: the service prefers nothing. Borrows nodes. */
struct spread *spread_new(const struct spec_service *s, const struct sched_node *nodes, size_t n);
/* Negative: node a has fewer in its groups than b; the first preference counts most. */
int spread_compare(const struct spread *p, size_t a, size_t b);
void spread_add(struct spread *p, size_t node); /* one more task there */
void spread_free(struct spread *p);             /* NULL is fine */
