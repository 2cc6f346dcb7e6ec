/* SPDX-License-Identifier: Apache-2.0
 * Asks the controller for plans, and what verbs do with the answer. */
#pragma once
#include "cli/client.h"
#include "cli/loadstack.h"

struct planask { /* what to do with the plan */
	bool json, diff;
	const char *out; /* the file to save it in; NULL: none */
};

/* Asks for the plan of a request, prints and saves it; the exit status. */
int planask_run(struct client *c, const char *stack, const json_t *request,
		const struct planask *how);
/* {"stack":…} of the files; NULL: said why. *ret_name: caller frees. */
json_t *planask_files(const struct loadstack *from, char **ret_name);
