/* SPDX-License-Identifier: Apache-2.0
 * Makes and mounts volume directories. */
#include "agent/core/volume.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

static const struct {
	const char *name;
	unsigned long set, clear;
} mount_flags[] = {
	{"ro", MS_RDONLY, 0},
	{"rw", 0, MS_RDONLY},
	{"nosuid", MS_NOSUID, 0},
	{"nodev", MS_NODEV, 0},
	{"noexec", MS_NOEXEC, 0},
	{"noatime", MS_NOATIME, 0},
	{"nodiratime", MS_NODIRATIME, 0},
	{"relatime", MS_RELATIME, 0},
	{"bind", MS_BIND, 0},
	{"rbind", MS_BIND | MS_REC, 0},
	{"sync", MS_SYNCHRONOUS, 0},
	{"defaults", 0, 0},
};

static void parse_options(const char *o, unsigned long *ret_flags, struct str *data)
{
	unsigned long flags = 0;
	auto_free char *copy = xstrdup(o ? o : "");
	char *save = NULL;
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		size_t i = 0;
		while (i < ARRAY_LEN(mount_flags) && !streq(mount_flags[i].name, w))
			i++;
		if (i < ARRAY_LEN(mount_flags)) {
			flags |= mount_flags[i].set;
			flags &= ~mount_flags[i].clear;
			continue;
		}
		if (data->len)
			str_addc(data, ',');
		str_add(data, w);
	}
	*ret_flags = flags;
}

static int check_options(const struct spec_volume *v, struct err *err)
{
	if (v->driver && !streq(v->driver, "local"))
		return err_set(err, -ENOTSUP,
			       "volume \"%s\" asks for driver \"%s\"; only \"local\" is supported",
			       v->name, v->driver);
	for (size_t i = 0; i < v->driver_opts.n; i++) {
		const char *k = v->driver_opts.v[i].k;
		if (!streq(k, "type") && !streq(k, "device") && !streq(k, "o"))
			return err_set(err, -ENOTSUP,
				       "volume \"%s\" has driver option \"%s\"; only type, device "
				       "and o are supported",
				       v->name, k);
	}
	return 0;
}

/* The kernel's NFS client takes "host:/path" but wants the address as an option. */
static void nfs_address(const char *device, struct str *data)
{
	if (strstr(data->data ? data->data : "", "addr="))
		return;
	const char *colon = strstr(device, ":/");
	if (colon)
		str_addf(data, "%saddr=%.*s", data->len ? "," : "", (int)(colon - device), device);
}

static int mount_volume(const struct spec_volume *v, const char *path, struct err *err)
{
	int r = check_options(v, err);
	const char *type = kvlist_get(&v->driver_opts, "type");
	const char *device = kvlist_get(&v->driver_opts, "device");
	const char *o = kvlist_get(&v->driver_opts, "o");
	if (r < 0 || (!type && !o && !device) || path_is_mount(path))
		return r;
	unsigned long flags = 0;
	auto_str data = {0};
	parse_options(o, &flags, &data);
	bool nfs = streq(type, "nfs") || streq(type, "nfs4");
	bool bind = (flags & MS_BIND) && (!type || streq(type, "none") || streq(type, "bind"));
	if (!bind && !nfs && !streq(type, "tmpfs"))
		return err_set(err, -ENOTSUP,
			       "volume \"%s\" is of type \"%s\"; tmpfs, nfs and none with o=bind "
			       "are supported",
			       v->name, type ? type : "");
	if (!device && !streq(type, "tmpfs"))
		return err_set(err, -EINVAL,
			       "volume \"%s\" names no device; add driver_opts.device", v->name);
	if (nfs)
		nfs_address(device, &data);
	if (mount(device ? device : "tmpfs", path, bind ? NULL : type, flags,
		  bind ? NULL : data.data) < 0)
		return err_sys(err, -errno, "volume \"%s\" of \"%s\" was not mounted", v->name,
			       device ? device : "tmpfs");
	/* The kernel ignores other flags while it binds. */
	if (bind && (flags & ~(unsigned long)(MS_BIND | MS_REC)) &&
	    mount(NULL, path, NULL, flags | MS_REMOUNT, NULL) < 0) {
		r = err_sys(err, -errno, "volume \"%s\" did not take its options", v->name);
		umount2(path, MNT_DETACH);
		return r;
	}
	return 0;
}

static int check_subpath(const struct plan_dir *d, struct err *err)
{
	auto_close int root = open(d->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(err, -errno, "volume directory \"%s\" was not opened", d->path);
	/* A container may have put links into its volume; none is followed out of it. */
	auto_close int fd = open_beneath(root, d->subpath, O_PATH | O_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, fd, "subpath \"%s\" is not in volume \"%s\"; make it first",
			       d->subpath, d->volume ? d->volume->name : "");
	return 0;
}

static int prepare_bind(const struct plan_dir *d, struct err *err)
{
	struct stat st;
	if (stat(d->path, &st) == 0)
		return 0;
	if (errno != ENOENT)
		return err_sys(err, -errno, "bind source \"%s\" cannot be used", d->path);
	if (!d->create)
		return err_set(
			err, -ENOENT,
			"bind source \"%s\" is not on this node; make it there, or place the "
			"service by a constraint",
			d->path);
	return dir_make(d->path, 0755, err);
}

int volume_prepare(const struct plan_dir *d, struct err *err)
{
	if (d->bind)
		return prepare_bind(d, err);
	int r = dir_make(d->path, 0755, err);
	if (r == 0 && d->volume)
		r = mount_volume(d->volume, d->path, err);
	if (r == 0 && d->subpath)
		r = check_subpath(d, err);
	return r;
}

void volume_release(const char *data_dir, const char *name)
{
	auto_free char *path = plan_volume_path(data_dir, name);
	if (path_is_mount(path) && umount2(path, UMOUNT_NOFOLLOW) < 0)
		log_warn("agent", "volume \"%s\" stays mounted: %s", name, strerror(errno));
}

void volume_remove_anonymous(const char *data_dir, const char *task_id)
{
	auto_free char *dir = plan_anonymous_dir(data_dir, task_id);
	struct err err = {0};
	if (dir_remove(dir, &err) < 0)
		log_warn("agent", "anonymous volumes of task %s stay: %s", task_id, err_text(&err));
}
