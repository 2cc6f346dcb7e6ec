/* SPDX-License-Identifier: Apache-2.0
 *
 * The folder of one layer: plain names, parents resolved below it, and what the layers below it hold.
 * unpack.c reads archives into it.
 */
#pragma once
#include "agent/image/overlayfs.h"
#include "base/str.h"

struct tree {
	int root;
	const struct overlayfs_lowers *lowers; /* NULL: not there yet */
	struct strlist *implied;               /* may be NULL */
	size_t implied_bytes;                  /* of paths, bounded */
	bool needs_lowers;
	char *cached_path; /* of cached_fd; NULL: nothing cached */
	int cached_fd;
};

void tree_init(struct tree *t, int root, const struct overlayfs_lowers *lowers,
	       struct strlist *implied);
void tree_close(struct tree *t);

/* "a/b" out of "/./a//x/../b/": never leads up; "" is the folder itself. Caller frees. */
char *tree_clean(const char *name);
/* The folder at a clean path, made with its parents when missing. Borrowed until the next call;
 * -errno. */
int tree_parent(struct tree *t, const char *path, int *ret);
/* Where a path leads by the links of this layer and those below, from the folder and never out of it;
 * what is missing counts as folders. Caller frees. */
int tree_resolve(struct tree *t, const char *path, char **ret);
/* tree_parent without the cache: *ret is the caller's; resolved is where links led. */
int tree_walk(struct tree *t, const char *path, int *ret, char **resolved);
/* Removes whatever is at name in the folder. */
int tree_remove(struct tree *t, int dir, const char *name);

/* Whether an opaque folder of this layer above path hides the layers below. */
bool tree_hides(const struct tree *t, const char *path);
/* Copies owner, mode, attributes and time of one folder to another. */
int tree_copy_attributes(int from, int to);
