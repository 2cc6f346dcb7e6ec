/* SPDX-License-Identifier: Apache-2.0
 * The root file system of a container: image layers below, a folder of its own on top. */
#pragma once
#include "base/err.h"
#include "base/str.h"

#define ROOTFS_LAYERS_MAX 200

/* Mounts overlayfs at target. layers: lowest first; none is an empty image. data: the container's
 * folder, in which upper, work and (without layers) empty are made. */
int rootfs_mount(const struct strlist *layers, const char *data, const char *target,
		 struct err *err);
/* Mounts layers read-only at target, which is made; what is meant by subpath in it (NULL: all; links lead
 * nowhere else) is *ret, a host path. Caller frees. data: as above. */
int rootfs_mount_image(const struct strlist *layers, const char *data, const char *target,
		       const char *subpath, char **ret, struct err *err);
/* Refuses an image whose /dev, /proc or /sys is anything but a folder: what the OCI runtime mounts
 * there must not land elsewhere. */
int rootfs_check(int rootfd, struct err *err);
/* Detaches whatever is mounted at target; nothing there is fine. */
void rootfs_unmount(const char *target);
