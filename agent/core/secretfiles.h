/* SPDX-License-Identifier: Apache-2.0
 *
 * Configs and secrets as files for containers: opened into a tmpfs of the agent's own and nowhere else,
 * so that no value is ever on a disk of this node. It is not swapped out where the kernel can promise
 * that (tmpfs "noswap", Linux 6.4).
 *
 * RUN/secrets/                    the tmpfs, root's alone; mounted while there is something in it
 * RUN/secrets/TASK/secret.N       the Nth secret of the task's service, owner and mode as granted
 * RUN/secrets/TASK/config.N       the Nth config
 *
 * A container has each as a read-only bind mount (plan_mounts.c), which stays what it is when the
 * agent goes or the folder is removed.
 */
#pragma once
#include "agent/core/assign.h"
#include "base/crypto.h"
#include "base/err.h"
#include <stdbool.h>

struct secretfiles;

/* Touches nothing yet. All is borrowed. */
struct secretfiles *secretfiles_new(const char *run_dir, const struct assign *a,
				    const struct crypto_pair *key);
void secretfiles_free(struct secretfiles *s); /* files stay; NULL is fine */

/* The Nth config or secret of a task as a file of the host. Caller frees. */
char *secretfiles_path(const char *run_dir, const char *task_id, bool config, size_t n);
/* The files of a task, made anew. -EAGAIN: a version is not here yet, or sealed to a key that this node
 * has no more. Nothing is left on failure. */
int secretfiles_put(struct secretfiles *s, const struct wire_task *t, struct err *err);
void secretfiles_drop(struct secretfiles *s, const char *task_id); /* none is fine */
/* Drops the files of every task that `keep` does not answer for. */
void secretfiles_sweep(struct secretfiles *s, bool (*keep)(const char *task_id, void *arg),
		       void *arg);
