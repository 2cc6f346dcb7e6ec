/* SPDX-License-Identifier: Apache-2.0
 *
 * Unpacked layers on disk, each once for its chain id (its content with all that is below it).
 *
 * DIR/layers/SHORT/fs      the layer; SHORT: the first 16 hex digits of the chain id
 * DIR/layers/SHORT/chain   the whole chain id, so that two can never be taken for one
 * DIR/layers/.work/SHORT   being unpacked, under the lock .work/SHORT.lock
 */
#pragma once
#include "base/digest.h"
#include "base/err.h"
#include <stdbool.h>

/* The chain id of a layer: below is that of the layer below, NULL for the lowest. */
void chain_id(const char *below, const char *diff_id, char out[DIGEST_TEXT]);

struct layer {
	char chain[DIGEST_TEXT];
	char *final; /* DIR/layers/SHORT */
	char *work;  /* DIR/layers/.work/SHORT */
	char *lock_path;
	int lock;   /* held while this process unpacks it; -1 */
	int fs;     /* the folder of its content; -1 */
	bool ready; /* published */
};

int layers_dirs_make(const char *dir, struct err *err);
/* Removes what killed workers left behind. */
void layers_clean(const char *dir);
/* The folder of a published layer, caller frees; NULL with err when it is not there. */
char *layer_path(const char *dir, const char *chain, struct err *err);

/* Waits for other workers; then either ready, or an empty folder of our own to fill. */
int layer_claim(const char *dir, const char *chain, struct layer *ret, struct err *err);
int layer_empty(struct layer *l, struct err *err);   /* to unpack once more */
int layer_publish(struct layer *l, struct err *err); /* the caller has synced the file system */
void layer_done(struct layer *l);                    /* removes what was not published */
