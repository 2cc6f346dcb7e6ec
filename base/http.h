/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP client (libcurl behind it): blocking, one handle a thread, connections kept alive between
 * requests on one handle. For the command line and for image workers; daemons dial with conn.h.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http; /* one curl handle; not shared between threads */

struct http_req {
	const char *method; /* NULL: GET */
	const char *url;
	const struct strlist *headers; /* "Name: value"; may be NULL */
	const void *body;              /* may be NULL */
	size_t body_len;
	const char *user, *password; /* Basic authentication; may be NULL */
	long timeout_ms;             /* whole request; 0: none, but a stall of 30 s ends it */
	long connect_ms;             /* to be connected; 0: 5 s */
	size_t body_max;             /* bound on a buffered response; 0: 64 MiB */
	/* Streams a 2xx body instead of buffering it; a non-zero return ends the transfer. */
	int (*on_body)(const void *data, size_t len, void *arg);
	void *arg;
	bool no_redirects; /* report 3xx instead of following */
};

struct http_res {
	long status;           /* 0: no answer */
	struct str body;       /* of errors too, when streaming (first 64 KiB) */
	struct kvlist headers; /* names in lower case; the last response's */
};

/* Trust: system CAs unless http_trust was called; client certificate by http_identity. */
struct http *http_new(void);
void http_free(struct http *h);
/* Uses only this CA and checks for the name given instead of the URL's host; see tls.h. */
int http_trust(struct http *h, const char *ca_pem, const char *server_name, struct err *err);
void http_trust_anyone(struct http *h); /* insecure; for fetching a CA and insecure registries */
int http_identity(struct http *h, const char *key_pem, const char *cert_pem, struct err *err);
/* 0 when an answer came, whatever its status; the error names host and cause. Frees nothing of res
 * that was there before: zero it. */
int http_do(struct http *h, const struct http_req *req, struct http_res *res, struct err *err);
const char *http_header(const struct http_res *res, const char *lower_name);
void http_res_done(struct http_res *res);
char *http_escape(const char *text); /* percent-encoding; caller frees */
