/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of one network: what its endpoints make of peers, names and VIPs, and what the overlay
 * was told. Endpoints are counted in and out, so that a change costs what it touches, however many
 * there are; nettable_flush tells the overlay what differs.
 */
#pragma once
#include "manifests/wire.h"
#include "overlay/overlay.h"

struct nettable;

/* Everything is borrowed and must outlive it. encrypted: peers are behind the tunnel. */
struct nettable *nettable_new(struct overlay *o, const char *network_id, const char *node_id,
			      bool encrypted);
void nettable_free(void *t); /* the overlay keeps what it was told */
void nettable_add(struct nettable *t, const struct wire_endpoint *e);
void nettable_del(struct nettable *t, const struct wire_endpoint *e); /* exactly what was added */
void nettable_clear(
	struct nettable *t); /* all of them; the overlay hears of it when it is flushed */
/* What could not be told is tried again by the next call. */
void nettable_flush(struct nettable *t);
