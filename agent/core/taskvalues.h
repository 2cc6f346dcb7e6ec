/* SPDX-License-Identifier: Apache-2.0
 *
 * What a task has of its own, put into what its service says for all of them: the placeholders of
 * manifests/placeholder.h in environment, hostname, bind sources, names of volumes and their options.
 */
#pragma once
#include "manifests/wire.h"

void taskvalues_fill(struct wire_task *w, const char *node_id, const char *node_name);
