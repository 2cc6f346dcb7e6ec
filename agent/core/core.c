/* SPDX-License-Identifier: Apache-2.0
 * Wires the parts together and mends the difference between what is assigned and what is there. */
#include "agent/core/core.h"
#include "agent/core/assign.h"
#include "agent/core/nodenet.h"
#include "agent/core/nodeports.h"
#include "agent/core/report.h"
#include "agent/core/results.h"
#include "agent/core/secretfiles.h"
#include "agent/core/taskset.h"
#include "agent/core/tidy.h"
#include "agent/core/uplink.h"
#include "base/log.h"
#include "manifests/wire.h"
#include <malloc.h>

static void wipe_if_idle(struct core *c)
{
	if (taskset_count(c->tasks) > 0 || nodenet_count(c->networks) > 0 ||
	    nodeports_count(c->ports) > 0)
		return;
	if (!c->tidy)
		c->tidy = tidy_cgroups(c->cgroup_parent);
	if (!c->tidy && c->tidy_tries < CORE_TIDY_TRIES) {
		c->tidy_tries++;
		timer_set(c->sync, CORE_TIDY_MS);
	}
	if (!c->had_tasks)
		return;
	struct err err = {0};
	if (overlay_wipe(c->overlay, &err) < 0) {
		log_warn("agent", "the host's network is not clean yet: %s", err_text(&err));
		return;
	}
	c->had_tasks = false;
}

/* What overlay_wipe took away belongs to what overlay_open makes. */
static bool overlay_ready(struct core *c)
{
	struct overlay *fresh = NULL;
	struct err err = {0};
	if (!overlay_wiped(c->overlay) ||
	    (assign_tasks(c->assign)->n == 0 && assign_ingress(c->assign)->n == 0))
		return true;
	if (overlay_open(c->loop, c->overlay_config, &fresh, &err) < 0) {
		log_error("agent", "the host's network cannot be used yet: %s", err_text(&err));
		return false;
	}
	overlay_close(c->overlay);
	c->overlay = fresh;
	nodenet_use(c->networks, fresh);
	return true;
}

/* In the first quiet turn after changes: parsing them took memory that is not needed again soon. */
static void give_back_memory(struct core *c)
{
	if (!c->changed && c->untrimmed)
		malloc_trim(0);
	c->untrimmed = c->changed;
	c->changed = false;
}

static void sync_all(struct core *c)
{
	timer_set(c->sync, CORE_CHECK_MS);
	give_back_memory(c);
	if (!assign_known(c->assign)) /* nobody has said yet what should run: touch nothing */
		return;
	if (!c->swept)
		nodenet_note_assigned(c->networks);
	if (!overlay_ready(c)) {
		timer_set(c->sync, CORE_RETRY_MS);
		return;
	}
	taskset_sync(c->tasks);
	nodenet_sync(c->networks);
	nodeports_sync(c->ports);
	if (!c->swept) {
		c->swept = true;
		taskset_sweep_sandboxes(c->tasks);
		taskset_sweep_secrets(c->tasks);
	}
	if (taskset_count(c->tasks) > 0 || nodeports_count(c->ports) > 0) {
		c->had_tasks = true;
		c->tidy = false;
		c->tidy_tries = 0;
	}
	wipe_if_idle(c);
}

static void sync_now(void *arg)
{
	struct core *c = arg;
	sync_all(c);
	if (!c->ack)
		return;
	json_t *msg = json_object();
	json_put_int(msg, "version", c->ack);
	c->ack = 0;
	if (c->uplink)
		uplink_send(c->uplink, WIRE_ACK, msg);
	else
		json_decref(msg);
}

void core_open(struct core *c)
{
	c->had_tasks = true; /* a run before this one may have left something */
	c->networks = nodenet_new(c->overlay, c->assign, c->node_id);
	if (!c->report)
		c->report = report_new(c->loop);
	c->results = results_open(c->data_dir);
	c->secrets = secretfiles_new(c->run_dir, c->assign, c->seal);
	c->ports = nodeports_new(c);
	c->tasks = taskset_new(c);
	c->sync = timer_new(c->loop, sync_now, c);
	timer_set(c->sync, 0);
}

void core_close(struct core *c)
{
	timer_free(take_ptr(c->sync));
	taskset_free(take_ptr(c->tasks));
	nodeports_free(take_ptr(c->ports));
	nodenet_free(take_ptr(c->networks));
	secretfiles_free(take_ptr(c->secrets));
	results_close(take_ptr(c->results));
	report_free(take_ptr(c->report));
}

void core_sync_soon(struct core *c)
{
	c->changed = true;
	timer_set(c->sync, 0);
}

void core_serving(struct core *c, const char *stack, const char *service)
{
	if (c->ports && c->tasks && !overlay_wiped(c->overlay))
		nodeports_sync_one(c->ports, stack, service);
}

void core_event(struct core *c, json_t *event_taken)
{
	if (c->uplink)
		uplink_send(c->uplink, WIRE_EVENT, event_taken);
	else
		json_decref(event_taken);
}

void core_runtime_event(const char *id, const struct rt_status *st, void *arg)
{
	struct core *c = arg;
	if (c->tasks) /* what runtime_open finds is adopted by the first sync */
		taskset_event(c->tasks, id, st);
}
