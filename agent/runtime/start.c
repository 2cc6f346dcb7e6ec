/* SPDX-License-Identifier: Apache-2.0
 *
 * From a request to a shim at work. Each step leaves only what the next runtime_open recognises:
 * spec.json (the intent) is there first, and without it a folder is a leftover.
 */
#include "agent/runtime/bundle.h"
#include "agent/runtime/copyup.h"
#include "agent/runtime/etcfiles.h"
#include "agent/runtime/imagemount.h"
#include "agent/runtime/internal.h"
#include "agent/runtime/joins.h"
#include "agent/runtime/rootfs.h"
#include "agent/runtime/seccomp.h"
#include "agent/runtime/seccomp_bpf.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>

#define HOSTNAME_LEN 12
#define FILTERS_MAX  32 /* sets of capabilities whose seccomp programs are kept */

static int write_intent(const struct container *c, const struct rt_spec *s, struct err *err)
{
	auto_json *j = json_object();
	auto_free char *path = xasprintf("%s/spec.json", c->data);
	json_put_int(j, "version", 1);
	json_put_str(j, "id", c->id);
	json_put_kvlist(j, "labels", &s->labels);
	auto_free char *text = json_text(j);
	return file_replace(path, text, strlen(text), 0600, err);
}

static int make_folders(const struct container *c, struct err *err)
{
	int r = dir_make(c->data, 0700, err);
	return r < 0 ? r : dir_make(c->rootfs, 0700, err);
}

static int fill_volumes(const struct container *c, const struct rt_spec *s, int rootfd,
			struct err *err)
{
	auto_close int other = -1;
	int r = s->fill_from ? imagemount_open(c, s->fill_from, &other, err) : 0;
	rootfd = s->fill_from ? other : rootfd;
	for (size_t i = 0; i < s->n_mounts && r == 0; i++)
		if (s->mounts[i].copy_up && !s->mounts[i].tmpfs)
			r = copyup_volume(rootfd, s->mounts[i].target, s->mounts[i].source, err);
	return r;
}

/* Compiled once for each set of capabilities. An empty text: it could not be. */
static const char *filter_for(uint64_t caps, void *arg)
{
	struct runtime *r = arg;
	auto_free char *key = xasprintf("%llx", (unsigned long long)caps);
	char *text = map_get(&r->filters, key);
	if (!text) {
		if (r->filters.n >= FILTERS_MAX)
			map_clear(&r->filters);
		auto_json *profile = seccomp_profile(caps);
		text = seccomp_bpf_text(profile) ?: xstrdup("");
		map_set(&r->filters, key, text);
	}
	return *text ? text : NULL;
}

static int write_config(const struct container *c, const struct rt_spec *s,
			const struct rt_user *user, struct err *err)
{
	struct runtime *r = c->r;
	__attribute__((cleanup(joins_done))) struct joins joins = {0};
	int code = joins_find(c, s, &joins, err);
	if (code < 0)
		return code;
	struct bundle_host host = {
		.cgroups = &r->cgroups,
		.cgroup_path = c->cgroup,
		.rootfs = c->rootfs,
		.files = c->data,
		.shim = r->shim,
		.user = user,
		.pid_ns = joins.pid_ns,
		.ipc_ns = joins.ipc_ns,
		.shm = joins.shm,
		.caps_available = r->caps,
		.seccomp = filter_for,
		.seccomp_arg = r,
	};
	auto_json *config = bundle_plan(s, &host, err);
	if (!config)
		return err && err->code ? err->code : -EINVAL;
	auto_free char *text = json_text(config);
	auto_free char *path = xasprintf("%s/config.json", c->run);
	return file_replace(path, text, strlen(text), 0600, err);
}

static int make_bundle(const struct container *c, const struct rt_spec *given, struct err *err)
{
	__attribute__((cleanup(imagemount_done))) struct imagemount m = {0};
	int r = rootfs_mount(&given->layers, c->data, c->rootfs, err);
	if (r == 0)
		r = imagemount_make(c, given, &m, err);
	if (r < 0)
		return r;
	const struct rt_spec *s = &m.spec;
	auto_close int rootfd = open(c->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0)
		return err_sys(err, -errno, "cannot open '%s'", c->rootfs);
	struct rt_user user = {0};
	r = rootfs_check(rootfd, err);
	if (r == 0)
		r = bundle_check_places(s, rootfd, err);
	if (r == 0)
		r = user_lookup(rootfd, s->user, &s->groups, &user, err);
	if (r == 0)
		r = fill_volumes(c, s, rootfd, err);
	if (r == 0)
		r = etcfiles_write(s, c->data, err);
	if (r == 0)
		r = write_config(c, s, &user, err);
	user_done(&user);
	return r;
}

/* The file whose lock means that a shim lives: taken here, handed down with the descriptor. */
static int open_lock(const struct container *c, struct err *err)
{
	auto_free char *path = xasprintf("%s/shim.pid", c->run);
	auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, -errno, "cannot make '%s'", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_sys(err, -errno, "cannot lock '%s'", path);
	return take_fd(fd);
}

static int run_shim(struct container *c, const struct rt_spec *s, const struct spawn_fd *fds,
		    size_t n, const char *flags, struct err *err)
{
	struct runtime *r = c->r;
	auto_free char *bytes =
		xasprintf("%lld", (long long)(s->log_max_bytes ?: r->log_max_bytes));
	auto_free char *files = xasprintf("%d", s->log_files ?: r->log_files);
	const char *argv[] = {r->shim, "run", c->id, r->crun, r->crun_root,
			      bytes,   files, flags, NULL};
	pid_t pid = spawn(argv, fds, n, NULL);
	if (pid < 0)
		return err_sys(err, pid, "cannot run '%s'", r->shim);
	/* It forks and ends: this is the short wait of a double fork. */
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status ? err_set(err, -EAGAIN, "'%s' cannot fork: are there too many processes?",
				r->shim)
		      : 0;
}

static int start_shim(struct container *c, const struct rt_spec *s, struct err *err)
{
	int report[2];
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot make a pipe");
	auto_close int ours = report[0], theirs = report[1];
	auto_close int lock = open_lock(c, err);
	if (lock < 0)
		return lock;
	auto_close int run = open(c->run, O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int data = open(c->data, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (run < 0 || data < 0)
		return err_sys(err, -errno, "cannot open the folders of '%s'", c->id);
	const struct spawn_fd fds[] = {{theirs, 3}, {run, 4}, {data, 5}, {lock, 6}};
	char flags[8] = "-";
	snprintf(flags, sizeof(flags), "-%s%s%s%s", s->tty ? "t" : "", s->stdin_open ? "i" : "",
		 c->r->cgroups.hybrid ? "h" : "", s->log_none ? "n" : "");
	int r = run_shim(c, s, fds, ARRAY_LEN(fds), flags, err);
	if (r < 0)
		return r;
	container_watch_report(c, take_fd(ours));
	return 0;
}

int runtime_start(struct runtime *r, const struct rt_spec *given, struct err *err)
{
	struct err local = {0};
	err = err ?: &local;
	int code = bundle_check(given, err);
	if (code < 0)
		return code;
	struct container *before = map_get(&r->containers, given->id);
	if (before && container_make_place(before) < 0)
		return err_set(err, -EEXIST, "the container '%s' is there already", given->id);
	struct rt_spec s = *given;
	auto_free char *name = xstrndup(s.id, HOSTNAME_LEN);
	s.hostname = s.hostname && *s.hostname ? s.hostname : name;
	struct container *c = container_new(r, s.id);
	kvlist_copy(&c->labels, &s.labels);
	code = make_folders(c, err);
	if (code == 0)
		code = write_intent(c, &s, err);
	if (code == 0)
		code = make_bundle(c, &s, err);
	if (code == 0)
		code = start_shim(c, &s, err);
	if (code < 0) {
		remove_leftovers(r, c->id);
		container_free(c);
		return code;
	}
	map_set(&r->containers, c->id, c);
	return 0;
}
