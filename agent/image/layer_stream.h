/* SPDX-License-Identifier: Apache-2.0
 * One layer from its blob to its folder: inflate, digest and unpack as one stream. */
#pragma once
#include "agent/image/blob.h"
#include "agent/image/unpack.h"
#include <stdatomic.h>

struct layer_stream {
	struct blob *blob;         /* may still be growing */
	const char *diff_id;       /* what the uncompressed bytes must have */
	int root;                  /* the empty folder */
	_Atomic int64_t *progress; /* compressed bytes taken; may be NULL */
};
/* Reads to the very end of the blob, so that all of it is under the digest. */
int layer_stream_unpack(const struct layer_stream *s, const struct overlayfs_lowers *lowers,
			struct unpack_result *res, struct err *err);
