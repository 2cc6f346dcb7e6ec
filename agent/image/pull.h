/* SPDX-License-Identifier: Apache-2.0
 * One worker process as the agent sees it: started, listened to, ended. */
#pragma once
#include "agent/image/image.h"

struct pull_worker;
struct pull_ops {
	void (*progress)(const struct image_progress *p, void *arg);
	/* digest on success, else NULL with code and the sentence why. Called once; the worker is
	 * freed after it. */
	void (*ended)(const char *digest, int code, const char *why, void *arg);
};
int pull_worker_start(struct loop *l, const json_t *job, const struct pull_ops *ops, void *arg,
		      struct pull_worker **ret, struct err *err);
/* Ends it; ended is not called. It stays in *dying (a list of the caller's) until the process is gone,
 * which may take a moment when it writes to the disk. NULL is fine. */
void pull_worker_kill(struct pull_worker *w, struct pull_worker **dying);
/* Waits for all of them and frees them: before the loop is freed. */
void pull_workers_reap(struct pull_worker **dying);
