/* SPDX-License-Identifier: Apache-2.0
 *
 * The networks that tasks of this node are on: assigned networks and endpoints become the overlay's
 * networks, peers and names. A network is in the kernel while a task holds it.
 */
#pragma once
#include "agent/core/assign.h"
#include "base/err.h"
#include "overlay/overlay.h"

struct nodenet; /* all of them */
struct nodenet *nodenet_new(struct overlay *o, struct assign *a, const char *node_id);
void nodenet_free(struct nodenet *n); /* leaves the kernel as it is; NULL is fine */
/* Another overlay, opened after a wipe; nothing is held then. */
void nodenet_use(struct nodenet *n, struct overlay *o);

/* Makes sure that every network of the task is there, with its peers and names. -EAGAIN: the
 * controller has not described one yet. On failure nothing is held. */
int nodenet_hold(struct nodenet *n, const struct wire_task *t, struct err *err);
void nodenet_drop(struct nodenet *n, const struct wire_task *t);
/* Once at the start: assigned networks that nobody holds at the next nodenet_sync are taken out of the
 * kernel, where an earlier run may have left them. */
void nodenet_note_assigned(struct nodenet *n);
void nodenet_sync(struct nodenet *n);          /* peers, names; removes networks nobody holds */
size_t nodenet_count(const struct nodenet *n); /* networks in the kernel */
const char *nodenet_gateway(const struct nodenet *n, const struct wire_task *t); /* or NULL */
