/* SPDX-License-Identifier: Apache-2.0
 * Names and folders of a layer being unpacked. Every open goes through openat2 below the layer. */
#include "agent/image/tree.h"
#include "base/fd.h"
#include "base/mem.h"
#include "manifests/limits.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LINKS_MAX  40 /* as the kernel's own limit */
#define DIR_FLAGS  (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define XATTRS_MAX 65536
/* Of the paths of implied folders: one long name makes thousands of them. */
#define IMPLIED_BYTES_MAX (64u << 20)

void tree_init(struct tree *t, int root, const struct overlayfs_lowers *lowers,
	       struct strlist *implied)
{
	*t = (struct tree){.root = root, .lowers = lowers, .implied = implied, .cached_fd = -1};
}

static void forget_cached(struct tree *t)
{
	if (t->cached_fd >= 0)
		close(t->cached_fd);
	t->cached_fd = -1;
	free_and_null(&t->cached_path);
}

void tree_close(struct tree *t)
{
	forget_cached(t);
}

char *tree_clean(const char *name)
{
	auto_str out = {0};
	while (*name) {
		size_t n = strcspn(name, "/");
		if (n == 2 && name[0] == '.' && name[1] == '.') {
			char *slash = out.data ? strrchr(out.data, '/') : NULL;
			out.len = slash ? (size_t)(slash - out.data) : 0;
			if (out.data)
				out.data[out.len] = '\0';
		} else if (n > 1 || (n == 1 && name[0] != '.')) {
			if (out.len)
				str_addc(&out, '/');
			str_addn(&out, name, n);
		}
		name += n;
		name += *name == '/';
	}
	return str_take(&out);
}

static void copy_xattrs(int from, int to)
{
	auto_free char *names = xmalloc(XATTRS_MAX);
	auto_free char *value = xmalloc(XATTRS_MAX);
	ssize_t n = flistxattr(from, names, XATTRS_MAX);
	for (char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) {
		if (str_starts(name, "trusted."))
			continue;
		ssize_t len = fgetxattr(from, name, value, XATTRS_MAX);
		if (len >= 0 && fsetxattr(to, name, value, (size_t)len, 0) < 0 && errno == ENOSPC)
			return;
	}
}

int tree_copy_attributes(int from, int to)
{
	struct stat st;
	if (fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 ||
	    fchmod(to, st.st_mode & 07777) < 0)
		return -errno;
	copy_xattrs(from, to);
	struct timespec times[2] = {st.st_atim, st.st_mtim};
	return futimens(to, times) < 0 ? -errno : 0;
}

bool tree_hides(const struct tree *t, const char *path)
{
	auto_free char *prefix = xstrdup(path);
	for (char *p = prefix; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		auto_close int fd = open_beneath(t->root, prefix, DIR_FLAGS, 0);
		*p = '/';
		if (fd >= 0 && overlayfs_is_opaque(fd))
			return true;
	}
	return false;
}

/* The state of a walk: what is resolved, and what is left to go. */
struct walk {
	struct str done; /* clean, without links */
	char *todo;
	int links;
};

/* Puts the target of a link in front of what is left. */
static int walk_link(struct walk *w, int dir, const char *path)
{
	char target[LIMIT_PATH];
	auto_close int fd = open_beneath(dir, path, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd;
	ssize_t n = readlinkat(fd, "", target, sizeof(target));
	if (n <= 0 || n >= (ssize_t)sizeof(target) || ++w->links > LINKS_MAX)
		return -ELOOP;
	if (target[0] == '/')
		str_clear(&w->done);
	char *todo = xasprintf("%.*s/%s", (int)n, target, w->todo);
	free(w->todo);
	w->todo = todo;
	return strlen(todo) < 4 * LIMIT_PATH ? 0 : -ENAMETOOLONG;
}

/* Makes the missing folder at path, like the one below if there is one. */
static int make_implied(struct tree *t, const char *path, bool replaces_whiteout, int lower)
{
	const char *slash = strrchr(path, '/');
	auto_free char *above = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	auto_close int dir = open_beneath(t->root, above, DIR_FLAGS, 0);
	const char *name = slash ? slash + 1 : path;
	if (dir < 0)
		return dir;
	t->implied_bytes += strlen(path) + 64;
	if (t->implied_bytes > IMPLIED_BYTES_MAX)
		return -ENOBUFS;
	if (replaces_whiteout && unlinkat(dir, name, 0) < 0)
		return -errno;
	if (mkdirat(dir, name, 0755) < 0)
		return -errno;
	auto_close int fd = open_beneath(dir, name, DIR_FLAGS, 0);
	if (fd < 0)
		return fd;
	if (fchmod(fd, 0755) < 0)
		return -errno;
	if (replaces_whiteout)
		return overlayfs_set_opaque(fd);
	if (t->implied && lower < 0)
		strlist_add(t->implied, path);
	return lower >= 0 ? tree_copy_attributes(lower, fd) : 0;
}

/* One component: moves w->done on, or puts a link's target before what is left. What is missing is
 * taken for a folder. */
static int walk_step(struct tree *t, struct walk *w, const char *name, size_t name_len)
{
	struct stat st;
	size_t at = 0;
	auto_str path = {0};

	if (w->done.len)
		str_addf(&path, "%s/", w->done.data);
	str_addn(&path, name, name_len);
	if (path.len >= LIMIT_PATH)
		return -ENAMETOOLONG;
	int r = overlayfs_stat(t->root, path.data, &st);
	if (r == 0 && S_ISLNK(st.st_mode))
		return walk_link(w, t->root, path.data);
	if (r == -ENOENT && t->lowers && !tree_hides(t, path.data) &&
	    overlayfs_find(t->lowers, path.data, &at, &st) == 0 && S_ISLNK(st.st_mode))
		return walk_link(w, t->lowers->fds[at], path.data);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		return r;
	str_clear(&w->done);
	str_addn(&w->done, path.data, path.len);
	return 0;
}

static void walk_up(struct walk *w)
{
	char *slash = w->done.data ? strrchr(w->done.data, '/') : NULL;
	w->done.len = slash ? (size_t)(slash - w->done.data) : 0;
	if (w->done.data)
		w->done.data[w->done.len] = '\0';
}

int tree_resolve(struct tree *t, const char *path, char **ret)
{
	struct walk w = {.todo = xstrdup(path)};
	int r = 0;
	while (r == 0 && *w.todo) {
		size_t n = strcspn(w.todo, "/");
		auto_free char *name = xstrndup(w.todo, n);
		size_t skip = n + (w.todo[n] == '/');
		memmove(w.todo, w.todo + skip, strlen(w.todo + skip) + 1);
		if (streq(name, ".."))
			walk_up(&w);
		else if (n > 0 && !streq(name, "."))
			r = walk_step(t, &w, name, n);
	}
	if (r == 0)
		*ret = str_take(&w.done);
	str_done(&w.done);
	free(w.todo);
	return r;
}

/* Makes the folder at a resolved path unless it is there. */
static int ensure(struct tree *t, const char *path)
{
	struct stat st, low;
	size_t at = 0;
	auto_close int lower = -1;
	int r = overlayfs_stat(t->root, path, &st);
	bool whiteout = r == 0 && overlayfs_is_whiteout(&st);
	if (r == 0 && !whiteout)
		return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	if (r < 0 && r != -ENOENT)
		return r;
	if (!whiteout && t->lowers && !tree_hides(t, path) &&
	    overlayfs_find(t->lowers, path, &at, &low) == 0 && S_ISDIR(low.st_mode))
		lower = open_beneath(t->lowers->fds[at], path, DIR_FLAGS, 0);
	return make_implied(t, path, whiteout, lower);
}

int tree_walk(struct tree *t, const char *path, int *ret, char **resolved)
{
	auto_free char *clean = NULL;
	int r = tree_resolve(t, path, &clean);
	for (char *p = clean; r == 0 && p && *p;) {
		p += strcspn(p, "/");
		char end = *p;
		*p = '\0';
		r = ensure(t, clean);
		*p = end;
		p += end == '/';
	}
	if (r < 0)
		return r;
	int fd = open_beneath(t->root, *clean ? clean : ".", DIR_FLAGS, 0);
	if (fd < 0)
		return fd;
	*ret = fd;
	*resolved = take_ptr(clean);
	return 0;
}

int tree_parent(struct tree *t, const char *path, int *ret)
{
	if (!*path) {
		*ret = t->root;
		return 0;
	}
	if (t->cached_path && streq(path, t->cached_path)) {
		*ret = t->cached_fd;
		return 0;
	}
	int fd = open_in_root(t->root, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0) {
		auto_free char *resolved = NULL;
		int r = tree_walk(t, path, &fd, &resolved);
		if (r < 0)
			return r;
	}
	forget_cached(t);
	t->cached_path = xstrdup(path);
	t->cached_fd = fd;
	*ret = fd;
	return 0;
}

int tree_remove(struct tree *t, int dir, const char *name)
{
	if (unlinkat(dir, name, 0) == 0)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	auto_free char *path = xasprintf("/proc/self/fd/%d/%s", dir, name);
	int r = dir_remove(path, NULL);
	/* the cached folder may have been below; dir itself was not, and stays open */
	if (t->cached_fd != dir)
		forget_cached(t);
	return r;
}
