/* SPDX-License-Identifier: Apache-2.0
 * Network namespaces of sandboxes; see netns.h. */
#include "overlay/netns.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define SELF_NS "/proc/thread-self/ns/net"

int netns_self(void)
{
	int fd = open(SELF_NS, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int netns_open(const char *path, struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT
				       : err_sys(err, -errno, "cannot open namespace \"%s\"", path);
	struct statfs fs;
	/* A plain file is what a crash between making it and mounting on it leaves. */
	if (fstatfs(fd, &fs) < 0 || fs.f_type != NSFS_MAGIC)
		return -ENOENT;
	return take_fd(fd);
}

static int make_mount_point(const char *path, struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0400);
	return fd < 0 ? err_sys(err, -errno, "cannot create \"%s\"", path) : 0;
}

int netns_create(const char *path, int home, struct err *err)
{
	int r = make_mount_point(path, err);
	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNET) < 0) {
		r = err_sys(err, -errno, "cannot create a network namespace");
		unlink(path);
		return r;
	}
	int fd = netns_self();
	r = fd < 0 ? fd : mount(SELF_NS, path, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
	netns_leave(home);
	if (r == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	unlink(path);
	return err_sys(err, r, "cannot keep the network namespace at \"%s\"", path);
}

int netns_drop(const char *path, struct err *err)
{
	while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		continue;
	if (errno != EINVAL && errno != ENOENT)
		return err_sys(err, -errno, "cannot unmount \"%s\"", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(err, -errno, "cannot remove \"%s\"", path);
	return 0;
}

int netns_enter(int fd, struct err *err)
{
	if (setns(fd, CLONE_NEWNET) < 0)
		return err_sys(err, -errno, "cannot enter a network namespace");
	return 0;
}

void netns_leave(int home)
{
	if (setns(home, CLONE_NEWNET) == 0)
		return;
	log_error("overlay", "cannot return to the host's network namespace: %s", strerror(errno));
	abort();
}

static bool sysctl_path(const char *name, char path[256])
{
	int n = snprintf(path, 256, "/proc/sys/%s", name);
	if (n < 0 || n >= 256 || strncmp(name, "net.", 4) != 0 || strstr(name, "..") ||
	    strchr(name, '/'))
		return false;
	for (char *p = path + strlen("/proc/sys/"); *p; p++)
		if (*p == '.')
			*p = '/';
	return true;
}

bool netns_sysctl_is(const char *name, const char *value)
{
	char path[256], have[64];
	if (!sysctl_path(name, path))
		return true;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, have, sizeof(have) - 1);
	if (n < 0)
		return true;
	have[n] = '\0';
	have[strcspn(have, "\n")] = '\0';
	return strcmp(have, value) == 0;
}

int netns_sysctl(const char *name, const char *value, struct err *err)
{
	char path[256];
	if (!sysctl_path(name, path))
		return err_set(err, -EINVAL, "setting \"%s\" is not a net.* setting", name);
	auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "cannot set \"%s\"", name);
	int r = fd_write_all(fd, value, strlen(value));
	return r < 0 ? err_sys(err, r, "cannot set \"%s\" to \"%s\"", name, value) : 0;
}

void netns_link_ipv6(const char *link, bool on)
{
	static const char *const keys[][2] = {{"accept_ra", "0"},
					      {"autoconf", "0"},
					      {"accept_redirects", "0"},
					      {"accept_dad", "0"},
					      {"addr_gen_mode", "1"}};
	char key[96];
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		snprintf(key, sizeof(key), "net.ipv6.conf.%s.%s", link, keys[i][0]);
		(void)netns_sysctl(key, keys[i][1], NULL); /* absent in kernels without IPv6 */
	}
	snprintf(key, sizeof(key), "net.ipv6.conf.%s.disable_ipv6", link);
	(void)netns_sysctl(key, on ? "0" : "1", NULL);
}
