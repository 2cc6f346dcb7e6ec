/* SPDX-License-Identifier: Apache-2.0
 * A limit to silence; see idle.h. */
#include "base/idle.h"
#include "base/mem.h"

static void check(void *arg)
{
	struct idle *i = arg;
	uint64_t quiet = clock_ms() - i->heard_ms;
	if (quiet < i->ms)
		timer_set(i->timer, i->ms - quiet);
	else
		i->cb(i->arg);
}

void idle_set(struct idle *i, struct loop *l, uint64_t ms, void (*cb)(void *arg), void *arg)
{
	i->cb = cb;
	i->arg = arg;
	i->ms = ms;
	i->heard_ms = clock_ms();
	if (!i->timer)
		i->timer = timer_new(l, check, i);
	if (ms)
		timer_set(i->timer, ms);
	else
		timer_stop(i->timer);
}

void idle_heard(struct idle *i)
{
	if (i->ms)
		i->heard_ms = clock_ms();
}

void idle_again(struct idle *i)
{
	i->heard_ms = clock_ms();
	timer_set(i->timer, i->ms);
}

void idle_done(struct idle *i)
{
	timer_free(take_ptr(i->timer));
	i->ms = 0;
}
