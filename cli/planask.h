/* SPDX-License-Identifier: Apache-2.0
 * Asks the controller for plans, and what verbs do with the answer. */
#pragma once
#include "cli/client.h"
#include "cli/loadstack.h"

struct planask { /* what to do with the plan */
	bool json, diff;
	const char *out;              /* the file to save it in; NULL: none */
	const struct loadstack *from; /* the files that are asked about; NULL: none */
	const json_t *sealed;         /* values that go into that file, sealed; NULL: none */
};

/* Asks for the plan of a request, prints and saves it; the exit status. */
int planask_run(struct client *c, const char *stack, const json_t *request,
		const struct planask *how);
/* {"stack":…}, with the versions of its configs and secrets; *ret_sealed: what how->sealed may be, with
 * `values` all of them. New references. */
int planask_stack(struct client *c, struct spec_stack *stack, bool values, json_t **ret,
		  json_t **ret_sealed, struct err *err);
