/* SPDX-License-Identifier: Apache-2.0
 *
 * One layer's archive written into one folder, in the form that overlayfs reads: whiteouts as devices
 * 0:0, opaque folders by attribute. Nothing outside the folder is ever touched: each name is made plain,
 * each parent is resolved below the folder, symbolic links lead only inside, and the last component is
 * never followed.
 *
 * Layers are unpacked side by side, so the layers below may not be there yet. What depends on them is
 * reported: folders that had to be made without an entry of their own take the attributes of the folder
 * below (unpack_settle), and a layer that goes through a link below, or links to a file below, is
 * unpacked once more when they are there.
 */
#pragma once
#include "agent/image/overlayfs.h"
#include "base/err.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Points *buf at the next bytes; their number, 0 at the end, -errno with err on failure. */
typedef ssize_t (*unpack_source)(void *arg, const void **buf, struct err *err);

struct unpack_result {
	struct strlist implied; /* folders made without an entry of their own */
	struct strlist whiteouts;
	bool needs_lowers; /* failed only because a layer below has to be there */
	int64_t entries, bytes;
};

/* lowers: NULL when they are not there yet. On failure the folder holds what came before. */
int unpack_tar(int root, unpack_source source, void *arg, const struct overlayfs_lowers *lowers,
	       struct unpack_result *res, struct err *err);
/* When the layers below are there: gives implied folders the attributes of those below, and removes
 * whiteouts of what is not there, which overlayfs would list. *redo: unpack again with lowers. */
int unpack_settle(int root, const struct unpack_result *res, const struct overlayfs_lowers *lowers,
		  bool *redo, struct err *err);
void unpack_result_done(struct unpack_result *res);
