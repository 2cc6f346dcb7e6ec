/* SPDX-License-Identifier: Apache-2.0
 *
 * A task leaves before it gets its stop signal: nodes are told that it is not ready, and its own node is
 * told to stop it when each of them has said that it has done so, or after DRAIN_MS. Those that are
 * not connected are not waited for. Tasks of one hand-out wait together.
 */
#pragma once
#include "controller/core/state.h"

#define DRAIN_MS 1000 /* for a node that is connected and says nothing */

/* Before its endpoints change: may anything lead to it, as far as nodes were told? */
bool drain_led(const struct cluster *c, struct task *t);
/* Its stop is not for its node yet. */
void drain_add(struct cluster *c, struct task *t);
/* A hand-out begins; c->drain_now is what it has to wait for, or NULL. */
void drain_begin(struct cluster *c);
/* The node is sent some of it that changes where something leads; up to this version. */
void drain_sent(struct cluster *c, struct node *n, int64_t version);
void drain_ack(struct node *n, int64_t version);
void drain_gone(struct node *n); /* it will not answer any more */
/* Tasks whose time has come are marked to be sent; was there one? */
bool drain_step(struct cluster *c);
uint64_t drain_next_ms(const struct cluster *c);
void drain_done(struct cluster *c); /* with all nodes gone */
