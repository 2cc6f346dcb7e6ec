/* SPDX-License-Identifier: Apache-2.0
 * TLS under a conn: where libevent and OpenSSL meet. For conn.c alone. Of a bufferevent without TLS
 * there is nothing to end, to say or to know.
 */
#pragma once
#include "base/tls.h"
#include <stdbool.h>

struct bufferevent;
struct event_base;

/* Takes fd; NULL when memory is short. */
struct bufferevent *conn_tls_new(struct event_base *base, struct tls *tls, bool serves, int fd);
/* Tells the peer that nothing more comes. */
void conn_tls_end(struct bufferevent *bev);
/* What went wrong, as a sentence; NULL when it was not TLS. Caller frees. */
char *conn_tls_trouble(struct bufferevent *bev, const char *peer);
/* O and CN of the certificate that the peer proved; both as they were without one. */
void conn_tls_subject(struct bufferevent *bev, char org[TLS_DN_MAX], char cn[TLS_DN_MAX]);
