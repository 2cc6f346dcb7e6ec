/* SPDX-License-Identifier: Apache-2.0
 *
 * A piece of work in a forked copy of this process, whose output is read on the loop: long questions
 * hold nothing up, and what the work breaks is thrown away with it. The child dies with its parent.
 */
#pragma once
#include "base/err.h"
#include "base/loop.h"
#include <stddef.h>

struct forked;

enum forked_end {
	FORKED_OK,    /* all was read, exit status 0 */
	FORKED_DIED,  /* it ended otherwise */
	FORKED_LATE,  /* ended by us: it took longer than limit_ms */
	FORKED_LARGE, /* ended by us: it wrote more than max_bytes */
};

struct forked_spec {
	/* In the child, with the loop's descriptors still open: it must not touch them. Ends with the
	 * child when it returns. */
	void (*work)(int out, void *arg);
	/* One line of output without its end; NULL: all of it goes to end. */
	void (*line)(const char *text, size_t len, void *arg);
	/* The last call; text (borrowed) is what line did not get. The callback may free the forked. */
	void (*end)(enum forked_end how, const char *text, size_t len, void *arg);
	void *arg;
	unsigned limit_ms;
	size_t max_bytes; /* of all output, or where there is line of one line */
};

int forked_start(struct loop *l, const struct forked_spec *spec, struct forked **ret,
		 struct err *err);
void forked_kill(struct forked *f); /* end is still called, soon */
void forked_free(struct forked *f); /* ends the child, without a call; NULL is fine */
