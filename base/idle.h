/* SPDX-License-Identifier: Apache-2.0
 * A limit to silence: a callback once nothing was heard for so long. Hearing costs a look at the clock,
 * not a timer set anew.
 */
#pragma once
#include "base/loop.h"
#include <stdint.h>

struct idle { /* zeroes: off */
	struct timer *timer;
	void (*cb)(void *arg);
	void *arg;
	uint64_t ms, heard_ms;
};

/* From now on; ms 0 switches it off. */
void idle_set(struct idle *i, struct loop *l, uint64_t ms, void (*cb)(void *arg), void *arg);
void idle_heard(struct idle *i);
/* For the callback, which may also end it: waits once more. */
void idle_again(struct idle *i);
void idle_done(struct idle *i);
