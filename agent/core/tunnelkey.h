/* SPDX-License-Identifier: Apache-2.0
 *
 * This node's WireGuard key: made here, kept in a file only root reads, never sent. Its public half is
 * told to the controller, and turned to a fresh one from time to time in two steps: the next key is
 * announced, and used when the peers have had time to learn it, so that no packet is lost but those of
 * a moment.
 */
#pragma once
#include "base/err.h"
#include "base/loop.h"
#include "manifests/wire.h"
#include "overlay/overlay.h"

#define TUNNELKEY_SETTLE_MS 10000 /* from announcing a key to its use */

struct tunnelkey;
struct tunnelkey_ops {
	void (*use)(const uint8_t key[OV_KEY_BYTES], void *arg); /* the key has changed */
	bool (*tell)(
		void *arg); /* what tunnelkey_describe says has changed; false: no controller */
};

/* Reads or makes the key of this file. -errno: it cannot be kept. */
int tunnelkey_open(struct loop *l, const char *path, int rotation_hours,
		   const struct tunnelkey_ops *ops, void *arg, struct tunnelkey **ret,
		   struct err *err);
void tunnelkey_close(struct tunnelkey *k); /* NULL is fine */
const uint8_t *tunnelkey_private(const struct tunnelkey *k);
/* Public keys in hex; next is empty when there is none. */
void tunnelkey_public(const struct tunnelkey *k, char key[65], char next[65]);
/* Begins to turn to a fresh key now. -EALREADY: it is under way; -ENOTCONN: nobody could be told. */
int tunnelkey_rotate(struct tunnelkey *k, struct err *err);
