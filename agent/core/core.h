/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of one agent and what they share. Everything here lives on one loop; agent/main.c makes
 * it and ends it.
 *
 *   uplink -> assign -> core_sync -> network (peers, names), taskset (tasks), nodeports (published
 *   ports) -> report -> uplink
 */
#pragma once
#include "agent/image/image.h"
#include "agent/runtime/runtime.h"
#include "base/json.h"
#include "base/loop.h"
#include "overlay/overlay.h"

struct core {
	struct loop *loop;
	const char *data_dir, *run_dir;
	const char *node_id, *node_name;
	const char *cgroup_parent; /* as the runtime has it; NULL: not to be tidied */
	struct image_store *images;
	struct runtime *runtime;
	struct overlay *overlay;
	const struct overlay_config *overlay_config; /* to open it again after a wipe */
	struct assign *assign;
	struct nodenet *networks;
	struct results *results;
	struct report *report;
	struct taskset *tasks;
	struct nodeports *ports;
	struct uplink *uplink;       /* NULL: nobody to tell */
	struct tunnelkey *tunnelkey; /* the caller's; NULL: this node cannot encrypt */
	struct crypto_pair *seal;    /* the caller's: what configs and secrets are sealed to */
	struct secretfiles *secrets;
	struct timer *sync; /* one turn after a change, and every CORE_CHECK_MS */
	bool had_tasks;     /* something of ours is or was in the kernel since the last wipe */
	bool tidy;          /* an idle node has nothing left to remove */
	unsigned tidy_tries;
	bool swept;     /* strays were looked for since the start */
	bool changed;   /* a sync was asked for */
	int64_t ack;    /* a version that is to be acknowledged when it is done; 0: none */
	bool untrimmed; /* memory of a change was not given back yet */
};

#define CORE_CHECK_MS   10000
#define CORE_RETRY_MS   1000
#define CORE_TIDY_TRIES 20
#define CORE_TIDY_MS    500 /* between looks while the last container is going */

/* The parts below loop, directories, ids, images, runtime, overlay and assign, which are set by the
 * caller, as uplink is afterwards. */
void core_open(struct core *c);
void core_close(struct core *c); /* containers go on; the caller's parts stay */
void core_sync_soon(struct core *c);
void core_serving(struct core *c, const char *stack,
		  const char *service);               /* who is ready changed */
void core_event(struct core *c, json_t *event_taken); /* WIRE_EVENT, dropped while not linked */
/* For runtime_open: arg is the struct core, whose tasks may not be there yet. */
void core_runtime_event(const char *id, const struct rt_status *st, void *arg);
