/* SPDX-License-Identifier: Apache-2.0
 * The OCI runtime's program on this host: where it is, and whether its version is known to be safe. */
#pragma once
#include "base/err.h"
#include <stdbool.h>

struct ociruntime {
	char *path;
	char *version; /* its own words, one line: "crun version 1.28" */
	bool old;      /* a crun with known ways out of a container */
};
/* name: a path, or a name to look for in PATH; NULL: crun. */
int ociruntime_find(const char *name, struct ociruntime *ret, struct err *err);
void ociruntime_done(struct ociruntime *o);
/* What to say of an old one. */
char *ociruntime_warning(const struct ociruntime *o);
