/* SPDX-License-Identifier: Apache-2.0
 * What nodes are asked about their networks, all at once: check and repair. */
#pragma once
#include "cli/client.h"
#include "cli/cmds.h"

struct netcheck_what {
	const struct strlist *nodes;    /* names or ids; none: all */
	const struct strlist *networks; /* names; none: all */
};
/* Runs the session kind on nodes; prints what they say, or one JSON list. Returns how many nodes found
 * something or could not say; -errno when the controller cannot be asked. */
int netcheck_run(struct client *c, const char *kind, const struct netcheck_what *what, bool json,
		 struct err *err);
