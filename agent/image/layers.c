/* SPDX-License-Identifier: Apache-2.0
 * Unpacked layers: names, locks between workers, publishing by rename. Knows no archives. */
#include "agent/image/layers.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHORT_DIGITS 16

void chain_id(const char *below, const char *diff_id, char out[DIGEST_TEXT])
{
	if (!below) {
		memmove(out, diff_id, DIGEST_TEXT);
		return;
	}
	auto_free char *both = xasprintf("%s %s", below, diff_id);
	sha256_text(both, strlen(both), out);
}

int layers_dirs_make(const char *dir, struct err *err)
{
	auto_free char *work = xasprintf("%s/layers/.work", dir);
	return dir_make(work, 0700, err);
}

/* The lock file's descriptor, or -errno; with wait, blocks until it is ours. */
static int lock_take(const char *path, bool wait)
{
	for (;;) {
		struct stat mine, named;
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0) {
			int r = -errno;
			close(fd);
			if (r == -EINTR)
				continue;
			return r;
		}
		if (fstat(fd, &mine) == 0 && lstat(path, &named) == 0 &&
		    mine.st_ino == named.st_ino)
			return fd;
		close(fd); /* its last holder removed it */
	}
}

void layers_clean(const char *dir)
{
	auto_free char *work = xasprintf("%s/layers/.work", dir);
	DIR *d = opendir(work);
	struct dirent *e;
	while (d && (e = readdir(d))) {
		if (!str_ends(e->d_name, ".lock"))
			continue;
		auto_free char *lock = xasprintf("%s/%s", work, e->d_name);
		auto_free char *tree = xstrndup(lock, strlen(lock) - strlen(".lock"));
		auto_close int fd = lock_take(lock, false);
		if (fd < 0)
			continue;
		dir_remove(tree, NULL);
		unlink(lock);
	}
	if (d)
		closedir(d);
}

static const char *short_of(const char *chain)
{
	return chain + strlen("sha256:");
}

static bool is_published(const char *final, const char *chain)
{
	auto_free char *path = xasprintf("%s/chain", final);
	auto_free char *text = NULL;
	size_t len;
	return file_read(path, DIGEST_TEXT, &text, &len, NULL) == 0 && streq(text, chain);
}

char *layer_path(const char *dir, const char *chain, struct err *err)
{
	auto_free char *final = xasprintf("%s/layers/%.*s", dir, SHORT_DIGITS, short_of(chain));
	if (!is_published(final, chain)) {
		err_set(err, -ENOENT, "the layer '%.19s' is not on this node", chain);
		return NULL;
	}
	return xasprintf("%s/fs", final);
}

static int open_fs(struct layer *l, const char *in, struct err *err)
{
	auto_free char *fs = xasprintf("%s/fs", in);
	l->fs = open(fs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return l->fs < 0 ? err_sys(err, -errno, "cannot open '%s'", fs) : 0;
}

int layer_empty(struct layer *l, struct err *err)
{
	auto_free char *fs = xasprintf("%s/fs", l->work);
	if (l->fs >= 0)
		close(l->fs);
	l->fs = -1;
	int r = dir_remove(l->work, err);
	if (r < 0)
		return r;
	if (mkdir(l->work, 0700) < 0 || mkdir(fs, 0755) < 0 || chmod(fs, 0755) < 0)
		return err_sys(err, -errno, "cannot make the folder '%s'", fs);
	return open_fs(l, l->work, err);
}

static int claim(struct layer *l, struct err *err)
{
	l->ready = is_published(l->final, l->chain);
	if (l->ready)
		return open_fs(l, l->final, err);
	l->lock = lock_take(l->lock_path, true);
	if (l->lock < 0)
		return err_sys(err, l->lock, "cannot lock '%s'", l->lock_path);
	l->ready = is_published(l->final, l->chain);
	if (l->ready)
		return open_fs(l, l->final, err);
	if (path_exists(l->final))
		return err_set(
			err, -EEXIST,
			"'%s' belongs to another layer of a like name; remove it and try again",
			l->final);
	return layer_empty(l, err);
}

int layer_claim(const char *dir, const char *chain, struct layer *ret, struct err *err)
{
	struct layer l = {.lock = -1, .fs = -1};
	memcpy(l.chain, chain, DIGEST_TEXT);
	l.final = xasprintf("%s/layers/%.*s", dir, SHORT_DIGITS, short_of(chain));
	l.work = xasprintf("%s/layers/.work/%.*s", dir, SHORT_DIGITS, short_of(chain));
	l.lock_path = xasprintf("%s.lock", l.work);
	int r = claim(&l, err);
	if (r < 0)
		layer_done(&l);
	else
		*ret = l;
	return r;
}

int layer_publish(struct layer *l, struct err *err)
{
	auto_free char *chain = xasprintf("%s/chain", l->work);
	int r = file_write_atomic(chain, l->chain, strlen(l->chain), 0600, err);
	if (r < 0)
		return r;
	if (rename(l->work, l->final) < 0)
		return err_sys(err, -errno, "cannot make '%s'", l->final);
	l->ready = true;
	return 0;
}

void layer_done(struct layer *l)
{
	if (l->fs >= 0)
		close(l->fs);
	if (l->lock >= 0) {
		if (!l->ready)
			dir_remove(l->work, NULL);
		unlink(l->lock_path);
		close(l->lock);
	}
	free(l->final);
	free(l->work);
	free(l->lock_path);
	*l = (struct layer){.lock = -1, .fs = -1};
}
