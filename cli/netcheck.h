/* SPDX-License-Identifier: Apache-2.0
 * What nodes are asked about their networks, all at once: check and repair. */
#pragma once
#include "cli/client.h"
#include "cli/cmds.h"

/* Runs the session kind on the node of this name, or (node NULL) on every one; prints what they say,
 * or one JSON list. network may be NULL. Returns how many nodes found something or could not say;
 * -errno when the controller cannot be asked. */
int netcheck_run(struct client *c, const char *kind, const char *node, const char *network,
		 bool json, struct err *err);
