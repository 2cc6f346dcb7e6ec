/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP/1.1 server on the loop (libevent behind it), over TLS. Bounded: header and body
 * sizes, connections in all and for each address, time for a handshake and a request.
 */
#pragma once
#include "base/conn.h"
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/tls.h"
#include <stdbool.h>
#include <stdint.h>

#define HTTPD_BODY_MAX     (16u << 20)
#define HTTPD_HEADER_MAX   (64u << 10)
#define HTTPD_CONNS_MAX    16384
#define HTTPD_CONNS_PER_IP 4096

struct httpd;
struct httpd_req; /* lives until replied, upgraded, or closed */

typedef void (*httpd_handler)(struct httpd_req *req, void *arg);

/* tls NULL: plain HTTP (tests only). */
struct httpd *httpd_new(struct loop *l, struct tls *tls, httpd_handler handler, void *arg);
int httpd_listen(struct httpd *h, const char *addr, uint16_t port, struct err *err);
uint16_t httpd_port(const struct httpd *h); /* the bound port, when 0 was asked for */
void httpd_free(struct httpd *h);

const char *httpd_method(const struct httpd_req *req);                 /* "GET", ... */
const char *httpd_path(const struct httpd_req *req);                   /* decoded, without query */
const char *httpd_query(const struct httpd_req *req, const char *key); /* decoded; NULL: absent */
const char *httpd_body(struct httpd_req *req, size_t *ret_len);        /* NUL-terminated */
const char *httpd_peer_role(const struct httpd_req *req); /* O of the certificate; "" without one */
const char *httpd_peer_name(
	const struct httpd_req *req); /* CN of the certificate; "" without one */
const char *httpd_peer_addr(const struct httpd_req *req);
bool httpd_wants_upgrade(const struct httpd_req *req);

/* Each of these ends the request's life. */
void httpd_reply_json(struct httpd_req *req, int status, json_t *body_taken);
void httpd_reply_text(struct httpd_req *req, int status, const char *content_type,
		      const char *body);
/* {"error": "..."} */
json_t *httpd_error_body(const char *text); /* {"error": text}; text need not be UTF-8 */
void httpd_reply_error(struct httpd_req *req, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Takes the connection over after "101 Switching Protocols". */
struct conn *httpd_upgrade(struct httpd_req *req, const struct conn_ops *ops, void *arg);

/* A reply sent later (after a commit): if the client goes away first, closed is called with arg and
 * the request is gone. */
void httpd_on_close(struct httpd_req *req, void (*closed)(void *arg), void *arg);
