/* SPDX-License-Identifier: Apache-2.0
 * The content store on disk; knows digests and files, neither registries nor archives. */
#include "agent/image/blob.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/mem.h"
#include "manifests/limits.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct blob {
	struct blob_desc desc;
	char *path, *part;
	int fd;
	struct sha256 *hash; /* of what was written; the writer's */
	pthread_mutex_t lock;
	pthread_cond_t more;
	/* under lock */
	int64_t have;
	bool whole;
	int failed; /* -errno; why says more */
	char why[ERR_TEXT_MAX];
};

static char *blob_path(const char *dir, const char *digest)
{
	return xasprintf("%s/blobs/sha256/%s", dir, digest + strlen("sha256:"));
}

int blob_dirs_make(const char *dir, struct err *err)
{
	auto_free char *whole = xasprintf("%s/blobs/sha256", dir);
	auto_free char *part = xasprintf("%s/blobs/part", dir);
	int r = dir_make(whole, 0700, err);
	return r < 0 ? r : dir_make(part, 0700, err);
}

bool blob_exists(const char *dir, const char *digest)
{
	auto_free char *path = blob_path(dir, digest);
	return path_exists(path);
}

/* True when the whole blob is there; one of a wrong size (a crash of the disk) is removed. */
static bool open_whole(struct blob *b)
{
	struct stat st;
	int fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && st.st_size == b->desc.size) {
		b->fd = fd;
		b->have = st.st_size;
		b->whole = true;
		return true;
	}
	close(fd);
	unlink(b->path);
	return false;
}

/* Hashes what an earlier writer left. Too much or unreadable: starts anew. */
static void take_up(struct blob *b)
{
	static const size_t step = 256 << 10;
	auto_free char *buf = xmalloc(step);
	ssize_t n;
	while ((n = pread(b->fd, buf, step, b->have)) > 0) {
		sha256_add(b->hash, buf, (size_t)n);
		b->have += n;
	}
	if (n == 0 && b->have <= b->desc.size)
		return;
	sha256_free(b->hash);
	b->hash = sha256_new();
	b->have = 0;
}

/* Opens and locks the part; while it waits for the lock, another writer may finish the blob. */
static int open_part(struct blob *b, struct err *err)
{
	for (;;) {
		struct stat mine, named;
		int fd = open(b->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return err_sys(err, -errno, "cannot write '%s'", b->part);
		while (flock(fd, LOCK_EX) < 0)
			if (errno != EINTR) {
				int r = -errno;
				close(fd);
				return err_sys(err, r, "cannot lock '%s'", b->part);
			}
		if (open_whole(b)) {
			unlink(b->part);
			close(fd);
			return 0;
		}
		if (fstat(fd, &mine) == 0 && lstat(b->part, &named) == 0 &&
		    mine.st_ino == named.st_ino) {
			b->fd = fd;
			b->hash = sha256_new();
			take_up(b);
			return 0;
		}
		close(fd); /* renamed or removed by the one before */
	}
}

int blob_open(const char *dir, const struct blob_desc *desc, struct blob **ret, struct err *err)
{
	struct blob *b = xcalloc(1, sizeof(*b));
	b->desc = *desc;
	b->fd = -1;
	b->path = blob_path(dir, desc->digest);
	b->part = xasprintf("%s/blobs/part/%s", dir, desc->digest + strlen("sha256:"));
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->more, NULL);
	int r = open_whole(b) ? 0 : open_part(b, err);
	if (r < 0) {
		blob_close(b);
		return r;
	}
	*ret = b;
	return 0;
}

bool blob_whole(const struct blob *b)
{
	return b->whole;
}

bool blob_full(const struct blob *b)
{
	return b->have == b->desc.size;
}

int64_t blob_have(const struct blob *b)
{
	return b->have;
}

int blob_append(struct blob *b, const void *data, size_t n, struct err *err)
{
	if (b->have + (int64_t)n > b->desc.size)
		return err_set(err, -EBADMSG, "the blob '%.19s' is larger than the manifest says",
			       b->desc.digest);
	for (size_t at = 0; at < n;) {
		ssize_t w = pwrite(b->fd, (const char *)data + at, n - at, b->have + (off_t)at);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_sys(err, -errno, "cannot write '%s'", b->part);
		at += (size_t)w;
	}
	sha256_add(b->hash, data, n);
	pthread_mutex_lock(&b->lock);
	b->have += (int64_t)n;
	int r = b->failed;
	pthread_cond_broadcast(&b->more);
	pthread_mutex_unlock(&b->lock);
	return r < 0 ? err_set(err, r, "%s", b->why) : 0;
}

int blob_finish(struct blob *b, struct err *err)
{
	char digest[DIGEST_TEXT];
	if (b->have != b->desc.size)
		return err_set(err, -EBADMSG,
			       "the blob '%.19s' has %lld bytes where the manifest says %lld",
			       b->desc.digest, (long long)b->have, (long long)b->desc.size);
	sha256_end(b->hash, digest);
	if (strcmp(digest, b->desc.digest) != 0)
		return err_set(err, -EBADMSG,
			       "the content of the blob '%.19s' does not have its digest",
			       b->desc.digest);
	if (ftruncate(b->fd, b->desc.size) < 0 || fdatasync(b->fd) < 0 ||
	    rename(b->part, b->path) < 0)
		return err_sys(err, -errno, "cannot keep the blob '%.19s'", b->desc.digest);
	pthread_mutex_lock(&b->lock);
	b->whole = true;
	pthread_cond_broadcast(&b->more);
	pthread_mutex_unlock(&b->lock);
	return 0;
}

void blob_fail(struct blob *b, int code, const char *why, bool keep)
{
	pthread_mutex_lock(&b->lock);
	if (b->failed == 0) {
		b->failed = code;
		snprintf(b->why, sizeof(b->why), "%s", why);
	}
	pthread_cond_broadcast(&b->more);
	pthread_mutex_unlock(&b->lock);
	if (!keep && !b->whole)
		unlink(b->part);
}

void blob_cancel(struct blob *b)
{
	blob_fail(b, -ECANCELED, "the download was given up", true);
}

ssize_t blob_read(struct blob *b, int64_t off, void *buf, size_t n, struct err *err)
{
	pthread_mutex_lock(&b->lock);
	while (b->have <= off && !b->whole && b->failed == 0)
		pthread_cond_wait(&b->more, &b->lock);
	int failed = b->failed;
	int64_t have = b->have;
	pthread_mutex_unlock(&b->lock);
	if (failed < 0)
		return err_set(err, failed, "%s", b->why);
	if (have <= off)
		return 0;
	if ((int64_t)n > have - off)
		n = (size_t)(have - off);
	ssize_t r;
	do
		r = pread(b->fd, buf, n, off);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_sys(err, -errno, "cannot read '%s'", b->path);
	/* the file is never shorter than have, unless someone else cut it */
	return r > 0 ? r : err_set(err, -EIO, "'%s' was cut", b->path);
}

void blob_close(struct blob *b)
{
	if (!b)
		return;
	if (b->fd >= 0)
		close(b->fd); /* drops the lock */
	sha256_free(b->hash);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->more);
	free(b->path);
	free(b->part);
	free(b);
}

int blob_load(const char *dir, const char *digest, char **ret, size_t *ret_len, struct err *err)
{
	auto_free char *path = blob_path(dir, digest);
	auto_free char *data = NULL;
	size_t len;
	char found[DIGEST_TEXT];
	int r = file_read(path, LIMIT_MANIFEST_BYTES, &data, &len, err);
	if (r < 0)
		return r;
	sha256_text(data, len, found);
	if (strcmp(found, digest) != 0) {
		unlink(path);
		return err_set(err, -EBADMSG, "the stored document '%.19s' was damaged", digest);
	}
	*ret = take_ptr(data);
	*ret_len = len;
	return 0;
}

/* Through a part and its lock, as a download: another worker may store the same document now. */
int blob_store(const char *dir, const char *digest, const void *data, size_t n, struct err *err)
{
	struct blob_desc desc = {.size = (int64_t)n};
	struct blob *b = NULL;
	memcpy(desc.digest, digest, DIGEST_TEXT);
	int r = blob_open(dir, &desc, &b, err);
	if (r < 0)
		return r;
	if (!blob_whole(b)) {
		size_t have = (size_t)blob_have(b);
		r = blob_append(b, (const char *)data + have, n - have, err);
		if (r == 0)
			r = blob_finish(b, err);
		if (r < 0)
			blob_fail(b, r, "", false);
	}
	blob_close(b);
	return r;
}
