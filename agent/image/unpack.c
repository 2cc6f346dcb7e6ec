/* SPDX-License-Identifier: Apache-2.0
 * Reads a layer's archive (the one file that knows libarchive) and writes its entries through tree.c. */
#include "agent/image/unpack.h"
#include "agent/image/entry.h"
#include "agent/image/tree.h"
#include "base/fd.h"
#include "base/mem.h"
#include "manifests/limits.h"
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#define WHITEOUT             ".wh."
#define WHITEOUT_META        ".wh..wh." /* a layer tool's own notes */
#define WHITEOUT_OPQ         ".wh..wh..opq"

#define TAR_BLOCK            512
#define REMEMBERED_BYTES_MAX (256u << 20)

struct folder_time {
	char *path;
	struct timespec mtime;
};

struct unpack {
	struct tree tree;
	struct unpack_result *res;
	struct archive *archive;
	unpack_source source;
	void *arg;
	int tail;              /* bytes so far into a block */
	struct err source_err; /* why the source failed, which libarchive cannot carry */
	struct folder_time *folders;
	size_t n_folders, cap_folders;
	size_t remembered; /* bytes of paths kept to the end */
};

/* Paths kept in memory are bounded: a small archive can hold millions of long ones. */
static int remember(struct unpack *u, const char *path)
{
	u->remembered += strlen(path) + 64;
	return u->remembered > REMEMBERED_BYTES_MAX ? -ENOBUFS : 0;
}

/* Some tools leave out what follows the last file's data, even the rest of its block: that is filled
 * in. Whether the bytes are those that were made is for the digests to say. */
static la_ssize_t read_source(struct archive *a, void *arg, const void **buf)
{
	struct unpack *u = arg;
	static const char zeros[TAR_BLOCK];
	ssize_t n = u->source(u->arg, buf, &u->source_err);
	if (n < 0)
		archive_set_error(a, EIO, "the source failed");
	if (n == 0) {
		*buf = zeros;
		n = (TAR_BLOCK - u->tail) % TAR_BLOCK;
	}
	u->tail = (u->tail + n) % TAR_BLOCK;
	return n;
}

static int archive_failed(struct unpack *u, struct err *err)
{
	if (u->source_err.code < 0)
		return err_set(err, u->source_err.code, "%s", u->source_err.text);
	const char *why = archive_error_string(u->archive);
	return err_set(err, -EBADMSG, "the layer's archive is damaged: %.200s",
		       why ? why : "no reason given");
}

/* Whether a tar's extended attribute may be set. trusted.* and user.overlay.* steer overlayfs, and
 * security.* other than file capabilities belongs to the host that made the image. */
static bool xattr_kept(const char *name)
{
	return streq(name, "security.capability") || str_starts(name, "system.posix_acl_") ||
	       (str_starts(name, "user.") && !str_starts(name, "user.overlay."));
}

static void entry_fill(struct archive_entry *e, struct entry *x)
{
	const char *name;
	const void *value;
	size_t size;

	x->mode = archive_entry_perm(e);
	x->uid = (uid_t)archive_entry_uid(e);
	x->gid = (gid_t)archive_entry_gid(e);
	x->mtime.tv_sec = archive_entry_mtime(e);
	x->mtime.tv_nsec = archive_entry_mtime_nsec(e);
	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK) {
		if (!name || !xattr_kept(name) || x->n_xattrs == ENTRY_XATTRS_MAX)
			continue;
		x->xattrs[x->n_xattrs++] =
			(struct entry_xattr){.name = name, .value = value, .size = size};
	}
}

/* The file's data, hole by hole. */
static int write_data(struct unpack *u, int fd, int64_t size, struct err *err)
{
	const void *buf;
	size_t n;
	la_int64_t off, end = 0;
	for (;;) {
		int r = archive_read_data_block(u->archive, &buf, &n, &off);
		if (r == ARCHIVE_EOF)
			break;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return archive_failed(u, err);
		if (off < end || off > size || (int64_t)n > size - off)
			return err_set(err, -EBADMSG,
				       "the layer's archive is damaged: the parts of "
				       "a file overlap");
		for (size_t at = 0; at < n;) {
			ssize_t w = pwrite(fd, (const char *)buf + at, n - at, off + (off_t)at);
			if (w < 0 && errno != EINTR)
				return -errno;
			at += w > 0 ? (size_t)w : 0;
		}
		end = off + (la_int64_t)n;
	}
	return end < size && ftruncate(fd, size) < 0 ? -errno : 0;
}

static int put_file(struct unpack *u, int dir, const char *name, struct archive_entry *e,
		    struct err *err)
{
	struct entry x = {0};
	int64_t size = archive_entry_size(e);
	auto_close int fd = -1;

	entry_fill(e, &x);
	if (size < 0 || size > LIMIT_LAYER_BYTES - u->res->bytes)
		return err_set(err, -EFBIG, "the layer unpacks to more than %lld GiB",
			       LIMIT_LAYER_BYTES >> 30);
	u->res->bytes += size;
	int r = entry_create_file(&u->tree, dir, name, &fd);
	if (r == 0 && size > 0)
		r = write_data(u, fd, size, err);
	return r < 0 ? r : entry_finish_file(fd, &x);
}

static int put_folder(struct unpack *u, int dir, const char *name, const char *path,
		      struct archive_entry *e)
{
	struct entry x = {0};
	entry_fill(e, &x);
	int r = *path ? entry_make_folder(&u->tree, dir, name, &x)
		      : entry_finish_folder(u->tree.root, &x);
	if (r < 0 || (r = remember(u, path)) < 0)
		return r;
	u->folders = vec_grow(u->folders, u->n_folders, &u->cap_folders, sizeof(*u->folders));
	u->folders[u->n_folders++] = (struct folder_time){.path = xstrdup(path), .mtime = x.mtime};
	return 0;
}

static int put_hardlink(struct unpack *u, int dir, const char *name, struct archive_entry *e,
			struct err *err)
{
	struct entry x = {0};
	entry_fill(e, &x);
	auto_free char *target = tree_clean(archive_entry_hardlink(e));
	if (!*target)
		return err_set(err, -EBADMSG, "the hard link '%.200s' leads to a folder", name);
	int r = entry_link(&u->tree, dir, name, target, &x);
	if (r == -ENOENT && u->tree.needs_lowers)
		return err_set(err, r, "the hard link '%.200s' leads to '%.200s' in a layer below",
			       name, target);
	if (r == -ENOENT)
		return err_set(err, -EBADMSG,
			       "the hard link '%.200s' leads to '%.200s', which is "
			       "not there",
			       name, target);
	return r;
}

static int put_node(struct unpack *u, int dir, const char *name, struct archive_entry *e)
{
	struct entry x = {0};
	entry_fill(e, &x);
	if (archive_entry_filetype(e) == AE_IFLNK) {
		const char *target = archive_entry_symlink(e);
		if (!target)
			target = archive_entry_symlink_utf8(e);
		return !target || !*target ? -EBADMSG
					   : entry_make_symlink(&u->tree, dir, name, target, &x);
	}
	switch (archive_entry_filetype(e)) {
	case AE_IFIFO:
		x.mode |= S_IFIFO;
		break;
	case AE_IFCHR:
		x.mode |= S_IFCHR;
		break;
	case AE_IFBLK:
		x.mode |= S_IFBLK;
		break;
	default: /* libarchive's set, not ours: sockets and what it may learn later */
		return 0;
	}
	return entry_make_node(&u->tree, dir, name, archive_entry_rdev(e), &x);
}

/* *done: the entry was a whiteout, or a note that means nothing here. */
static int put_whiteout(struct unpack *u, int dir, const char *path, bool *done, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	*done = str_starts(name, WHITEOUT);
	if (!*done)
		return 0;
	if (streq(name, WHITEOUT_OPQ))
		return overlayfs_set_opaque(dir);
	if (str_starts(name, WHITEOUT_META))
		return 0;
	const char *hides = name + strlen(WHITEOUT);
	if (!*hides || streq(hides, ".") || streq(hides, ".."))
		return err_set(err, -EBADMSG, "the layer has a whiteout '%.200s' of no file", name);
	int r = remember(u, path);
	if (r < 0)
		return r;
	strlist_addf(&u->res->whiteouts, "%.*s%s", (int)(name - path), path, hides);
	return entry_make_whiteout(dir, hides);
}

static const char *entry_name(struct archive_entry *e)
{
	const char *name = archive_entry_pathname(e);
	return name ? name : archive_entry_pathname_utf8(e);
}

static int put_entry(struct unpack *u, struct archive_entry *e, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	auto_free char *above = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");
	const char *name = slash ? slash + 1 : path;
	bool folder = archive_entry_filetype(e) == AE_IFDIR, done = false;
	int dir, r;

	if ((r = tree_parent(&u->tree, above, &dir)) < 0)
		return r;
	if (!folder && ((r = put_whiteout(u, dir, path, &done, err)) < 0 || done))
		return r;
	if (archive_entry_hardlink(e))
		return put_hardlink(u, dir, name, e, err);
	if (folder)
		return put_folder(u, dir, name, path, e);
	if (archive_entry_filetype(e) == AE_IFREG)
		return put_file(u, dir, name, e, err);
	return put_node(u, dir, name, e);
}

static int next_entry(struct unpack *u, struct archive_entry *e, struct err *err)
{
	const char *name = entry_name(e);
	struct err why = {0};

	if (!name)
		return err_set(err, -EBADMSG, "the layer has a name that is not text");
	if (strlen(name) >= LIMIT_PATH)
		return err_set(err, -ENAMETOOLONG, "the layer has a name longer than %d bytes",
			       LIMIT_PATH);
	if (++u->res->entries > LIMIT_LAYER_ENTRIES)
		return err_set(err, -EFBIG, "the layer has more than %d entries",
			       LIMIT_LAYER_ENTRIES);
	auto_free char *path = tree_clean(name);
	if (!*path && archive_entry_filetype(e) != AE_IFDIR)
		return 0; /* the layer's own folder is never anything else */
	int r = put_entry(u, e, path, &why);
	if (r < 0 && why.code < 0)
		return err_set(err, r, "%s", why.text);
	return r < 0 ? err_sys(err, r, "cannot unpack '%.300s'", path) : 0;
}

/* Last, since each entry made in a folder touches its time. */
static void set_folder_times(struct unpack *u)
{
	for (size_t i = u->n_folders; i-- > 0;) {
		const struct folder_time *f = &u->folders[i];
		auto_close int fd = open_in_root(u->tree.root, *f->path ? f->path : ".",
						 O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		struct timespec times[2] = {f->mtime, f->mtime};
		if (fd >= 0)
			(void)!futimens(fd, times); /* replaced later: there is nothing to set */
	}
}

static int read_all(struct unpack *u, struct err *err)
{
	struct archive_entry *e;
	for (;;) {
		int r = archive_read_next_header(u->archive, &e);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return archive_failed(u, err);
		if ((r = next_entry(u, e, err)) < 0)
			return r;
	}
}

static int archive_begin(struct unpack *u, struct err *err)
{
	u->archive = archive_read_new();
	if (!u->archive)
		abort();
	archive_read_support_format_tar(u->archive);
	archive_read_support_format_empty(u->archive);
	if (archive_read_open(u->archive, u, NULL, read_source, NULL) != ARCHIVE_OK)
		return archive_failed(u, err);
	return 0;
}

int unpack_tar(int root, unpack_source source, void *arg, const struct overlayfs_lowers *lowers,
	       struct unpack_result *res, struct err *err)
{
	struct unpack u = {.res = res, .source = source, .arg = arg};
	/* Names are bytes; libarchive converts those of PAX headers to the locale's set. */
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	locale_t before = utf8 ? uselocale(utf8) : NULL;

	tree_init(&u.tree, root, lowers, &res->implied);
	int r = archive_begin(&u, err);
	if (r == 0)
		r = read_all(&u, err);
	if (r == 0)
		set_folder_times(&u);
	res->needs_lowers = r < 0 && u.tree.needs_lowers;
	archive_read_free(u.archive);
	tree_close(&u.tree);
	for (size_t i = 0; i < u.n_folders; i++)
		free(u.folders[i].path);
	free(u.folders);
	if (utf8) {
		uselocale(before);
		freelocale(utf8);
	}
	return r;
}

/* An implied folder and what is below it. */
static int settle_folder(struct tree *t, const char *path, bool *redo, struct err *err)
{
	struct stat st;
	size_t at;
	if (tree_hides(t, path) || overlayfs_find(t->lowers, path, &at, &st) < 0)
		return 0;
	*redo = S_ISLNK(st.st_mode);
	if (!S_ISDIR(st.st_mode))
		return 0;
	auto_close int from = open_beneath(t->lowers->fds[at], path, O_RDONLY | O_DIRECTORY, 0);
	auto_close int to = open_beneath(t->root, path, O_RDONLY | O_DIRECTORY, 0);
	int r = from < 0 || to < 0 ? 0 : tree_copy_attributes(from, to);
	return r < 0 ? err_sys(err, r, "cannot set the attributes of '%.300s'", path) : 0;
}

/* A folder that is only in this layer is listed as it is: a whiteout in it would show up. */
static void settle_whiteout(struct tree *t, const char *path)
{
	const char *slash = strrchr(path, '/');
	auto_free char *above = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");
	const char *last = slash ? slash + 1 : path;
	auto_free char *folder = NULL;
	struct stat st;
	size_t at;
	if (tree_resolve(t, above, &folder) < 0)
		return;
	auto_free char *real = *folder ? xasprintf("%s/%s", folder, last) : xstrdup(last);
	auto_close int dir =
		open_beneath(t->root, *folder ? folder : ".", O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0 || fstatat(dir, last, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !overlayfs_is_whiteout(&st))
		return;
	if (tree_hides(t, real) || overlayfs_find(t->lowers, real, &at, &st) < 0) {
		if (fstat(dir, &st) == 0 && unlinkat(dir, last, 0) == 0) {
			struct timespec times[2] = {st.st_atim, st.st_mtim};
			(void)!futimens(dir, times); /* nothing hangs on it */
		}
	}
}

int unpack_settle(int root, const struct unpack_result *res, const struct overlayfs_lowers *lowers,
		  bool *redo, struct err *err)
{
	struct tree t;
	int r = 0;
	tree_init(&t, root, lowers, NULL);
	*redo = false;
	for (size_t i = 0; r == 0 && !*redo && i < res->implied.n; i++)
		r = settle_folder(&t, res->implied.v[i], redo, err);
	for (size_t i = 0; r == 0 && !*redo && i < res->whiteouts.n; i++)
		settle_whiteout(&t, res->whiteouts.v[i]);
	tree_close(&t);
	return r;
}

void unpack_result_done(struct unpack_result *res)
{
	strlist_done(&res->implied);
	strlist_done(&res->whiteouts);
	*res = (struct unpack_result){0};
}
