/* SPDX-License-Identifier: Apache-2.0
 * Restart policies. Knows no containers and no clock. */
#include "agent/core/restart.h"

static enum spec_restart condition_of(const struct spec_service *s)
{
	return s->restart_policy.set ? s->restart_policy.condition : s->restart;
}

bool restart_wants(const struct spec_service *s, bool failed)
{
	switch (condition_of(s)) {
	case RESTART_NO:
		return false;
	case RESTART_ON_FAILURE:
		return failed;
	case RESTART_ALWAYS:
	case RESTART_UNLESS_STOPPED:
		return true;
	}
	return false;
}

static bool policy_decide(struct restart *r, const struct spec_restart_policy *p,
			  const struct restart_end *e, uint64_t *ret_delay_ms)
{
	if (p->window > 0) {
		uint64_t window_ms = (uint64_t)p->window / 1000000;
		if (r->attempts == 0 || e->now_ms - r->window_ms > window_ms) {
			r->attempts = 0;
			r->window_ms = e->now_ms;
		}
	}
	if (p->max_attempts >= 0 && r->attempts >= p->max_attempts)
		return false;
	*ret_delay_ms = p->delay < 0 ? RESTART_POLICY_MS : (uint64_t)p->delay / 1000000;
	return true;
}

static bool plain_decide(struct restart *r, const struct spec_service *s,
			 const struct restart_end *e, uint64_t *ret_delay_ms)
{
	if (s->restart == RESTART_ON_FAILURE && s->restart_max >= 0 &&
	    r->attempts >= s->restart_max)
		return false;
	if (r->delay_ms == 0 || e->ran_ms >= RESTART_STEADY_MS)
		r->delay_ms = RESTART_FIRST_MS;
	else
		r->delay_ms = r->delay_ms >= RESTART_MAX_MS / 2 ? RESTART_MAX_MS : r->delay_ms * 2;
	*ret_delay_ms = r->delay_ms;
	return true;
}

bool restart_decide(struct restart *r, const struct spec_service *s, const struct restart_end *e,
		    uint64_t *ret_delay_ms)
{
	if (!restart_wants(s, e->failed))
		return false;
	bool again = s->restart_policy.set ? policy_decide(r, &s->restart_policy, e, ret_delay_ms)
					   : plain_decide(r, s, e, ret_delay_ms);
	if (again) {
		r->attempts++;
		r->count++;
	}
	return again;
}
