/* SPDX-License-Identifier: Apache-2.0
 * A question to a node's agent, answered by JSON objects (wire.h, sessions of a node). */
#pragma once
#include "cli/client.h"

struct session_ask {
	const char *node, *kind; /* a node's name or id; "net-check", ... */
	const json_t *options;   /* NULL: none */
	void (*line)(const json_t *object, void *arg);
	/* The last call. why NULL: it came to its end, with code; else a sentence. */
	void (*end)(int code, const char *why, void *arg);
	void *arg;
};
/* Answers arrive on the loop; the ask is copied. On failure end was not called. */
int session_start(struct client *c, struct loop *l, const struct session_ask *ask, struct err *err);
