/* SPDX-License-Identifier: Apache-2.0
 * Commands before a task's first start (Compose: pre_start), one after the other. Each is a container of its
 * own under the task's name, with the service's volumes, networks and limits; its output is in the task's
 * log. One that fails is tried again by the restart policy; those before it are not. */
#include "agent/core/nodetask_parts.h"
#include "base/mem.h"
#include "base/num.h"
#include <string.h>

#define LABEL_STEP "carrack.step" /* how many commands of pre_start were done */

bool nodetask_is_before(const struct nodetask *t)
{
	return t->step < t->w.spec.pre_start.n;
}

static const struct spec_hook *next_of(const struct nodetask *t)
{
	return &t->w.spec.pre_start.v[t->step];
}

void nodetask_before(const struct nodetask *t, struct plan_input *in, struct before *b)
{
	const struct spec_hook *k = next_of(t);
	const struct image *own = nodetask_image_before(t, t->step);
	*b = (struct before){.w = t->w};
	struct spec_service *s = &b->w.spec;
	kvlist_copy(&b->env, &s->environment);
	for (size_t i = 0; i < k->environment.n; i++)
		kvlist_set(&b->env, k->environment.v[i].k, k->environment.v[i].v);
	s->environment = b->env;
	s->command = k->command;
	s->command_set = true;
	s->user = k->user ? k->user : s->user;
	s->working_dir = k->working_dir ? k->working_dir : s->working_dir;
	s->privileged = s->privileged || k->privileged;
	s->tty = s->stdin_open = false;
	in->task = &b->w;
	if (!own)
		return;
	s->image = k->image;
	s->entrypoint_set = false; /* that of the service is for its own image */
	in->volumes_of = in->image;
	in->image = own;
}

void before_done(struct before *b)
{
	kvlist_done(&b->env);
}

void nodetask_before_runs(struct nodetask *t, const struct rt_status *st)
{
	const struct strlist *c = &next_of(t)->command;
	auto_free char *doing = xasprintf("runs pre_start command '%s' (%zu of %zu)",
					  c->n ? c->v[0] : "", t->step + 1, t->w.spec.pre_start.n);
	t->pid = st->pid;
	nodetask_move(t, TASK_STARTING, doing);
}

void nodetask_before_ended(struct nodetask *t, const struct rt_status *st, const char *how)
{
	const struct strlist *c = &next_of(t)->command;
	if (st->exit_code == 0 && !st->error && !st->oom) {
		t->step++;
		nodetask_move(t, TASK_PREPARING,
			      nodetask_is_before(t) ? "next of its pre_start" : NULL);
		timer_set(t->timer, 0); /* not from within an event of the container */
		return;
	}
	auto_free char *why = xasprintf("pre_start command '%s' %s", c->n ? c->v[0] : "", how);
	nodetask_try_failed(t, why);
}

void nodetask_note_step(const struct nodetask *t, struct kvlist *labels)
{
	auto_free char *step = xasprintf("%zu", t->step);
	if (t->w.spec.pre_start.n)
		kvlist_set(labels, LABEL_STEP, step);
}

void nodetask_recall_step(struct nodetask *t, const struct kvlist *labels)
{
	const char *text = labels ? kvlist_get(labels, LABEL_STEP) : NULL;
	int64_t step = (int64_t)t->w.spec.pre_start.n;
	if (text)
		num_parse_i64(text, 0, step, &step);
	t->step = (size_t)step;
}
