/* SPDX-License-Identifier: Apache-2.0
 *
 * A two-way byte stream on the loop: what an HTTP request with "Upgrade: carrack" becomes, on
 * either side. On top of it frames: one byte of type, four bytes of length (big endian), payload.
 */
#pragma once
#include "base/err.h"
#include "base/loop.h"
#include "base/tls.h"
#include <stddef.h>
#include <stdint.h>

#define CONN_FRAME_MAX (16u << 20) /* payload bytes; a longer frame closes the connection */

struct conn;

struct conn_ops {
	void (*on_open)(struct conn *c, void *arg); /* dialled and upgraded; may be NULL */
	void (*on_frame)(struct conn *c, uint8_t type, const void *data, size_t len, void *arg);
	/* Raw mode, instead of on_frame, where this is not NULL: bytes as they come. */
	void (*on_data)(struct conn *c, const void *data, size_t len, void *arg);
	/* What was written has left, but for 256 KiB at most; may be NULL. */
	void (*on_drain)(struct conn *c, void *arg);
	/* The peer is gone or dialling failed: why says it in one sentence. The conn is freed after
	 * this returns. Not called after conn_close. */
	void (*on_close)(struct conn *c, const char *why, void *arg);
};

/* Dials host:port over TLS (tls NULL: plain TCP), sends "POST path" with the upgrade, and calls
 * on_open, or on_close with the server's sentence when it refuses. Timeout covers the handshake. */
/* What is written before on_open is sent after the upgrade. */
struct conn *conn_dial(struct loop *l, struct tls *tls, const char *host, uint16_t port,
		       const char *path, uint64_t timeout_ms, const struct conn_ops *ops,
		       void *arg);
void conn_set_ops(struct conn *c, const struct conn_ops *ops, void *arg);
void conn_write(struct conn *c, const void *data, size_t len);
void conn_frame(struct conn *c, uint8_t type, const void *data, size_t len);
size_t conn_pending(const struct conn *c); /* bytes not yet handed to the kernel */
void conn_pause(struct conn *c);           /* stop reading (back-pressure) */
void conn_resume(struct conn *c);
/* Closes if nothing arrives for this long; 0 switches it off. */
void conn_idle_timeout(struct conn *c, uint64_t ms);
void conn_flush_close(
	struct conn *c);         /* sends what is pending, then closes; ops not called again */
void conn_close(struct conn *c); /* at once; NULL is fine */
const char *conn_peer_addr(const struct conn *c); /* address of the other end, text, borrowed */
