/* SPDX-License-Identifier: Apache-2.0
 * Namespaces of one container that others live in too, and the /dev/shm that goes with them. */
#pragma once
#include "agent/runtime/internal.h"

struct joins { /* paths for bundle_host */
	char *pid_ns, *ipc_ns, *shm;
};

/* Whose they are must run: -EAGAIN. Makes the container's own shared /dev/shm, where it has one. */
int joins_find(const struct container *c, const struct rt_spec *s, struct joins *out,
	       struct err *err);
void joins_done(struct joins *j);
void joins_remove(const char *run); /* what joins_find made in a container's run folder */
