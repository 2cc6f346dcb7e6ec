/* SPDX-License-Identifier: Apache-2.0
 *
 * A rehearsal: the cluster machine itself runs on, with agents that obey at once, until nothing moves.
 * It changes the cluster it is given, so it is for a copy (a forked process). Private to controller/core.
 */
#pragma once
#include "controller/core/state.h"

struct rehearsal {
	struct cluster *c;
	struct map steps; /* task id -> number of the step that placed it, from 1 (as a pointer) */
	size_t n_steps;
	bool cut; /* it did not come to its end within REHEARSAL_STEPS_MAX */
};
#define REHEARSAL_STEPS_MAX 200000

/* From here on no clock runs and no agent is heard; inputs that wait are worked off. */
void rehearse_begin(struct rehearsal *r, struct cluster *c);
/* stack: what its services wait for to complete, does. */
void rehearse_run(struct rehearsal *r, const char *stack);
void rehearse_done(struct rehearsal *r);
