/* SPDX-License-Identifier: Apache-2.0
 * Images among a container's mounts; see imagemount.h. */
#include "agent/runtime/imagemount.h"
#include "agent/runtime/rootfs.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

static char *folder_of(const char *run)
{
	return xasprintf("%s/images", run);
}

int imagemount_make(const struct container *c, const struct rt_spec *s, struct imagemount *m,
		    struct err *err)
{
	auto_free char *folder = folder_of(c->run);
	int r = 0;
	m->spec = *s;
	m->spec.mounts = xmemdup(s->mounts, s->n_mounts * sizeof(*s->mounts));
	for (size_t i = 0; i < s->n_mounts && r == 0; i++) {
		struct rt_mount *rm = &m->spec.mounts[i];
		char *path = NULL;
		if (!rm->image)
			continue;
		auto_free char *at = xasprintf("%s/%zu", folder, i);
		r = dir_make(folder, 0700, err);
		if (r == 0)
			r = rootfs_mount_image(rm->image, c->data, at, rm->image_subpath, &path,
					       err);
		if (r < 0)
			return err_wrap(err, r, "the image for '%s'", rm->target);
		strlist_take(&m->paths, path);
		rm->source = path;
		rm->image = NULL;
	}
	return r;
}

int imagemount_open(const struct container *c, const struct strlist *layers, int *ret,
		    struct err *err)
{
	auto_free char *folder = folder_of(c->run);
	auto_free char *at = xasprintf("%s/fill", folder), *path = NULL;
	int r = dir_make(folder, 0700, err);
	if (r == 0)
		r = rootfs_mount_image(layers, c->data, at, NULL, &path, err);
	if (r < 0)
		return r;
	int fd = open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "cannot open '%s'", at);
	*ret = fd;
	return 0;
}

void imagemount_done(struct imagemount *m)
{
	free(m->spec.mounts);
	strlist_done(&m->paths);
}

void imagemount_remove(const char *run)
{
	auto_free char *folder = folder_of(run);
	DIR *d = opendir(folder);
	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d));) {
		auto_free char *at = xasprintf("%s/%s", folder, e->d_name);
		if (e->d_name[0] != '.')
			rootfs_unmount(at);
	}
	closedir(d);
}
