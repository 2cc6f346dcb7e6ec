/* SPDX-License-Identifier: Apache-2.0
 *
 * Services whose tasks live in namespaces of another service's tasks (spec.h, spec_joins): each such
 * task is on the node of the one it joins, starts after it and goes when that goes. Private to
 * controller/core.
 *
 * Slot N joins slot N, round and round where the other service has fewer tasks; of a global service,
 * the task on the same node. Who decides where they all run is the leader; what the others reserve is
 * counted with its tasks, so that there is room for them.
 */
#pragma once
#include "controller/core/state.h"

/* The stack's specs are new: who is joined by others, and what their tasks take of their nodes. */
void joins_link(struct cluster *c, struct stack *s);
/* Does the service at the end of svc's chain run on that node? True for who joins nobody. */
bool joins_eligible(const struct cluster *c, const struct service *svc, const struct node *n);
/* Adds what those who join svc ask of a node, to what svc asks; lists go into pool. */
void joins_needs(const struct service *svc, struct spec_service *needs, struct strlist *pool,
		 struct strlist *devices);
/* The node on which the pending task t has its place, with the tasks it joins noted in t; or why not. */
enum met joins_ready(struct cluster *c, struct task *t, struct node **ret, char why[DEPENDS_TEXT]);
/* Does all that t joined still run, or is it about to? */
bool joins_hold(const struct cluster *c, const struct task *t);
/* svc changed: those who join its tasks look again. */
void joins_tell(struct cluster *c, const struct service *svc);
/* What t takes of its node: nothing where it joins others, more where others join it. */
struct spec_resources joins_reserve(const struct task *t);
