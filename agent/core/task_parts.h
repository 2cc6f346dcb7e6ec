/* SPDX-License-Identifier: Apache-2.0
 * What the files of task share: task.c (states and decisions), task_start.c (the way up),
 * task_stop.c (the way down). */
#pragma once
#include "agent/core/health.h"
#include "agent/core/plan.h"
#include "agent/core/restart.h"
#include "agent/core/task.h"

/* Labels kept with the container, for adoption. */
#define LABEL_TASK        "carrack.task"
#define LABEL_HASH        "carrack.hash"
#define LABEL_RESTARTS    "carrack.restarts"
#define LABEL_PUBLISH     "carrack.publish" /* host ports as bound, in order of the service's ports */
#define LABEL_GRACE_MS    "carrack.stop_grace_ms"
#define LABEL_SIGNAL      "carrack.stop_signal"

#define TASK_RETRY_MS     1000 /* waits for something that is not there yet */
#define TASK_GRACE_MS     10000
#define TASK_KILL_WAIT_MS 5000 /* from SIGKILL to removal by force */
#define TASK_EVENT_GAP_MS 200  /* between two progress events of a task */

struct task {
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
	struct image_request *pull;
	struct health *check;
	/* By state: PREPARING: retry; BACKOFF: next try; RUNNING (unhealthy), STOPPING: harder means. */
	struct timer *timer;
	char *stop_signal; /* NULL: SIGTERM */
	int64_t grace_ms;
	uint64_t started_ms; /* CLOCK_BOOTTIME of RUNNING */
	uint64_t event_ms;   /* of the last progress event */
	bool container;      /* the runtime has, or may have, our container */
	bool holds_networks, sandbox;
	bool ailing; /* being killed because it is unhealthy */
	bool killed; /* SIGKILL was sent */
	bool mend;   /* adopted, but its sandbox was not set right yet */
	bool stray, removing, gone;
};

/* task.c */
void task_move(struct task *t, enum task_state state, const char *reason); /* and report */
void task_try_failed(struct task *t, const char *why); /* a start that came to nothing */
void task_running(struct task *t, const struct rt_status *st);
/* task_start.c */
void task_begin(struct task *t);       /* from the image on */
void task_begin_again(struct task *t); /* after a back-off, with the image at hand */
int task_adopt(struct task *t, const struct rt_status *st);
void task_mend(struct task *t); /* an adopted container's sandbox */
/* task_stop.c */
void task_stop(struct task *t);
void task_harder(struct task *t); /* the grace period is over */
void task_signal(struct task *t, const char *signal);
void task_end(struct task *t, enum task_state state, const char *reason); /* for good */
void task_ended_stopping(struct task *t);
void task_forget(struct task *t);  /* cleans up; sets gone unless the container resists */
void task_release(struct task *t); /* sandbox and networks */
