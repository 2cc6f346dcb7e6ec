/* SPDX-License-Identifier: Apache-2.0
 * Images among a container's mounts: each is mounted read-only below RUN/containers/ID/images, and is a
 * folder or file of the host from then on. */
#pragma once
#include "agent/runtime/internal.h"

struct imagemount {
	struct rt_spec spec; /* as given, with host paths for images */
	struct strlist paths;
};

/* -ENOENT with err: an image has no such subpath. m is done by the caller in any case; what is mounted
 * stays until imagemount_remove. */
int imagemount_make(const struct container *c, const struct rt_spec *s, struct imagemount *m,
		    struct err *err);
/* Another image's root, mounted in the same way; the caller closes *ret. */
int imagemount_open(const struct container *c, const struct strlist *layers, int *ret,
		    struct err *err);
void imagemount_done(struct imagemount *m);
/* run: the container's folder. Nothing there is fine. */
void imagemount_remove(const char *run);
