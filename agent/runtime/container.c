/* SPDX-License-Identifier: Apache-2.0
 *
 * One container in the table and what becomes of it. The truth is on disk, written by the shim:
 * shim.pid (locked while the shim lives) and exit. The same reading serves a container just
 * started and one found by a new agent.
 */
#include "agent/runtime/internal.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#define RETRY_MS 20

struct container *container_new(struct runtime *r, const char *id)
{
	struct container *c = xcalloc(1, sizeof(*c));
	c->r = r;
	c->id = xstrdup(id);
	c->run = xasprintf("%s/containers/%s", r->run_dir, id);
	c->data = xasprintf("%s/containers/%s", r->data_dir, id);
	c->rootfs = xasprintf("%s/rootfs", c->run);
	c->cgroup = xasprintf("%s/%s", r->cgroup_parent, id);
	c->init_fd = c->shim_fd = c->report_fd = -1;
	return c;
}

static void drop_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void drop_watch(struct watch **w)
{
	watch_free(*w);
	*w = NULL;
}

static void drop_watches(struct container *c)
{
	drop_watch(&c->report);
	drop_watch(&c->ending);
	drop_fd(&c->report_fd);
	drop_fd(&c->shim_fd);
	drop_fd(&c->init_fd);
	timer_free(c->retry);
	c->retry = NULL;
}

void container_free(void *p)
{
	struct container *c = p;
	drop_watches(c);
	kvlist_done(&c->labels);
	free(c->id);
	free(c->run);
	free(c->data);
	free(c->rootfs);
	free(c->cgroup);
	free(c->error);
	free(c);
}

struct container *container_find(struct runtime *r, const char *id)
{
	struct container *c = map_get(&r->containers, id);
	return c && !c->deleting ? c : NULL;
}

int container_need(struct runtime *r, const char *id, struct container **ret, struct err *err)
{
	struct container *c = container_find(r, id);
	if (!c)
		return err_set(err, -ENOENT, "no container '%s' on this node", id);
	*ret = c;
	return 0;
}

void container_status(const struct container *c, struct rt_status *out)
{
	*out = (struct rt_status){
		.state = c->state,
		.pid = c->state == RT_RUNNING ? c->pid : 0,
		.exit_code = c->exit_code,
		.oom = c->oom,
		.started_ms = c->started_ms,
		.ended_ms = c->ended_ms,
		.error = c->error,
	};
}

void container_announce(struct container *c)
{
	struct rt_status st;
	container_status(c, &st);
	c->r->cb(c->id, &st, c->r->arg);
}

/* The last step: nothing of the container runs any more, whoever it was. */
static void ended(struct container *c, bool announce)
{
	c->state = RT_ENDED;
	drop_watches(c);
	c->oom = c->exit_code == 128 + SIGKILL && cgroup_oom(&c->r->cgroups, c->cgroup);
	cgroup_kill(&c->r->cgroups, c->cgroup);
	if (c->deleting) {
		container_remove(c);
		return;
	}
	logs_wake(c->r, c->id);
	if (announce)
		container_announce(c);
}

/* As shells say it: 127 not found, 126 not executable, 125 anything else. */
static int code_of_failure(const char *error)
{
	if (strcasestr(error, "not found") || strcasestr(error, "no such file"))
		return 127;
	return strcasestr(error, "permission denied") ? 126 : 125;
}

/* "2026-01-02T03:04:05.6Z: text" from the OCI runtime: its clock is of no use in a sentence. */
static const char *without_time(const char *text)
{
	if (strlen(text) < 20 || text[4] != '-' || text[10] != 'T')
		return text;
	const char *end = strstr(text, "Z: ");
	return end && end - text < 40 ? end + 3 : text;
}

/* What the OCI runtime says of weights of blkio_config where the host has no such file. */
static const char *plainly(const char *error)
{
	if (strstr(error, "blkio.weight") || strstr(error, "blkio.bfq.weight") ||
	    strstr(error, "io.weight") || strstr(error, "io.bfq.weight"))
		return "this host has no weights of block devices (blkio.weight); remove 'weight' "
		       "and 'weight_device' of 'blkio_config', or place the service elsewhere";
	return without_time(error);
}

static bool read_exit(struct container *c)
{
	auto_free char *path = xasprintf("%s/exit", c->run), *text = NULL;
	int code, sig, at = 0;
	long long ms;
	if (file_read(path, RUN_FILE_MAX, &text, NULL, NULL) < 0)
		return false;
	if (sscanf(text, "%3d %3d %19lld%n", &code, &sig, &ms, &at) != 3)
		return false;
	c->exit_code = code & 255;
	c->ended_ms = ms;
	char *error = text + at + strspn(text + at, " ");
	error[strcspn(error, "\n")] = '\0';
	if (*error) {
		free(c->error);
		c->error = xasprintf("cannot start the container: %s", plainly(error));
		c->exit_code = code_of_failure(error);
	}
	return true;
}

enum shim_state { SHIM_GONE, SHIM_STARTING, SHIM_UP };

/* The lock tells whether a shim lives, so that a reused pid is never taken for it. */
static enum shim_state read_shim(struct container *c)
{
	auto_free char *path = xasprintf("%s/shim.pid", c->run), *text = NULL;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return SHIM_GONE;
	bool alive = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	int shim = 0, init = 0;
	long long ms = 0;
	int n = fd_read_all(fd, RUN_FILE_MAX, &text, NULL, NULL) < 0
			? 0
			: sscanf(text, "%9d %9d %19lld", &shim, &init, &ms);
	if (n == 3) {
		c->shim_pid = shim;
		c->pid = init;
		c->started_ms = ms;
	}
	if (!alive)
		return SHIM_GONE;
	return n == 3 ? SHIM_UP : SHIM_STARTING;
}

static void on_shim_end(int fd, unsigned flags, void *arg)
{
	(void)fd;
	(void)flags;
	container_refresh(arg, true);
}

static bool watch_shim(struct container *c)
{
	if (c->ending)
		return true;
	c->shim_fd = pidfd_of(c->shim_pid);
	if (c->shim_fd < 0 || read_shim(c) != SHIM_UP) {
		drop_fd(&c->shim_fd);
		return false;
	}
	/* Init is the shim's child, and not reaped while the shim lives: the pid is still its. */
	c->init_fd = pidfd_of(c->pid);
	if (c->init_fd >= 0 && !is_child_of(c->pid, c->shim_pid))
		drop_fd(&c->init_fd);
	c->ending = watch_fd(c->r->loop, c->shim_fd, WATCH_READ, on_shim_end, c);
	return true;
}

static void on_retry(void *arg)
{
	container_refresh(arg, true);
}

static void running(struct container *c, bool announce)
{
	drop_watch(&c->report);
	drop_fd(&c->report_fd);
	bool news = c->state != RT_RUNNING;
	c->state = RT_RUNNING;
	if (c->deleting)
		pidfd_signal(c->init_fd, SIGKILL);
	else if (news && announce)
		container_announce(c);
}

static void lost(struct container *c, bool announce)
{
	bool ran = c->started_ms > 0;
	c->exit_code = ID_EXIT_LOST;
	c->ended_ms = clock_wall_ms();
	free(c->error);
	c->error = xstrdup(ran ? "the container was lost: its supervisor or the host was stopped"
			       : "the container was never started: the agent or the host was "
				 "stopped meanwhile");
	ended(c, announce);
}

void container_refresh(struct container *c, bool announce)
{
	if (c->state == RT_ENDED)
		return;
	enum shim_state shim = read_shim(c);
	/* After the shim: it writes the file before it goes. */
	if (read_exit(c)) {
		ended(c, announce);
		return;
	}
	if (shim == SHIM_UP && watch_shim(c)) {
		running(c, announce);
		return;
	}
	if (shim == SHIM_GONE) {
		lost(c, announce);
		return;
	}
	drop_watch(&c->report);
	drop_fd(&c->report_fd);
	if (!c->retry)
		c->retry = timer_new(c->r->loop, on_retry, c);
	timer_set(c->retry, RETRY_MS);
}

static void on_report(int fd, unsigned flags, void *arg)
{
	(void)fd;
	(void)flags;
	container_refresh(arg, true);
}

void container_watch_report(struct container *c, int fd)
{
	c->report_fd = fd;
	c->report = watch_fd(c->r->loop, fd, WATCH_READ, on_report, c);
}
