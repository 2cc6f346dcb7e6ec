/* SPDX-License-Identifier: Apache-2.0
 * The tmpfs of configs and secrets, and what is in it; see secretfiles.h. */
#include "agent/core/secretfiles.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>

#define MEMORY_MAX  (256ULL << 20) /* of all files; never more than a quarter of the host's */
#define INODES_MAX  200000
#define MOUNT_FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)

struct secretfiles {
	char *root; /* RUN/secrets */
	const struct assign *assign;
	const struct crypto_pair *key;
};

static const char *kind_of(bool config)
{
	return config ? "config" : "secret";
}

struct secretfiles *secretfiles_new(const char *run_dir, const struct assign *a,
				    const struct crypto_pair *key)
{
	struct secretfiles *s = xcalloc(1, sizeof(*s));
	s->root = xasprintf("%s/secrets", run_dir);
	s->assign = a;
	s->key = key;
	return s;
}

void secretfiles_free(struct secretfiles *s)
{
	if (!s)
		return;
	free(s->root);
	free(s);
}

char *secretfiles_path(const char *run_dir, const char *task_id, bool config, size_t n)
{
	return xasprintf("%s/secrets/%s/%s.%zu", run_dir, task_id, kind_of(config), n);
}

/* --- the tmpfs */

static unsigned long long memory_max(void)
{
	struct sysinfo si;
	unsigned long long quarter =
		sysinfo(&si) == 0 ? (unsigned long long)si.totalram * si.mem_unit / 4 : MEMORY_MAX;
	return quarter < MEMORY_MAX ? quarter : MEMORY_MAX;
}

static int mount_root(const char *path, struct err *err)
{
	auto_free char *plain =
		xasprintf("mode=0700,size=%llu,nr_inodes=%d", memory_max(), INODES_MAX);
	auto_free char *held = xasprintf("%s,noswap", plain);
	/* Kernels before 6.4 do not know noswap. */
	if (mount("tmpfs", path, "tmpfs", MOUNT_FLAGS, held) < 0 &&
	    mount("tmpfs", path, "tmpfs", MOUNT_FLAGS, plain) < 0)
		return err_sys(err, -errno, "no memory file system for configs and secrets at '%s'",
			       path);
	if (mount(NULL, path, NULL, MS_PRIVATE, NULL) < 0) {
		int r = err_sys(err, -errno, "'%s' cannot be made private", path);
		umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
		return r;
	}
	return 0;
}

/* Is it there? An agent before this one may have mounted it. */
static bool root_mounted(const struct secretfiles *s)
{
	struct statfs fs;
	return path_is_mount(s->root) && statfs(s->root, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

static int root_ready(const struct secretfiles *s, struct err *err)
{
	if (root_mounted(s))
		return 0;
	int r = dir_make(s->root, 0700, err);
	return r < 0 ? r : mount_root(s->root, err);
}

/* Visits the tasks that have files; stops when `each` says so. */
static void each_task(const struct secretfiles *s, bool (*each)(const char *id, void *arg),
		      void *arg)
{
	DIR *d = opendir(s->root);
	struct dirent *e;
	while (d && (e = readdir(d)))
		if (!streq(e->d_name, ".") && !streq(e->d_name, "..") && !each(e->d_name, arg))
			break;
	if (d)
		closedir(d);
}

static bool note_one(const char *id, void *arg)
{
	(void)id;
	*(bool *)arg = true;
	return false;
}

/* With the last file the tmpfs goes too: an idle node has nothing mounted. */
static void unmount_empty(const struct secretfiles *s)
{
	bool any = false;
	if (!root_mounted(s))
		return;
	each_task(s, note_one, &any);
	if (!any && umount2(s->root, UMOUNT_NOFOLLOW) == 0)
		rmdir(s->root);
}

/* --- files */

static int write_file(int dir, const char *name, const struct spec_grant *g, const void *value,
		      size_t n)
{
	/* Nobody but root sees it before it has its owner and mode. */
	auto_close int fd =
		openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int r = fd_write_all(fd, value, n);
	if (r == 0 && fchown(fd, (uid_t)g->uid, (gid_t)g->gid) < 0)
		r = -errno;
	if (r == 0 && fchmod(fd, (mode_t)g->mode & 07777) < 0)
		r = -errno;
	return r;
}

static const struct sealed *sealed_of(const struct secretfiles *s, const struct spec_grant *g)
{
	return g->version ? assign_sealed(s->assign, g->version) : NULL;
}

static int put_one(const struct secretfiles *s, int dir, const struct spec_grant *g, bool config,
		   size_t i, struct err *err)
{
	char *value = NULL;
	size_t n = 0;
	int r = sealed_open(sealed_of(s, g), s->key, &value, &n, err);
	if (r == -EACCES)
		return err_set(err, -EAGAIN,
			       "waits for the controller to seal the %s \"%s\" to this node's key",
			       kind_of(config), g->source);
	if (r < 0)
		return r;
	auto_free char *name = xasprintf("%s.%zu", kind_of(config), i);
	r = write_file(dir, name, g, value, n);
	crypto_wipe(value, n);
	free(value);
	if (r == -ENOSPC)
		return err_set(err, r,
			       "the %s \"%s\" does not fit: configs and secrets of this node may "
			       "take %llu MiB of memory together",
			       kind_of(config), g->source, memory_max() >> 20);
	return r < 0 ? err_sys(err, r, "the %s \"%s\" cannot be made a file", kind_of(config),
			       g->source)
		     : 0;
}

static int all_here(const struct secretfiles *s, const struct spec_grant *v, size_t n, bool config,
		    struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct sealed *it = sealed_of(s, &v[i]);
		if (!it)
			return err_set(err, -EAGAIN, "waits for the %s \"%s\" from the controller",
				       kind_of(config), v[i].source);
		if (it->config != config)
			return err_set(err, -EINVAL, "the %s \"%s\" was sent as a %s",
				       kind_of(config), v[i].source, kind_of(it->config));
	}
	return 0;
}

static int put_all(const struct secretfiles *s, const struct spec_service *spec, const char *path,
		   struct err *err)
{
	if (mkdir(path, 0700) < 0)
		return err_sys(err, -errno, "cannot make '%s'", path);
	auto_close int dir = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, -errno, "cannot open '%s'", path);
	int r = 0;
	for (size_t i = 0; r == 0 && i < spec->n_secrets; i++)
		r = put_one(s, dir, &spec->secrets[i], false, i, err);
	for (size_t i = 0; r == 0 && i < spec->n_configs; i++)
		r = put_one(s, dir, &spec->configs[i], true, i, err);
	return r;
}

int secretfiles_put(struct secretfiles *s, const struct wire_task *t, struct err *err)
{
	const struct spec_service *spec = &t->spec;
	if (spec->n_secrets + spec->n_configs == 0)
		return 0;
	int r = all_here(s, spec->secrets, spec->n_secrets, false, err);
	if (r == 0)
		r = all_here(s, spec->configs, spec->n_configs, true, err);
	if (r == 0)
		r = root_ready(s, err);
	if (r < 0)
		return r;
	auto_free char *path = xasprintf("%s/%s", s->root, t->id);
	r = dir_remove(path, err); /* of its try before */
	if (r == 0)
		r = put_all(s, spec, path, err);
	if (r < 0)
		secretfiles_drop(s, t->id);
	return r;
}

void secretfiles_drop(struct secretfiles *s, const char *task_id)
{
	struct err err = {0};
	auto_free char *path = xasprintf("%s/%s", s->root, task_id);
	if (!root_mounted(s))
		return;
	if (dir_remove(path, &err) < 0)
		log_warn("agent", "configs and secrets of task %s stay for now: %s", task_id,
			 err_text(&err));
	unmount_empty(s);
}

struct sweep {
	bool (*keep)(const char *task_id, void *arg);
	void *arg;
	struct strlist stale;
};

static bool look(const char *id, void *arg)
{
	struct sweep *w = arg;
	if (!w->keep(id, w->arg))
		strlist_add(&w->stale, id);
	return true;
}

void secretfiles_sweep(struct secretfiles *s, bool (*keep)(const char *task_id, void *arg),
		       void *arg)
{
	struct sweep w = {.keep = keep, .arg = arg};
	if (!root_mounted(s))
		return;
	each_task(s, look, &w);
	for (size_t i = 0; i < w.stale.n; i++)
		secretfiles_drop(s, w.stale.v[i]);
	strlist_done(&w.stale);
	unmount_empty(s);
}
