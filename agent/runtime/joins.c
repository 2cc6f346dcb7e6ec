/* SPDX-License-Identifier: Apache-2.0
 * Joining namespaces; see joins.h. A shared /dev/shm is a tmpfs of the host, below the run folder of
 * the container that offers it: mounts cannot be taken out of another container. */
#include "agent/runtime/joins.h"
#include "agent/runtime/bundle_parts.h"
#include "agent/runtime/rootfs.h"
#include "base/fd.h"

#include <errno.h>
#include <sys/mount.h>

static int running(const struct container *c, const char *id, struct container **ret,
		   struct err *err)
{
	struct container *of = container_find(c->r, id);
	if (!of || of->state != RT_RUNNING || of->pid <= 0)
		return err_set(err, -EAGAIN, "the container '%s' does not run", id);
	*ret = of;
	return 0;
}

static char *shm_path(const char *run)
{
	return xasprintf("%s/shm", run);
}

static int make_shm(const struct container *c, int64_t size, char **ret, struct err *err)
{
	auto_free char *path = shm_path(c->run);
	auto_free char *options = bundle_shm_options(size);
	int r = dir_make(path, 0700, err);
	if (r < 0)
		return r;
	if (mount("shm", path, "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, options) < 0)
		return err_sys(err, -errno, "cannot make a /dev/shm for others at '%s'", path);
	*ret = take_ptr(path);
	return 0;
}

int joins_find(const struct container *c, const struct rt_spec *s, struct joins *out,
	       struct err *err)
{
	struct container *of = NULL;
	int r = 0;
	if (s->pid_of) {
		r = running(c, s->pid_of, &of, err);
		if (r == 0)
			out->pid_ns = xasprintf("/proc/%d/ns/pid", (int)of->pid);
	}
	if (r == 0 && s->ipc_of) {
		r = running(c, s->ipc_of, &of, err);
		if (r < 0)
			return r;
		out->ipc_ns = xasprintf("/proc/%d/ns/ipc", (int)of->pid);
		out->shm = shm_path(of->run);
		if (!path_exists(out->shm))
			return err_set(err, -EINVAL,
				       "the IPC namespace of '%s' is its own; give its service "
				       "'ipc: shareable'",
				       s->ipc_of);
	}
	if (r == 0 && s->share_ipc)
		r = make_shm(c, s->shm_size, &out->shm, err);
	return r;
}

void joins_done(struct joins *j)
{
	free(j->pid_ns);
	free(j->ipc_ns);
	free(j->shm);
}

void joins_remove(const char *run)
{
	auto_free char *path = shm_path(run);
	rootfs_unmount(path);
}
