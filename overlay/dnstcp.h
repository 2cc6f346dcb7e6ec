/* SPDX-License-Identifier: Apache-2.0
 *
 * The TCP side of a resolver: connections that each ask one question after the other, two bytes of
 * length before each message. Knows nothing of names; questions go to its owner.
 */
#pragma once
#include "base/loop.h"
#include <stddef.h>
#include <stdint.h>

#define DNSTCP_MAX     64 /* connections to one resolver */
#define DNSTCP_IDLE_MS 10000

struct dnstcp; /* a client's connection */

struct dnstcp_server { /* the owner fills in the first four; zeroes else */
	struct loop *loop;
	/* A question, which dnstcp_answer answers from here or later; msg is borrowed. */
	void (*query)(void *arg, struct dnstcp *from, const uint8_t *msg, size_t len);
	void (*gone)(void *arg, const struct dnstcp *t); /* nobody waits for its answers any more */
	void *arg;
	struct dnstcp *conns;
	size_t n_conns;
};

/* Takes a connection from a listening socket: a callback for watch_fd, server as its argument. */
void dnstcp_accept(int fd, unsigned flags, void *server);
void dnstcp_answer(struct dnstcp *t, const uint8_t *msg, size_t len);
void dnstcp_close_all(struct dnstcp_server *s);
