/* SPDX-License-Identifier: Apache-2.0
 * Entries of a layer made on disk; knows nothing of archives. The last component of a name is never
 * followed: files are made new (O_EXCL), links are linked as themselves. */
#include "agent/image/entry.h"
#include "base/fd.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define COPY_BYTES (1 << 20)

/* An attribute the file system or the kind of file cannot hold is left out, as other engines do. */
static bool xattr_fatal(int e)
{
	return e == ENOSPC || e == EDQUOT || e == EIO;
}

static int set_xattrs(int fd, const struct entry *x)
{
	for (size_t i = 0; i < x->n_xattrs; i++) {
		const struct entry_xattr *a = &x->xattrs[i];
		if (fsetxattr(fd, a->name, a->value, a->size, 0) < 0 && xattr_fatal(errno))
			return -errno;
	}
	return 0;
}

/* Owner first: changing it clears set-id bits and file capabilities. */
static int finish(int fd, const struct entry *x)
{
	if (fchown(fd, x->uid, x->gid) < 0 || fchmod(fd, x->mode & 07777) < 0)
		return -errno;
	return set_xattrs(fd, x);
}

int entry_create_file(struct tree *t, int dir, const char *name, int *ret)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, name, flags, 0600);
	if (fd < 0 && errno == EEXIST) {
		int r = tree_remove(t, dir, name);
		if (r < 0)
			return r;
		fd = openat(dir, name, flags, 0600);
	}
	if (fd < 0)
		return -errno;
	*ret = fd;
	return 0;
}

int entry_finish_file(int fd, const struct entry *x)
{
	struct timespec times[2] = {x->mtime, x->mtime};
	int r = finish(fd, x);
	return r < 0 ? r : futimens(fd, times) < 0 ? -errno : 0;
}

int entry_finish_folder(int fd, const struct entry *x)
{
	return finish(fd, x);
}

int entry_make_folder(struct tree *t, int dir, const char *name, const struct entry *x)
{
	bool replaces = false;
	int r;
	if (mkdirat(dir, name, 0700) < 0) {
		struct stat st;
		if (errno != EEXIST)
			return -errno;
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		replaces = !S_ISDIR(st.st_mode);
		if (replaces &&
		    ((r = tree_remove(t, dir, name)) < 0 || (r = mkdirat(dir, name, 0700)) < 0))
			return r == -1 ? -errno : r;
	}
	auto_close int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* What stood here hid the folder of the layers below; so must its successor. */
	if (replaces && (r = overlayfs_set_opaque(fd)) < 0)
		return r;
	return finish(fd, x);
}

/* Owner, attributes and time of what cannot be opened. */
static int finish_named(int dir, const char *name, const struct entry *x)
{
	struct timespec times[2] = {x->mtime, x->mtime};
	auto_free char *path = xasprintf("/proc/self/fd/%d/%s", dir, name);
	if (fchownat(dir, name, x->uid, x->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISLNK(x->mode) && fchmodat(dir, name, x->mode & 07777, 0) < 0)
		return -errno;
	for (size_t i = 0; i < x->n_xattrs; i++) {
		const struct entry_xattr *a = &x->xattrs[i];
		if (lsetxattr(path, a->name, a->value, a->size, 0) < 0 && xattr_fatal(errno))
			return -errno;
	}
	return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int entry_make_symlink(struct tree *t, int dir, const char *name, const char *target,
		       const struct entry *x)
{
	struct entry link = *x;
	link.mode = S_IFLNK | 0777;
	if (symlinkat(target, dir, name) < 0) {
		int r = errno == EEXIST ? tree_remove(t, dir, name) : -errno;
		if (r < 0)
			return r;
		if (symlinkat(target, dir, name) < 0)
			return -errno;
	}
	return finish_named(dir, name, &link);
}

int entry_make_node(struct tree *t, int dir, const char *name, dev_t dev, const struct entry *x)
{
	if (mknodat(dir, name, (x->mode & S_IFMT) | 0600, dev) < 0) {
		int r = errno == EEXIST ? tree_remove(t, dir, name) : -errno;
		if (r < 0)
			return r;
		if (mknodat(dir, name, (x->mode & S_IFMT) | 0600, dev) < 0)
			return -errno;
	}
	return finish_named(dir, name, x);
}

/* A whiteout means the layers below, whatever the order of entries: what this layer itself has at the
 * name stays, and a folder of its own no longer shows what is below. */
int entry_make_whiteout(int dir, const char *name)
{
	if (mknodat(dir, name, S_IFCHR, makedev(0, 0)) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	auto_close int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? 0 : overlayfs_set_opaque(fd);
}

static int copy_data(int from, int to)
{
	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, COPY_BYTES, 0);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int copy_up_check(struct tree *t, const char *path)
{
	struct stat st;
	size_t at;
	return tree_hides(t, path) ? -ENOENT : overlayfs_find(t->lowers, path, &at, &st);
}

/* A copy of a file of the layers below, with all that it has, in this layer's place of it. */
static int copy_up(struct tree *t, const char *path, int dir, const char *name)
{
	struct stat st;
	size_t at;
	int r = overlayfs_find(t->lowers, path, &at, &st);
	if (r < 0)
		return r;
	if (!S_ISREG(st.st_mode))
		return -EOPNOTSUPP;
	auto_close int from = open_beneath(t->lowers->fds[at], path, O_RDONLY | O_NOFOLLOW, 0);
	auto_close int to = -1;
	if (from < 0)
		return from;
	if ((r = entry_create_file(t, dir, name, &to)) < 0 || (r = copy_data(from, to)) < 0)
		return r;
	return tree_copy_attributes(from, to);
}

/* Links to a file of this layer, or to one below that is brought up first. */
static int link_target(struct tree *t, int dir, const char *name, const char *target)
{
	const char *slash = strrchr(target, '/');
	auto_free char *above = slash ? xstrndup(target, (size_t)(slash - target)) : xstrdup("");
	const char *last = slash ? slash + 1 : target;
	auto_free char *folder = NULL;
	struct stat st;

	int r = tree_resolve(t, above, &folder);
	if (r < 0)
		return r;
	auto_close int own =
		open_beneath(t->root, *folder ? folder : ".", O_RDONLY | O_DIRECTORY, 0);
	if (own >= 0 && fstatat(own, last, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (overlayfs_is_whiteout(&st))
			return -ENOENT;
		return linkat(own, last, dir, name, 0) < 0 ? -errno : 0;
	}
	if (!t->lowers) {
		t->needs_lowers = true;
		return -ENOENT;
	}
	auto_free char *path = *folder ? xasprintf("%s/%s", folder, last) : xstrdup(last);
	auto_free char *made = NULL;
	auto_close int up = -1;
	if ((r = copy_up_check(t, path)) < 0 || (r = tree_walk(t, folder, &up, &made)) < 0 ||
	    (r = copy_up(t, path, up, last)) < 0)
		return r;
	return linkat(up, last, dir, name, 0) < 0 ? -errno : 0;
}

/* The entry's own mode and owner, set only where they differ: changing the owner would drop the
 * capabilities that the first name of the file brought. */
static int finish_link(int dir, const char *name, const struct entry *x)
{
	struct stat st;
	auto_close int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	if ((st.st_uid != x->uid || st.st_gid != x->gid) &&
	    fchownat(dir, name, x->uid, x->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	bool same = (st.st_mode & 07777) == (x->mode & 07777) && st.st_uid == x->uid &&
		    st.st_gid == x->gid;
	return !same && fchmodat(dir, name, x->mode & 07777, 0) < 0 ? -errno : 0;
}

/* Over something that is there, which may itself be the target: made beside it and moved. */
static int link_over(struct tree *t, int dir, const char *name, const char *target)
{
	static const char temp[] = ".carrack-link";
	struct stat st;
	unlinkat(dir, temp, 0);
	int r = link_target(t, dir, temp, target);
	if (r < 0)
		return r;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
	    (r = tree_remove(t, dir, name)) < 0)
		return r;
	if (renameat(dir, temp, dir, name) < 0)
		return -errno;
	unlinkat(dir, temp, 0); /* still there if both were names of one file */
	return 0;
}

int entry_link(struct tree *t, int dir, const char *name, const char *target, const struct entry *x)
{
	int r = link_target(t, dir, name, target);
	if (r == -EEXIST)
		r = link_over(t, dir, name, target);
	return r < 0 ? r : finish_link(dir, name, x);
}
