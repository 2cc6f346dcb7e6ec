/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers as overlayfs reads them: the marks that hide what is below, and what a stack of layers shows.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct overlayfs_lowers { /* folders of the layers below, uppermost first */
	const int *fds;
	size_t n;
};

bool overlayfs_is_whiteout(const struct stat *st);
bool overlayfs_is_opaque(int dir);
int overlayfs_set_opaque(int dir);
/* lstat below dir, without following a link anywhere; 0 or -errno. */
int overlayfs_stat(int dir, const char *path, struct stat *st);
/* What the layers show at a resolved path: 0 with the layer's index, -ENOENT. */
int overlayfs_find(const struct overlayfs_lowers *l, const char *path, size_t *ret,
		   struct stat *st);
