/* SPDX-License-Identifier: Apache-2.0
 * The format of a container's log: parsing records and joining those of one long line. */
#pragma once
#include "agent/runtime/runtime.h"

#define LOGLINE_MAX (1u << 20) /* bytes of one joined line; longer ones are told in pieces */

struct logline_joiner {     /* what parts of unfinished lines are held; zero to begin with */
	struct str part[2]; /* by stream, stdout first */
	char ts[40];
	struct str whole; /* the last line told */
};

/* Takes the next whole line from buf at *used (advanced past it; broken records are passed over).
 * The line is valid until the next call. False: nothing complete is left. */
bool logline_next(struct logline_joiner *j, const struct str *buf, size_t *used,
		  struct rt_log_line *line);
void logline_joiner_done(struct logline_joiner *j);
