/* SPDX-License-Identifier: Apache-2.0
 *
 * Printing what containers wrote: one session for each task, all on one loop, so that a node that
 * does not answer keeps nobody else waiting.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "cli/client.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct logs_opts {
	bool follow, timestamps;
	bool prefix;       /* "TASK | " before each line */
	int64_t tail;      /* lines of each task; -1: all */
	const char *since; /* RFC 3339; NULL: from the start */
	FILE *out;
	const char *indent; /* before each line; "" for none */
	bool quiet;         /* no warnings about nodes that do not answer */
};
/* Returns the number of tasks whose logs could not be read; each gave one warning. */
size_t logs_print(struct client *c, const json_t *tasks, const struct logs_opts *o);
