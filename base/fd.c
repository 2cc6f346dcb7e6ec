/* SPDX-License-Identifier: Apache-2.0
 * Files and directories; see fd.h. */
#include "base/fd.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

int fd_read_all(int fd, size_t max, char **ret, size_t *ret_len, struct err *err)
{
	auto_free char *data = NULL;
	size_t len = 0, cap = 0;
	for (;;) {
		data = vec_grow(data, len + 4096, &cap, 1);
		ssize_t n = read(fd, data + len, cap - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, -errno, "read");
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max)
			return err_set(err, -EFBIG, "larger than the limit of %zu bytes", max);
	}
	data[len] = '\0';
	*ret = take_ptr(data);
	if (ret_len)
		*ret_len = len;
	return 0;
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_len, struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "cannot read '%s'", path);
	int r = fd_read_all(fd, max, ret, ret_len, err);
	return r < 0 ? err_wrap(err, r, "cannot read '%s'", path) : 0;
}

int fd_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;
	while (n) {
		ssize_t done = write(fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static int sync_parent(const char *path)
{
	auto_free char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir ? 1 : 0] = '\0';
	auto_close int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fsync(fd) < 0 ? -errno : 0;
}

static int write_beside(const char *path, const void *data, size_t n, mode_t mode, bool durable,
			struct err *err)
{
	auto_free char *temp = xasprintf("%s.new", path);
	auto_close int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return err_sys(err, -errno, "cannot write '%s'", temp);
	int r = fd_write_all(fd, data, n);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0 && durable && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && rename(temp, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(temp);
		return err_sys(err, r, "cannot write '%s'", path);
	}
	if (durable && (r = sync_parent(path)) < 0)
		return err_sys(err, r, "cannot sync the folder of '%s'", path);
	return 0;
}

int file_write_atomic(const char *path, const void *data, size_t n, mode_t mode, struct err *err)
{
	return write_beside(path, data, n, mode, true, err);
}

int file_replace(const char *path, const void *data, size_t n, mode_t mode, struct err *err)
{
	return write_beside(path, data, n, mode, false, err);
}

int dir_make(const char *path, mode_t mode, struct err *err)
{
	auto_free char *copy = xstrdup(path);
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, mode | 0700) < 0 && errno != EEXIST)
			return err_sys(err, -errno, "cannot make the folder '%s'", copy);
		*p = '/';
	}
	if (mkdir(copy, mode) < 0 && errno != EEXIST)
		return err_sys(err, -errno, "cannot make the folder '%s'", path);
	return 0;
}

/* Empties the folder behind fd (consumed). Depth is bounded by the path length the kernel allows
 * for creating it, and each level holds one descriptor. */
static int empty_dir(int fd, dev_t dev)
{
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -errno;
	}
	int first = 0;
	struct dirent *d;
	while ((d = readdir(dir))) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(dir), d->d_name, 0) == 0)
			continue;
		int r = -errno;
		if (r == -EISDIR || r == -EPERM) {
			int sub = openat(dirfd(dir), d->d_name,
					 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			struct stat st;
			if (sub >= 0 && fstat(sub, &st) == 0 && st.st_dev != dev) {
				close(sub);
				r = -EBUSY;
			} else if (sub >= 0) {
				r = empty_dir(sub, dev);
				if (unlinkat(dirfd(dir), d->d_name, AT_REMOVEDIR) == 0)
					r = 0;
				else if (r == 0)
					r = -errno;
			}
		}
		if (r < 0 && r != -ENOENT && first == 0)
			first = r;
	}
	closedir(dir);
	return first;
}

int dir_remove(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, -errno, "cannot remove '%s'", path);
	struct stat st;
	if (fstat(fd, &st) < 0) {
		int r = -errno;
		close(fd);
		return err_sys(err, r, "cannot remove '%s'", path);
	}
	int r = empty_dir(fd, st.st_dev);
	if (rmdir(path) == 0)
		return 0;
	return err_sys(err, r < 0 ? r : -errno, "cannot remove '%s'", path);
}

static int open_how(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	bool creates = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
		.mode = creates ? mode : 0,
		.resolve = resolve,
	};
	for (int tries = 0; tries < 64; tries++) {
		long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR) /* EAGAIN: a rename raced with the walk */
			return -errno;
	}
	return -EAGAIN;
}

int open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
	return open_how(dirfd, path, flags, mode,
			RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

int open_in_root(int dirfd, const char *path, int flags, mode_t mode)
{
	return open_how(dirfd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

bool path_exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

bool path_goes_up(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")); p += 2) {
		bool starts = p == path || p[-1] == '/';
		if (starts && (p[2] == '/' || p[2] == 0))
			return true;
	}
	return false;
}

bool path_is_mount(const char *path)
{
	struct statx sx;
	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &sx) < 0)
		return false;
	return (sx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) &&
	       (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

int fd_set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}
