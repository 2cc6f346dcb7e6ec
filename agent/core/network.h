/* SPDX-License-Identifier: Apache-2.0
 *
 * The networks that tasks of this node are on: assigned networks and endpoints become the overlay's
 * networks, peers and names. A network is in the kernel while a task holds it.
 */
#pragma once
#include "agent/core/assign.h"
#include "base/err.h"
#include "overlay/overlay.h"

struct network; /* all of them */
struct network *network_new(struct overlay *o, struct assign *a, const char *node_id);
void network_free(struct network *n); /* leaves the kernel as it is; NULL is fine */

/* Makes sure that every network of the task is there, with its peers and names. -EAGAIN: the
 * controller has not described one yet. On failure nothing is held. */
int network_hold(struct network *n, const struct wire_task *t, struct err *err);
void network_drop(struct network *n, const struct wire_task *t);
/* Once at the start: assigned networks that nobody holds at the next network_sync are taken out of the
 * kernel, where an earlier run may have left them. */
void network_note_assigned(struct network *n);
void network_sync(struct network *n);          /* peers, names; removes networks nobody holds */
size_t network_count(const struct network *n); /* networks in the kernel */
const char *network_gateway(const struct network *n, const struct wire_task *t); /* or NULL */
