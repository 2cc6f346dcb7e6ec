/* SPDX-License-Identifier: Apache-2.0
 * Tasks in the namespaces of others on this node. The network is the sandbox of its owner and stays
 * when that one's container is started anew; processes and IPC are the container's own. */
#include "agent/core/nodetask_parts.h"
#include "agent/core/taskset.h"
#include <errno.h>
#include <signal.h>

#define JOIN_AGAIN_MS 200              /* the end of what it shares may not be known yet */
#define LABEL_JOINED  "carrack.joined" /* pids of the containers joined, by enum spec_space */

bool nodetask_owns_network(const struct nodetask *t)
{
	return !streq(t->w.spec.network_mode, "host") && !t->w.with[SPACE_NET];
}

static struct nodetask *owner(const struct nodetask *t, int k)
{
	return t->w.with[k] ? taskset_find(t->core->tasks, t->w.with[k]) : NULL;
}

static int wait_for(const struct nodetask *t, const struct nodetask *o, struct err *err)
{
	return err_set(err, -EAGAIN, "waits for \"%s\", with which it shares, to run",
		       o ? o->w.name : t->w.spec.name);
}

int nodetask_host(const struct nodetask *t, const struct wire_task **ret, struct err *err)
{
	*ret = NULL;
	if (!t->w.with[SPACE_NET])
		return 0;
	const struct nodetask *o = owner(t, SPACE_NET);
	if (!o || o->stray)
		return wait_for(t, o, err);
	*ret = &o->w;
	return 0;
}

int nodetask_join(struct nodetask *t, struct plan *p, char **ret_netns, struct err *err)
{
	for (int k = 0; k < SPACE_MAX; k++) {
		const struct nodetask *o = owner(t, k);
		if (t->w.with[k] && (!o || o->state != TASK_RUNNING || o->pid <= 0))
			return wait_for(t, o, err);
	}
	const struct nodetask *net = owner(t, SPACE_NET);
	if (net && !p->host_network) {
		const char *path = overlay_sandbox_path(t->core->overlay, net->w.id);
		if (!path)
			return wait_for(t, net, err);
		*ret_netns = xstrdup(path);
	}
	const struct nodetask *pid = owner(t, SPACE_PID), *ipc = owner(t, SPACE_IPC);
	if (pid && streq(pid->w.spec.pid, "host"))
		p->rt.host_pid = true;
	else if (pid)
		p->rt.pid_of = pid->w.id;
	if (ipc && streq(ipc->w.spec.ipc, "host"))
		p->rt.host_ipc = true;
	else if (ipc)
		p->rt.ipc_of = ipc->w.id;
	return 0;
}

static char *joined_text(const struct nodetask *t)
{
	struct str s = {0};
	for (int k = SPACE_NET + 1; k < SPACE_MAX; k++) {
		struct rt_status st = {0};
		bool runs = t->w.with[k] &&
			    runtime_status(t->core->runtime, t->w.with[k], &st) == 0 &&
			    st.state == RT_RUNNING;
		str_addf(&s, "%s%d", s.len ? "," : "", runs ? (int)st.pid : 0);
	}
	return str_take(&s);
}

void nodetask_note_joins(const struct nodetask *t, struct kvlist *labels)
{
	if (!t->w.with[SPACE_PID] && !t->w.with[SPACE_IPC])
		return;
	auto_free char *text = joined_text(t);
	kvlist_set(labels, LABEL_JOINED, text);
}

bool nodetask_joins_hold(const struct nodetask *t, const struct kvlist *labels)
{
	if (!t->w.with[SPACE_PID] && !t->w.with[SPACE_IPC])
		return true;
	auto_free char *text = joined_text(t);
	return labels && streq(kvlist_get(labels, LABEL_JOINED), text);
}

bool nodetask_lost_host(const struct nodetask *t, const struct rt_status *st)
{
	if (t->rejoin)
		return true;
	/* The kernel ends all processes of a namespace with its first one. */
	return t->w.with[SPACE_PID] && st->exit_code == 128 + SIGKILL && !st->error && !st->oom &&
	       !t->killed && !t->ailing;
}

void nodetask_join_again(struct nodetask *t)
{
	t->rejoin = t->killed = t->ailing = false;
	t->health = HEALTH_NONE;
	timer_set(t->timer, JOIN_AGAIN_MS);
	nodetask_move(t, TASK_PREPARING, "is started anew with what it shares");
}

struct guests {
	const struct nodetask *of;
	bool rejoin;
	uint64_t most_ms;
};

static bool lives(const struct nodetask *t)
{
	return t->container && !task_state_ended(t->state) && t->state != TASK_BACKOFF &&
	       t->state != TASK_PREPARING;
}

static void each_guest(const struct nodetask *t, void *arg)
{
	struct guests *g = arg;
	bool spaces = false, any = false;
	for (int k = 0; k < SPACE_MAX; k++) {
		bool joins = streq(t->w.with[k], g->of->w.id);
		any = any || joins;
		spaces = spaces || (joins && k != SPACE_NET);
	}
	if (!any || !lives(t))
		return;
	uint64_t ms = (uint64_t)t->grace_ms + TASK_KILL_WAIT_MS;
	g->most_ms = ms > g->most_ms ? ms : g->most_ms;
	if (!g->rejoin || !spaces || t->state == TASK_STOPPING)
		return;
	struct nodetask *guest = taskset_find(g->of->core->tasks, t->w.id);
	guest->rejoin = true;
	health_free(take_ptr(guest->check));
	nodetask_move(guest, guest->state, "ends, as what it shares has");
	nodetask_signal(guest, guest->stop_signal);
	timer_set(guest->timer, (uint64_t)guest->grace_ms);
}

void nodetask_guests_rejoin(struct nodetask *t)
{
	struct guests g = {.of = t, .rejoin = true};
	if (t->core->tasks)
		taskset_each(t->core->tasks, each_guest, &g);
}

uint64_t nodetask_guests_ms(const struct nodetask *t)
{
	struct guests g = {.of = t};
	if (t->core->tasks)
		taskset_each(t->core->tasks, each_guest, &g);
	return g.most_ms;
}
