/* SPDX-License-Identifier: Apache-2.0
 * Root file systems; see rootfs.h.
 *
 * mount(2) takes a page of options at most, and names of layers are long. Each layer is therefore
 * opened and named /proc/self/fd/N: short, without characters to escape, on every kernel. */
#include "agent/runtime/rootfs.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPTIONS_MAX 4000

struct opened {
	int fds[ROOTFS_LAYERS_MAX + 2];
	size_t n;
};

static void opened_done(struct opened *o)
{
	for (size_t i = 0; i < o->n; i++)
		close(o->fds[i]);
	o->n = 0;
}

static int open_into(struct opened *o, const char *dir, struct str *options, struct err *err)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "cannot open the image layer '%s'", dir);
	o->fds[o->n++] = fd;
	str_addf(options, "/proc/self/fd/%d", fd);
	return 0;
}

static int make_and_open(struct opened *o, const char *data, const char *name, const char *option,
			 struct str *options, struct err *err)
{
	auto_free char *dir = xasprintf("%s/%s", data, name);
	int r = dir_make(dir, 0755, err);
	if (r < 0)
		return r;
	str_addf(options, ",%s=", option);
	return open_into(o, dir, options, err);
}

/* The layers, uppermost first, and at least `least` of them, with an empty one below. */
static int open_layers(const struct strlist *layers, size_t least, const char *data,
		       struct opened *o, struct str *options, struct err *err)
{
	if (layers->n >= ROOTFS_LAYERS_MAX)
		return err_set(err, -E2BIG,
			       "the image has %zu layers: at most %d can be stacked, merge some",
			       layers->n, ROOTFS_LAYERS_MAX - 1);
	str_add(options, "lowerdir=");
	int r = 0;
	for (size_t i = layers->n; i > 0 && r == 0; i--) {
		if (i < layers->n)
			str_addc(options, ':');
		r = open_into(o, layers->v[i - 1], options, err);
	}
	auto_free char *empty = xasprintf("%s/empty", data);
	if (r == 0 && layers->n < least)
		r = dir_make(empty, 0755, err);
	for (size_t n = layers->n; n < least && r == 0; n++) {
		if (n > 0)
			str_addc(options, ':');
		r = open_into(o, empty, options, err);
	}
	if (r == 0 && options->len > OPTIONS_MAX)
		r = err_set(err, -E2BIG, "the image has too many layers (%zu): merge some",
			    layers->n);
	return r;
}

int rootfs_mount(const struct strlist *layers, const char *data, const char *target,
		 struct err *err)
{
	struct opened o = {.n = 0};
	auto_str options = {0};
	int r = open_layers(layers, 1, data, &o, &options, err);
	if (r == 0)
		r = make_and_open(&o, data, "upper", "upperdir", &options, err);
	if (r == 0)
		r = make_and_open(&o, data, "work", "workdir", &options, err);
	if (r == 0 && mount("overlay", target, "overlay", 0, options.data) < 0) {
		r = -errno;
		r = r == -EINVAL
			    ? err_set(err, r,
				      "cannot mount the root file system: '%s' must be on a "
				      "file system that overlayfs can write to (ext4, xfs, "
				      "btrfs, tmpfs), not on an overlay",
				      data)
			    : err_sys(err, r, "cannot mount the root file system at '%s'", target);
	}
	opened_done(&o);
	return r;
}

/* Without a folder on top overlayfs takes two layers at least. */
static int mount_layers(const struct strlist *layers, const char *data, const char *target,
			struct err *err)
{
	struct opened o = {.n = 0};
	auto_str options = {0};
	int r = open_layers(layers, 2, data, &o, &options, err);
	if (r == 0 && mount("overlay", target, "overlay", MS_RDONLY, options.data) < 0)
		r = err_sys(err, -errno, "cannot mount the image at '%s'", target);
	opened_done(&o);
	return r;
}

/* The path of what an open descriptor is. Caller frees. */
static int path_of(int fd, char **ret, struct err *err)
{
	char link[32], path[PATH_MAX];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path));
	if (n < 0 || (size_t)n == sizeof(path))
		return err_sys(err, n < 0 ? -errno : -ENAMETOOLONG, "cannot read '%s'", link);
	*ret = xstrndup(path, (size_t)n);
	return 0;
}

int rootfs_mount_image(const struct strlist *layers, const char *data, const char *target,
		       const char *subpath, char **ret, struct err *err)
{
	int r = dir_make(target, 0700, err);
	if (r == 0)
		r = mount_layers(layers, data, target, err);
	if (r < 0)
		return r;
	auto_close int root = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(err, -errno, "cannot open '%s'", target);
	/* Nobody can change what is in it: what is found now is what is mounted later. */
	auto_close int fd = open_in_root(root, subpath && *subpath ? subpath : ".", O_PATH, 0);
	if (fd < 0)
		return err_sys(err, fd, "the image has no '%s'", subpath);
	return path_of(fd, ret, err);
}

int rootfs_check(int rootfd, struct err *err)
{
	static const char *const places[] = {"dev", "proc", "sys"};
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct stat st;
		if (fstatat(rootfd, places[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    !S_ISDIR(st.st_mode))
			return err_set(err, -ELOOP,
				       "the image's '/%s' is not a folder: the image is broken or "
				       "hostile, use another",
				       places[i]);
	}
	return 0;
}

void rootfs_unmount(const char *target)
{
	/* More than one: an earlier agent may have died between mount and record. */
	for (int i = 0; i < 8 && umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) == 0; i++)
		;
}
