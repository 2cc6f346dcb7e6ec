/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether and when an ended container is started again. Pure: times come in.
 *
 * deploy.restart_policy, where it is set, wins: a fixed delay (5 s) and at most max_attempts tries
 * (within `window`, where that is given). Otherwise `restart` says when, and the delay doubles from
 * 100 ms to 1 min; 10 s of running bring it back to 100 ms.
 */
#pragma once
#include "manifests/spec.h"
#include <stdbool.h>
#include <stdint.h>

#define RESTART_FIRST_MS  100
#define RESTART_MAX_MS    60000
#define RESTART_STEADY_MS 10000
#define RESTART_POLICY_MS 5000 /* deploy.restart_policy.delay unless given */

struct restart {            /* zeroed at first */
	int64_t count;      /* restarts in all, for people */
	int64_t attempts;   /* those that max_attempts and on-failure:N count */
	uint64_t window_ms; /* start of the policy's window */
	uint64_t delay_ms;  /* the last delay; 0: none yet */
};

struct restart_end { /* how a try ended */
	bool failed; /* status other than 0, unhealthy, or never started */
	uint64_t ran_ms;
	uint64_t now_ms;
};

/* True: start again after *ret_delay_ms, and count it. */
bool restart_decide(struct restart *r, const struct spec_service *s, const struct restart_end *e,
		    uint64_t *ret_delay_ms);
/* Whether the service's policy starts a failed container again at all. */
bool restart_wants(const struct spec_service *s, bool failed);
