/* SPDX-License-Identifier: Apache-2.0
 * The way down: signals, patience, and leaving nothing behind. */
#include "agent/core/nodenet.h"
#include "agent/core/nodetask_parts.h"
#include "agent/core/results.h"
#include "agent/core/secretfiles.h"
#include "agent/core/taskset.h"
#include "agent/core/volume.h"
#include "base/log.h"
#include "base/mem.h"
#include <errno.h>

void nodetask_release(struct nodetask *t)
{
	struct err err = {0};
	if (t->sandbox && nodetask_guests_ms(t)) /* theirs too; nodetask_poke tries again */
		return;
	if (t->sandbox) {
		int r = overlay_sandbox_del(t->core->overlay, t->w.id, &err);
		if (r < 0 && r != -ENOENT) {
			log_warn("agent", "the sandbox of task %s stays for now: %s", t->w.id,
				 err_text(&err));
			return;
		}
		t->sandbox = false;
	}
	if (t->holds_networks) {
		nodenet_drop(t->core->networks, &t->w);
		t->holds_networks = false;
	}
	strlist_done(&t->ports);
	core_sync_soon(t->core);
}

static bool delete_container(struct nodetask *t)
{
	struct err err = {0};
	if (!t->container)
		return true;
	int r = runtime_delete(t->core->runtime, t->w.id, true, &err);
	if (r < 0 && r != -ENOENT) {
		log_warn("agent", "the container of task %s stays for now: %s", t->w.id,
			 err_text(&err));
		return false;
	}
	t->container = false;
	return true;
}

static void release_volumes(struct nodetask *t)
{
	for (size_t i = 0; i < t->w.n_volumes; i++) {
		const char *name = t->w.volumes[i].name;
		if (name && !taskset_volume_used(t->core->tasks, name))
			volume_release(t->core->data_dir, name);
	}
}

void nodetask_end(struct nodetask *t, enum task_state state, const char *reason)
{
	timer_stop(t->timer);
	health_free(take_ptr(t->check));
	hooks_free(take_ptr(t->hooks));
	t->pid = 0;
	t->health = HEALTH_NONE;
	if (state == TASK_STOPPED)
		delete_container(t); /* a failure is tried again by nodetask_poke */
	nodetask_release(t);
	secretfiles_drop(t->core->secrets, t->w.id);
	nodetask_move(t, state, reason);
	if (t->core->tasks)
		release_volumes(t);
	if (t->removing)
		nodetask_forget(t);
}

void nodetask_ended_stopping(struct nodetask *t)
{
	nodetask_end(t, TASK_STOPPED, NULL);
}

void nodetask_forget(struct nodetask *t)
{
	if (!delete_container(t))
		return;
	if (t->sandbox || t->holds_networks)
		nodetask_release(t);
	if (t->sandbox)
		return;
	secretfiles_drop(t->core->secrets, t->w.id);
	volume_remove_anonymous(t->core->data_dir, t->w.id);
	results_del(t->core->results, t->w.id);
	t->gone = true;
	core_sync_soon(t->core);
}

void nodetask_signal(struct nodetask *t, const char *signal)
{
	struct err err = {0};
	const char *name = signal ? signal : "SIGTERM";
	int r = runtime_kill(t->core->runtime, t->w.id, name, &err);
	/* -EAGAIN: not running yet; nodetask_event signals it when it does. */
	if (r < 0 && r != -ESRCH && r != -ENOENT && r != -EAGAIN)
		log_warn("agent", "task %s did not get %s: %s", t->w.id, name, err_text(&err));
}

/* True: the runtime has no live container of ours. */
static bool already_ended(struct nodetask *t)
{
	struct rt_status st;
	if (!t->container || runtime_status(t->core->runtime, t->w.id, &st) == -ENOENT) {
		t->container = false;
		return true;
	}
	if (st.state == RT_ENDED && t->exit_code < 0 && !st.error)
		t->exit_code = st.exit_code;
	return st.state == RT_ENDED;
}

static void on_pre_stop(const char *why, void *arg)
{
	struct nodetask *t = arg;
	hooks_free(take_ptr(t->hooks));
	if (why)
		log_warn("agent", "task %s \"%s\" is stopped all the same: %s", t->w.id, t->w.name,
			 why);
	nodetask_signal(t, t->stop_signal);
}

void nodetask_stop(struct nodetask *t)
{
	if (task_state_ended(t->state) || t->state == TASK_STOPPING)
		return;
	if (t->pull)
		image_cancel(take_ptr(t->pull));
	timer_stop(t->timer);
	health_free(take_ptr(t->check));
	if (already_ended(t)) {
		nodetask_end(t, TASK_STOPPED, NULL);
		return;
	}
	t->ran = t->state == TASK_RUNNING && !t->ailing;
	hooks_free(take_ptr(t->hooks));
	t->killed = false;
	/* The controller waited until nobody leads to it (WIRE_ACK): what is on its way still arrives. */
	t->draining =
		t->state == TASK_RUNNING && (t->w.n_attach > 0 || t->w.with[SPACE_NET] != NULL);
	nodetask_move(t, TASK_STOPPING, NULL);
	uint64_t guests_ms = nodetask_guests_ms(t);
	t->hosting = guests_ms > 0; /* they are told to stop as well; their network is this one */
	t->draining = t->draining || t->hosting;
	if (t->draining)
		timer_set(t->timer, TASK_DRAIN_MS + guests_ms);
	else
		nodetask_drained(t);
}

void nodetask_guests_gone(struct nodetask *t)
{
	t->hosting = false;
	if (t->state == TASK_STOPPING && t->draining)
		timer_set(t->timer, TASK_DRAIN_MS);
}

void nodetask_drained(struct nodetask *t)
{
	t->draining = t->hosting = false;
	timer_set(t->timer, (uint64_t)t->grace_ms); /* for its commands and its end together */
	if (t->ran && t->w.spec.pre_stop.n && !t->stray) {
		t->hooks = hooks_new(t->core->loop, t->core->runtime, t->w.id, "pre_stop",
				     &t->w.spec.pre_stop);
		hooks_start(t->hooks, on_pre_stop, t);
		return;
	}
	nodetask_signal(t, t->stop_signal);
}

void nodetask_harder(struct nodetask *t)
{
	if (!t->killed) {
		t->killed = true;
		timer_set(t->timer, TASK_KILL_WAIT_MS);
		nodetask_signal(t, "SIGKILL");
		return;
	}
	/* Not even SIGKILL ended it in time: by force, and again until it is so. */
	timer_set(t->timer, TASK_KILL_WAIT_MS);
	if (!delete_container(t))
		return;
	if (t->state == TASK_STOPPING)
		nodetask_ended_stopping(t);
	else
		nodetask_try_failed(t,
				    t->reason ? t->reason : "did not end and was removed by force");
}
