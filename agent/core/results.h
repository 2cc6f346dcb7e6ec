/* SPDX-License-Identifier: Apache-2.0
 *
 * How tasks of this node ended for good (DATA/results.json), so that a job which ran once is not run
 * again after a restart of agent or host while it is still assigned.
 */
#pragma once
#include "manifests/wire.h"
#include <stdbool.h>

struct results;

struct results *results_open(
	const char *data_dir);         /* starts empty when the file is absent or damaged */
void results_close(struct results *r); /* NULL is fine */
void results_put(struct results *r, const struct wire_report *rep);
void results_del(struct results *r, const char *task_id);
/* *out is the caller's (wire_report_done). False: this task has not ended. */
bool results_get(const struct results *r, const char *task_id, struct wire_report *out);
