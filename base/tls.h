/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS 1.3 with certificates of the cluster's own CA on both sides (OpenSSL behind it).
 *
 * Every certificate is X.509 v3, Ed25519. The subject's O is the role ("carrack:controller",
 * "carrack:agent", "carrack:operator") and its CN the name or node id. The controller's
 * certificate carries the DNS name TLS_CONTROLLER_NAME, and clients check that name whatever the
 * address they dialled, so the controller's address may change.
 */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_CONTROLLER_NAME "controller.carrack"
#define TLS_DN_MAX          256 /* bytes of a subject's O or CN, with NUL; a longer one counts as "" */
#define TLS_DIGEST_HEX      65 /* SHA-256 in hex, with NUL */

struct tls; /* a context: keys, trust, and whether it serves or dials */

/* PEM in and out; all char ** results are freed by the caller. */
int tls_ca_create(const char *cn, int days, char **ret_key_pem, char **ret_cert_pem,
		  struct err *err);
int tls_key_and_csr(const char *org, const char *cn, char **ret_key_pem, char **ret_csr_pem,
		    struct err *err);
/* Signs the CSR's key for the subject given here (the CSR's own subject is ignored). dns may be NULL. */
int tls_sign(const char *ca_key_pem, const char *ca_cert_pem, const char *csr_pem, const char *org,
	     const char *cn, const char *dns, int days, char **ret_cert_pem, struct err *err);
int tls_cert_digest(const char *cert_pem, char out[TLS_DIGEST_HEX], struct err *err);
/* Seconds since the epoch at which the certificate ends. */
int tls_cert_expiry(const char *cert_pem, int64_t *ret, struct err *err);

/* Serves; asks for a client certificate and accepts none (routes decide by role). */
struct tls *tls_server(const char *key_pem, const char *cert_pem, const char *ca_pem,
		       struct err *err);
/* Dials; key and cert may be NULL (no client certificate). ca_pem NULL: accepts any server, for
 * the one request that fetches the CA to compare with a token's digest. */
struct tls *tls_client(const char *key_pem, const char *cert_pem, const char *ca_pem,
		       struct err *err);
void tls_free(struct tls *t);
void *tls_ssl_ctx(struct tls *t); /* SSL_CTX *, for conn_tls.c only */
/* Of an SSL *, for conn_tls.c only: O and CN of the certificate the peer proved ("" without one), and
 * what went wrong, as a sentence; code is OpenSSL's. */
void tls_peer_subject(const void *ssl, char org[TLS_DN_MAX], char cn[TLS_DN_MAX]);
char *tls_trouble(const void *ssl, unsigned long code, const char *peer);
