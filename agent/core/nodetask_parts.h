/* SPDX-License-Identifier: Apache-2.0
 * What the files of nodetask share: nodetask.c (states and decisions), nodetask_images.c and
 * nodetask_start.c (the way up), nodetask_stop.c (the way down). */
#pragma once
#include "agent/core/health.h"
#include "agent/core/hooks.h"
#include "agent/core/nodetask.h"
#include "agent/core/plan.h"
#include "agent/core/restart.h"

/* Labels kept with the container, for adoption. */
#define LABEL_TASK        "carrack.task"
#define LABEL_HASH        "carrack.hash"
#define LABEL_RESTARTS    "carrack.restarts"
#define LABEL_PUBLISH     "carrack.publish" /* host ports as bound, in order of the service's ports */
#define LABEL_GRACE_MS    "carrack.stop_grace_ms"
#define LABEL_SIGNAL      "carrack.stop_signal"

#define TASK_RETRY_MS     1000 /* waits for something that is not there yet */
#define TASK_GRACE_MS     10000
#define TASK_DRAIN_MS     20   /* nobody leads to it any more; what is on its way arrives */
#define TASK_KILL_WAIT_MS 5000 /* from SIGKILL to removal by force */
#define TASK_EVENT_GAP_MS 200  /* between two progress events of a task */

struct nodetask {
	struct core *core;
	struct wire_task w;
	enum task_state state;
	enum task_health health;
	char *reason;
	int64_t since;
	int exit_code;
	pid_t pid;
	struct strlist ports;
	struct restart restart;
	struct image *image;
	/* Those of its mounts, in their order, then those of its pre_start; NULL where one has none. NULL: not
	 * asked for yet. */
	struct image **more_images;
	size_t step; /* how many commands of its pre_start are done: once all, the service starts */
	struct image_request *pull;
	enum image_policy policy; /* of the pull */
	struct health *check;
	struct hooks *hooks; /* that run now */
	/* By state: PREPARING: retry; BACKOFF: next try; RUNNING (unhealthy), STOPPING: harder means. */
	struct timer *timer;
	char *stop_signal; /* NULL: SIGTERM */
	int64_t grace_ms;
	uint64_t started_ms; /* CLOCK_BOOTTIME of RUNNING */
	uint64_t event_ms;   /* of the last progress event */
	bool container;      /* the runtime has, or may have, our container */
	bool holds_networks, sandbox;
	bool ailing;   /* being killed because it is unhealthy */
	bool killed;   /* SIGKILL was sent */
	bool ran;      /* when it was told to stop */
	bool draining; /* is to stop, but was not signalled yet: no new connections come */
	bool mend;     /* adopted, but its sandbox was not set right yet */
	bool serving;  /* was ready at its last move */
	bool rejoin;   /* is being ended: what it shares is made anew */
	bool hosting;  /* is to stop, and waits for those in its namespaces to go first */
	bool stray, removing, gone;
};

/* nodetask.c */
void nodetask_move(struct nodetask *t, enum task_state state, const char *reason); /* and report */
void nodetask_try_failed(struct nodetask *t, const char *why); /* a start that came to nothing */
void nodetask_running(struct nodetask *t, const struct rt_status *st);
/* nodetask_images.c */
void nodetask_begin(struct nodetask *t);        /* from the images on that are not at hand */
void nodetask_images_local(struct nodetask *t); /* those that are on the node */
void nodetask_images_free(struct nodetask *t);
/* That of a command of pre_start; NULL: the service's own. */
const struct image *nodetask_image_before(const struct nodetask *t, size_t step);
/* nodetask_before.c */
struct before {             /* the task as it is for one command of its pre_start */
	struct wire_task w; /* borrows from the task and its command */
	struct kvlist env;
};
bool nodetask_is_before(const struct nodetask *t); /* commands of pre_start are left */
/* Turns in, the plan of the service, into that of its next command. The caller calls before_done. */
void nodetask_before(const struct nodetask *t, struct plan_input *in, struct before *b);
void before_done(struct before *b);
void nodetask_before_runs(struct nodetask *t, const struct rt_status *st);
void nodetask_before_ended(struct nodetask *t, const struct rt_status *st, const char *how);
void nodetask_note_step(const struct nodetask *t, struct kvlist *labels);
void nodetask_recall_step(struct nodetask *t, const struct kvlist *labels); /* of an adopted one */
/* nodetask_start.c */
void nodetask_build(struct nodetask *t);       /* with all images at hand */
void nodetask_begin_again(struct nodetask *t); /* after a back-off */
int nodetask_adopt(struct nodetask *t, const struct rt_status *st);
void nodetask_mend(struct nodetask *t); /* an adopted container's sandbox */
/* nodetask_join.c */
bool nodetask_owns_network(const struct nodetask *t); /* has, or is to have, a sandbox */
/* The task whose network t is in; NULL: its own. -EAGAIN with err: not there yet. */
int nodetask_host(const struct nodetask *t, const struct wire_task **ret, struct err *err);
/* Its namespaces that are other tasks', which must run: -EAGAIN. */
int nodetask_join(struct nodetask *t, struct plan *p, char **ret_netns, struct err *err);
void nodetask_note_joins(const struct nodetask *t, struct kvlist *labels);
/* Does an adopted container live in what it was to join as it is now? */
bool nodetask_joins_hold(const struct nodetask *t, const struct kvlist *labels);
/* Did it end because what it shares went? No matter of its own, so none for its restart policy. */
bool nodetask_lost_host(const struct nodetask *t, const struct rt_status *st);
void nodetask_join_again(struct nodetask *t);    /* after such an end */
void nodetask_guests_rejoin(struct nodetask *t); /* its container has ended */
/* How long those that live in its namespaces may still take, in ms; 0: there are none. */
uint64_t nodetask_guests_ms(const struct nodetask *t);
/* nodetask_stop.c */
void nodetask_stop(struct nodetask *t);
void nodetask_guests_gone(struct nodetask *t); /* nobody is in its namespaces any more */
void nodetask_drained(struct nodetask *t);     /* new connections go elsewhere now */
void nodetask_harder(struct nodetask *t);      /* the grace period is over */
void nodetask_signal(struct nodetask *t, const char *signal);
void nodetask_end(struct nodetask *t, enum task_state state, const char *reason); /* for good */
void nodetask_ended_stopping(struct nodetask *t);
void nodetask_forget(struct nodetask *t);  /* cleans up; sets gone unless the container resists */
void nodetask_release(struct nodetask *t); /* sandbox and networks */
