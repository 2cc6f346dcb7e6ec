/* SPDX-License-Identifier: Apache-2.0
 * Layers as overlayfs reads them. See overlayfs.h. */
#include "agent/image/overlayfs.h"
#include "base/fd.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define OPAQUE    "trusted.overlay.opaque"

bool overlayfs_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

int overlayfs_set_opaque(int dir)
{
	return fsetxattr(dir, OPAQUE, "y", 1, 0) < 0 ? -errno : 0;
}

bool overlayfs_is_opaque(int dir)
{
	char value[2];
	return fgetxattr(dir, OPAQUE, value, sizeof(value)) == 1 && value[0] == 'y';
}

int overlayfs_stat(int dir, const char *path, struct stat *st)
{
	auto_close int fd = open_beneath(dir, path, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd;
	return fstat(fd, st) < 0 ? -errno : 0;
}

/* Looks at path in one layer: 0 found, -ENOENT the next layer may have it, -ENOTDIR it is hidden. */
static int lower_look(int layer, const char *path, struct stat *st)
{
	auto_free char *prefix = xstrdup(path);
	for (char *p = prefix; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		auto_close int fd = open_beneath(layer, prefix, DIR_FLAGS, 0);
		if (fd == -ENOENT)
			return -ENOENT;
		if (fd < 0)
			return -ENOTDIR;
		*p = '/';
		struct stat below;
		if (overlayfs_is_opaque(fd) && overlayfs_stat(layer, path, &below) < 0)
			return -ENOTDIR;
	}
	int r = overlayfs_stat(layer, path, st);
	return r == 0 && overlayfs_is_whiteout(st) ? -ENOTDIR : r;
}

int overlayfs_find(const struct overlayfs_lowers *l, const char *path, size_t *ret, struct stat *st)
{
	for (size_t i = 0; l && i < l->n; i++) {
		int r = lower_look(l->fds[i], path, st);
		if (r == 0)
			*ret = i;
		if (r != -ENOENT)
			return r == 0 ? 0 : -ENOENT;
	}
	return -ENOENT;
}
