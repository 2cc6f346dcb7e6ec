/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking a container away. What must be gone at once (mount, name) goes here; files and whatever
 * has to be waited for go in a child process.
 */
#include "agent/runtime/imagemount.h"
#include "agent/runtime/internal.h"
#include "agent/runtime/joins.h"
#include "agent/runtime/rootfs.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/num.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CGROUP_TRIES 100 /* of 20 ms: killed processes need a moment to leave */

static void on_background_end(pid_t pid, int status, void *arg)
{
	(void)pid;
	struct background *b = arg;
	if (status != 0)
		log_debug("runtime", "a background process ended with wait status %d", status);
	*b->link = b->next;
	if (b->next)
		b->next->link = b->link;
	watch_free(b->watch);
	free(b);
}

void background_reap(struct runtime *r, pid_t pid)
{
	struct background *b = xcalloc(1, sizeof(*b));
	b->next = r->background;
	b->link = &r->background;
	if (b->next)
		b->next->link = &b->next;
	r->background = b;
	b->watch = watch_child(r->loop, pid, on_background_end, b);
}

static int remove_cgroup(const struct cgroups *g, const char *path)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	int r = cgroup_remove(g, path);
	for (int i = 0; r < 0 && i < CGROUP_TRIES; i++) {
		cgroup_kill(g, path);
		nanosleep(&pause, NULL);
		r = cgroup_remove(g, path);
	}
	return r;
}

/* cgroup may be NULL. In the child everything goes by path, and descriptors of the agent are not
 * kept open by it. */
static void remove_in_background(struct runtime *r, const char *cgroup, const char *run,
				 const char *data)
{
	pid_t pid = fork();
	if (pid == 0) {
		close_range(3, ~0U, 0);
		int bad = cgroup ? remove_cgroup(&r->cgroups, cgroup) : 0;
		bad |= dir_remove(run, NULL);
		bad |= dir_remove(data, NULL);
		_exit(bad != 0);
	}
	if (pid < 0)
		log_warn("runtime",
			 "cannot fork: files of a removed container stay until a restart");
	else
		background_reap(r, pid);
}

void background_free(struct runtime *r)
{
	while (r->background) {
		struct background *b = r->background;
		r->background = b->next;
		watch_free(b->watch);
		free(b);
	}
}

/* A new name in the trash; caller frees. */
static char *trash_name(const char *dir)
{
	char name[17];
	random_hex(name, 16);
	return xasprintf("%s/trash/%s", dir, name);
}

/* Out of the way at once, by rename: the name is free again. */
static void move_away(const char *from, const char *to)
{
	if (rename(from, to) < 0 && errno != ENOENT)
		log_warn("runtime", "cannot move '%s' away: %s", from, strerror(errno));
}

int make_trash(struct runtime *r, struct err *err)
{
	auto_free char *run = xasprintf("%s/trash", r->run_dir);
	auto_free char *data = xasprintf("%s/trash", r->data_dir);
	auto_free char *old_run = xasprintf("%s/trash.old", r->run_dir);
	auto_free char *old_data = xasprintf("%s/trash.old", r->data_dir);
	/* What an agent that died left here; when an older rest is still there, it goes first. */
	bool left = rename(run, old_run) == 0;
	left = rename(data, old_data) == 0 || left || path_exists(old_data);
	if (left)
		remove_in_background(r, NULL, old_run, old_data);
	int code = dir_make(run, 0700, err);
	return code < 0 ? code : dir_make(data, 0700, err);
}

/* The log's files from the folder that goes to the one that comes. */
static int keep_log(const struct runtime *r, const char *from, const char *to)
{
	int code = dir_make(to, 0700, NULL);
	for (int n = 0; code == 0 && n < r->log_files; n++) {
		auto_free char *number = n ? xasprintf(".%d", n) : xstrdup("");
		auto_free char *old = xasprintf("%s/log%s", from, number);
		auto_free char *new = xasprintf("%s/log%s", to, number);
		if (rename(old, new) < 0 && errno != ENOENT)
			code = -errno;
	}
	return code;
}

/* cgroup: NULL when it is gone already. */
static void clear_away(struct runtime *r, const char *id, const char *cgroup, bool with_log)
{
	auto_free char *run = xasprintf("%s/containers/%s", r->run_dir, id);
	auto_free char *data = xasprintf("%s/containers/%s", r->data_dir, id);
	auto_free char *rootfs = xasprintf("%s/rootfs", run);
	auto_free char *state = xasprintf("%s/%s", r->crun_root, id);
	auto_free char *run_trash = trash_name(r->run_dir), *data_trash = trash_name(r->data_dir);
	rootfs_unmount(rootfs);
	imagemount_remove(run);
	joins_remove(run);
	dir_remove(state, NULL);
	move_away(run, run_trash);
	move_away(data, data_trash);
	int code = with_log ? 0 : keep_log(r, data_trash, data);
	if (code < 0)
		log_warn("runtime", "the log of '%s' before its restart is lost: %s", id,
			 strerror(-code));
	remove_in_background(r, cgroup, run_trash, data_trash);
}

void remove_leftovers(struct runtime *r, const char *id)
{
	auto_free char *cgroup = xasprintf("%s/%s", r->cgroup_parent, id);
	clear_away(r, id, cgroup, true);
}

void container_remove(struct container *c)
{
	struct runtime *r = c->r;
	auto_free char *id = xstrdup(c->id);
	remove_leftovers(r, id);
	map_del(&r->containers, id); /* frees c */
	logs_wake(r, id);
}

int container_make_place(struct container *c)
{
	struct runtime *r = c->r;
	if (c->state != RT_ENDED || c->deleting)
		return -EEXIST;
	/* Here and now: in the background it could hit the next one, which has the same group. */
	if (cgroup_remove(&r->cgroups, c->cgroup) < 0) {
		cgroup_kill(&r->cgroups, c->cgroup);
		return -EEXIST;
	}
	auto_free char *id = xstrdup(c->id);
	clear_away(r, id, NULL, false);
	map_del(&r->containers, id); /* frees c */
	logs_wake(r, id);
	return 0;
}

int runtime_delete(struct runtime *r, const char *id, bool force, struct err *err)
{
	struct container *c;
	int code = container_need(r, id, &c, err);
	if (code < 0)
		return code;
	if (c->state == RT_ENDED) {
		container_remove(c);
		return 0;
	}
	if (!force)
		return err_set(err, -EBUSY, "the container '%s' is running: stop it first", id);
	c->deleting = true; /* the rest comes when its shim has ended */
	if (c->state == RT_RUNNING && pidfd_signal(c->init_fd, SIGKILL) < 0)
		cgroup_kill(&r->cgroups, c->cgroup);
	logs_wake(r, id);
	return 0;
}

int runtime_kill(struct runtime *r, const char *id, const char *signal, struct err *err)
{
	struct container *c;
	int signo, code = container_need(r, id, &c, err);
	if (code == 0)
		code = signal_parse(signal, &signo, err);
	if (code < 0)
		return code;
	if (c->state != RT_RUNNING || c->init_fd < 0)
		return err_set(err, c->state == RT_CREATED ? -EAGAIN : -ESRCH,
			       "the container '%s' is not running", id);
	code = pidfd_signal(c->init_fd, signo);
	/* Already dead, its end on the way: what was asked for is done. */
	return code < 0 && code != -ESRCH ? err_sys(err, code, "cannot signal '%s'", id) : 0;
}
