/* SPDX-License-Identifier: Apache-2.0
 *
 * {{.Task.Slot}} and its kin in environment, hostname, bind sources, names of volumes and their options, as
 * `docker service create` knows them: what each task has of its own. Anything else in braces stays as it
 * is. Of Go's templates there is a name alone, and {{index .Service.Labels "KEY"}}.
 */
#pragma once
#include "base/str.h"
#include <stdbool.h>

/* A service that has this in its text is another one with other labels. */
#define PLACEHOLDER_LABELS ".Service.Labels"

struct placeholders {
	const char *stack;           /* label com.docker.stack.namespace, where none is given */
	const char *service;         /* STACK_SERVICE: .Service.Name, .Service.ID */
	const struct kvlist *labels; /* .Service.Labels; NULL: an example for each */
	const char *node_id;         /* .Node.ID */
	const char *node;            /* .Node.Hostname */
	const char *os;              /* .Node.Platform.OS, "linux" */
	const char *arch;            /* .Node.Platform.Architecture, "x86_64" */
	const char *task_id;         /* .Task.ID */
	const char *task_name;       /* .Task.Name: STACK_SERVICE.SLOT */
	int slot; /* .Task.Slot from 1; 0: one of each node, and .Task.Slot is .Node.ID */
};

/* The text with them filled in; caller frees. */
char *placeholders_fill(const char *text, const struct placeholders *p);
/* Filled with examples, to see whether it can be right. Caller frees. */
char *placeholders_example(const char *text);
