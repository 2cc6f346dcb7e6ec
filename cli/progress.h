/* SPDX-License-Identifier: Apache-2.0
 *
 * What apply shows while it waits: on a terminal one line that is rewritten and a line for each
 * service that came up; through a pipe a plain line for each change of a task.
 */
#pragma once
#include "base/json.h"
#include "base/map.h"
#include <stdbool.h>

struct progress {
	bool live;           /* standard output is a terminal */
	bool line;           /* the rewritten line is there */
	struct map seen;     /* task id -> what was printed of it last */
	struct map services; /* services that were announced as up */
};
void progress_init(struct progress *p);
void progress_done(struct progress *p);
void progress_show(struct progress *p, const json_t *services, const json_t *tasks);
void progress_end(struct progress *p); /* takes the rewritten line away */
