/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of a join token: "ck1.ADDR,ADDR.CADIGEST.ID.SECRET". It tells an agent where controllers
 * are, by which CA to know them, and the secret by which they know it. Addresses are "host:port" with
 * every '.' written as '_' (and IPv6 in brackets), so that dots only separate the parts.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <stdint.h>

#define JOINTOKEN_ID_LEN     12 /* hex digits */
#define JOINTOKEN_SECRET_LEN 48
#define JOINTOKEN_DIGEST_LEN 64 /* SHA-256 of the CA's certificate (DER), tls_cert_digest */
#define JOINTOKEN_ADDRS_MAX  16
#define JOINTOKEN_TEXT_MAX   4096

struct jointoken {
	struct strlist addrs; /* "10.0.0.1:7677", "[fd00::1]:7677", "host.example:7677" */
	char ca_digest[JOINTOKEN_DIGEST_LEN + 1];
	char id[JOINTOKEN_ID_LEN + 1];
	char secret[JOINTOKEN_SECRET_LEN + 1];
};

int jointoken_parse(const char *text, struct jointoken *out, struct err *err);
char *jointoken_text(const struct jointoken *t); /* caller frees */
void jointoken_done(struct jointoken *t);        /* frees, and wipes the secret */

/* "host:port", "[v6]:port" or either without a port. *ret_host is freed by the caller. */
int hostport_parse(const char *text, uint16_t default_port, char **ret_host, uint16_t *ret_port,
		   struct err *err);
