/* SPDX-License-Identifier: Apache-2.0
 *
 * The control groups of containers. The OCI runtime makes them and sets the limits; here is what
 * it leaves to others: which version the host has, whether the OOM killer struck, killing what is
 * inside, and removing them.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

struct cgroups {
	bool v2;     /* the unified hierarchy alone */
	bool hybrid; /* v1, with a v2 mount that holds controllers: the shim hides that one */
	bool swap;   /* swap can be limited */
	struct strlist mounts; /* of all hierarchies that hold containers */
	char *memory;          /* mount of the memory controller; NULL: none */
	char *cpu;             /* likewise */
};

int cgroups_detect(struct cgroups *out, struct err *err);
/* The same on the text of a mounts file (/proc/self/mounts). */
int cgroups_parse(const char *mounts, struct cgroups *out, struct err *err);
void cgroups_done(struct cgroups *g);

/* path: "/PARENT/ID", below each mount. */
bool cgroup_oom(const struct cgroups *g, const char *path); /* did the OOM killer strike there? */
size_t cgroup_kill(const struct cgroups *g, const char *path); /* SIGKILL to all; how many */
/* Removes it with what the container made below; -EBUSY while processes are inside. */
int cgroup_remove(const struct cgroups *g, const char *path);
