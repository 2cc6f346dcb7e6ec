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
/* Ends it; ended is not called, what it held is freed when the process is gone. */
void pull_worker_kill(struct pull_worker *w);
