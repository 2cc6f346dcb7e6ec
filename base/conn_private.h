/* SPDX-License-Identifier: Apache-2.0
 * What dial.c and httpd.c need of a conn beyond conn.h; nobody else includes this. */
#pragma once
#include "base/conn.h"
#include "base/err.h"
#include <stdbool.h>

struct dial; /* a dialling in progress, dial.c's own */

/* A conn without a socket yet. */
struct conn *conn_new(struct loop *l, const struct conn_ops *ops, void *arg);
/* Gives it a connected socket (owned from here on). TLS shakes hands as a server or as a client;
 * on_open is called once that is done (in a later turn, without TLS too). */
void conn_attach(struct conn *c, struct tls *tls, bool serves, int fd);
/* Calls on_close with this text and frees; the text may be part of the conn. */
void conn_fail(struct conn *c, const char *why);
/* The same in a later turn, for a conn that the caller is still to be given. */
void conn_fail_later(struct conn *c, const char *why);
/* Puts bytes back in front of those not yet read; they come again in a later turn. */
void conn_unread(struct conn *c, const void *data, size_t len);
void conn_set_peer(struct conn *c, const char *addr);
/* O and CN of the certificate that the peer proved; both "" without one. */
void conn_peer_subject(const struct conn *c, char org[TLS_DN_MAX], char cn[TLS_DN_MAX]);

/* While it dials, the conn keeps the dial: it asks it for the request once the handshake is done,
 * and to judge the answer: 0 upgraded (*used bytes of data were the head), -EAGAIN more is needed. */
void conn_set_dial(struct conn *c, struct dial *d);
char *dial_request(const struct dial *d);
int dial_answer(struct dial *d, const void *data, size_t len, size_t *used, struct err *err);
void dial_free(struct dial *d);
