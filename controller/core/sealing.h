/* SPDX-License-Identifier: Apache-2.0
 *
 * The cluster's sealing keys: what configs and secrets are sealed to, and what names their versions.
 * They lie in a file of their own (mode 0600) beside the store: who copies the store alone has nothing.
 *
 * SEALING_FILE is JSON: {"naming":BASE64,"keys":[{"public":BASE64,"secret":BASE64}…]}, the key in use
 * first; a second one is there while a rotation is under way.
 */
#pragma once
#include "base/crypto.h"
#include "base/err.h"
#include "manifests/sealed.h"

#define SEALING_FILE "sealing.json"

struct sealing {
	unsigned char naming[CRYPTO_KEY];
	struct crypto_pair now, before; /* before: of a rotation; all zero when there is none */
	bool rotating;
	char *path;
};

/* Reads the file in dir, or makes it where fresh says that nothing was sealed yet; -ENOENT otherwise. */
int sealing_open(const char *dir, bool fresh, struct sealing **ret, struct err *err);
void sealing_free(struct sealing *s);
/* A data key that was sealed to the cluster (key, which may be out), sealed to another. */
bool sealing_rewrap(const struct sealing *s, const unsigned char key[SEALED_KEY],
		    const unsigned char to[CRYPTO_KEY], unsigned char out[SEALED_KEY]);
/* A new key becomes the one in use, the old one stays readable; on disk before it returns. Then every
 * data key is re-wrapped, and sealing_rotated forgets the old one. */
int sealing_rotate(struct sealing *s, struct err *err);
int sealing_rotated(struct sealing *s, struct err *err);
