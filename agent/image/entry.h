/* SPDX-License-Identifier: Apache-2.0
 *
 * One entry of a layer made in its folder: files, folders, links, devices, whiteouts, with owner, mode,
 * attributes and time. Each replaces what an earlier entry left at its name.
 */
#pragma once
#include "agent/image/tree.h"
#include <stdint.h>
#include <time.h>

#define ENTRY_XATTRS_MAX 64

struct entry_xattr { /* borrowed from the archive */
	const char *name;
	const void *value;
	size_t size;
};
struct entry {
	mode_t mode; /* with the type only for nodes */
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
	struct entry_xattr xattrs[ENTRY_XATTRS_MAX];
	size_t n_xattrs;
};

/* All return 0 or -errno. */
int entry_create_file(struct tree *t, int dir, const char *name, int *ret);
int entry_finish_file(int fd, const struct entry *x);
int entry_make_folder(struct tree *t, int dir, const char *name, const struct entry *x);
int entry_finish_folder(int fd, const struct entry *x);
int entry_make_symlink(struct tree *t, int dir, const char *name, const char *target,
		       const struct entry *x);
int entry_make_node(struct tree *t, int dir, const char *name, dev_t dev, const struct entry *x);
int entry_make_whiteout(int dir, const char *name);
/* target: clean, from the layer's folder. -ENOENT with t->needs_lowers: it may be in a layer below. */
int entry_link(struct tree *t, int dir, const char *name, const char *target,
	       const struct entry *x);
