/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories that containers mount. Named volumes are made on demand and stay when stacks go (their
 * mounts, for volumes with a type, do not); anonymous ones go with their task.
 *
 * Of the local driver's options type tmpfs, nfs, nfs4 and none with o=bind are honoured.
 */
#pragma once
#include "agent/core/plan.h"
#include "base/err.h"

int volume_prepare(const struct plan_dir *d, struct err *err);
/* Nobody uses it any more: takes its mount away, if it has one. */
void volume_release(const char *data_dir, const char *name);
void volume_remove_anonymous(const char *data_dir, const char *task_id);
