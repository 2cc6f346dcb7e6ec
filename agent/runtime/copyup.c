/* SPDX-License-Identifier: Apache-2.0
 * Copies of image folders into volumes; see copyup.h. The copy is made beside the volume and takes
 * its place by rename, so that an agent killed half way leaves an empty volume, not half of one. */
#include "agent/runtime/copyup.h"
#include "base/fd.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define DEPTH_MAX 128
#define XATTR_MAX (64 << 10)
#define NOFOLLOW  (O_NOFOLLOW | O_CLOEXEC)

static int copy_dir(int from, int to, int depth);

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int dir_is_empty(const char *path, bool *empty, struct err *err)
{
	DIR *d = opendir(path);
	if (!d)
		return err_sys(err, -errno, "cannot read the volume '%s'", path);
	*empty = true;
	for (struct dirent *e; *empty && (e = readdir(d));)
		*empty = is_dots(e->d_name);
	closedir(d);
	return 0;
}

static int copy_bytes(int from, int to)
{
	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS &&
		    errno != EOPNOTSUPP)
			return -errno;
		if (n < 0)
			break;
	}
	static const size_t block = 128 << 10;
	auto_free char *buf = xmalloc(block);
	for (;;) {
		ssize_t n = read(from, buf, block);
		if (n == 0)
			return 0;
		int r = n < 0 ? -errno : fd_write_all(to, buf, (size_t)n);
		if (r < 0 && r != -EINTR)
			return r;
	}
}

/* user.* and security.* go along; a file system that has no xattrs is fine. */
static void copy_xattrs(int from, int to)
{
	auto_free char *names = xmalloc(XATTR_MAX), *value = xmalloc(XATTR_MAX);
	ssize_t n = flistxattr(from, names, XATTR_MAX);
	for (char *p = names; n > 0 && p < names + n; p += strlen(p) + 1) {
		if (strncmp(p, "trusted.", 8) == 0)
			continue;
		ssize_t len = fgetxattr(from, p, value, XATTR_MAX);
		if (len >= 0)
			(void)!fsetxattr(to, p, value, (size_t)len, 0);
	}
}

static int copy_meta(int from, int to, const struct stat *st)
{
	const struct timespec times[] = {st->st_atim, st->st_mtim};
	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return -errno;
	copy_xattrs(from, to);
	return futimens(to, times) < 0 ? -errno : 0;
}

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	auto_close int from = openat(from_dir, name, O_RDONLY | O_NONBLOCK | NOFOLLOW);
	auto_close int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | NOFOLLOW, 0600);
	if (from < 0 || to < 0)
		return -errno;
	int r = copy_bytes(from, to);
	return r < 0 ? r : copy_meta(from, to, st);
}

static int copy_link(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (symlinkat(target, to_dir, name) < 0 ||
	    fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int copy_entry(int from_dir, int to_dir, const char *name, int depth)
{
	struct stat st;
	if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISREG(st.st_mode))
		return copy_file(from_dir, to_dir, name, &st);
	if (S_ISLNK(st.st_mode))
		return copy_link(from_dir, to_dir, name, &st);
	if (!S_ISDIR(st.st_mode))
		return 0; /* sockets, FIFOs and devices are of no use in a volume */
	if (mkdirat(to_dir, name, 0700) < 0)
		return -errno;
	auto_close int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | NOFOLLOW);
	auto_close int to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | NOFOLLOW);
	return from < 0 || to < 0 ? -errno : copy_dir(from, to, depth + 1);
}

/* Copies what is in from, then from's own owner, mode and times. */
static int copy_dir(int from, int to, int depth)
{
	if (depth > DEPTH_MAX)
		return -ELOOP;
	int again = dup(from), r = 0;
	DIR *d = again < 0 ? NULL : fdopendir(again);
	if (!d)
		return -errno;
	fcntl(again, F_SETFD, FD_CLOEXEC);
	for (struct dirent *e; r == 0 && (e = readdir(d));)
		if (!is_dots(e->d_name))
			r = copy_entry(from, to, e->d_name, depth);
	closedir(d);
	struct stat st;
	if (r == 0 && fstat(from, &st) < 0)
		r = -errno;
	return r < 0 ? r : copy_meta(from, to, &st);
}

int copyup_volume(int rootfd, const char *path, const char *volume, struct err *err)
{
	bool empty = false;
	int r = dir_is_empty(volume, &empty, err);
	if (r < 0 || !empty)
		return r;
	auto_close int from = open_in_root(rootfd, path, O_RDONLY | O_DIRECTORY, 0);
	if (from == -ENOENT || from == -ENOTDIR)
		return 0;
	if (from < 0)
		return err_sys(err, from, "cannot open '%s' of the image", path);
	auto_free char *fresh = xasprintf("%s.filling", volume);
	r = dir_remove(fresh, err);
	if (r == 0)
		r = dir_make(fresh, 0700, err);
	if (r < 0)
		return r;
	auto_close int to = open(fresh, O_RDONLY | O_DIRECTORY | NOFOLLOW);
	r = to < 0 ? -errno : copy_dir(from, to, 0);
	if (r == 0 && rename(fresh, volume) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	dir_remove(fresh, NULL);
	if (r != -EBUSY && r != -EXDEV)
		return err_sys(err, r, "cannot fill the volume '%s' from the image's '%s'", volume,
			       path);
	/* The volume is a mount point: nothing can take its place, so it is filled in place. */
	auto_close int place = open(volume, O_RDONLY | O_DIRECTORY | NOFOLLOW);
	r = place < 0 ? -errno : copy_dir(from, place, 0);
	return r < 0 ? err_sys(err, r, "cannot fill the volume '%s' from the image's '%s'", volume,
			       path)
		     : 0;
}
