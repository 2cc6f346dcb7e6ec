/* SPDX-License-Identifier: Apache-2.0
 *
 * {{.Task.Slot}} and its kin in environment, hostname, bind sources and names of volumes, as `docker
 * service create` knows them: what each task has of its own. Anything else in braces stays as it is.
 */
#pragma once
#include <stdbool.h>

struct placeholders {
	const char *service;   /* STACK_SERVICE: .Service.Name, .Service.ID */
	const char *node_id;   /* .Node.ID */
	const char *node;      /* .Node.Hostname */
	const char *task_id;   /* .Task.ID */
	const char *task_name; /* .Task.Name: STACK_SERVICE.SLOT */
	int slot; /* .Task.Slot from 1; 0: one of each node, and .Task.Slot is .Node.ID */
};

/* The text with them filled in; caller frees. */
char *placeholders_fill(const char *text, const struct placeholders *p);
/* Filled with examples, to see whether it can be right. Caller frees. */
char *placeholders_example(const char *text);
