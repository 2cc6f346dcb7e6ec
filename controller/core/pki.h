/* SPDX-License-Identifier: Apache-2.0
 *
 * The cluster's certificates: its CA and the controller's own key pair in DIR/pki.json (one file,
 * written whole, so a crash never leaves half of them), agents' certificates signed on request, and
 * the operator's context file. Knows no requests and no tokens.
 */
#pragma once
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/tls.h"

#define PKI_FILE          "pki.json"
#define PKI_OPERATOR_FILE "operator.json"
#define PKI_AGENT_DAYS    365

struct pki {
	char *ca_key, *ca_cert; /* PEM */
	char *key, *cert;       /* the controller's */
	char ca_digest[TLS_DIGEST_HEX];
};

/* Reads DIR/pki.json, or makes it at the first start; renews the controller's certificate in its
 * last year. */
int pki_open(const char *dir, struct pki **ret, struct err *err);
void pki_free(struct pki *p); /* wipes the keys; NULL is fine */
DEFINE_CLEANUP(struct pki *, pki_free);

/* A certificate of one year for the key of csr_pem, named node_id whatever the request says. */
int pki_sign_agent(const struct pki *p, const char *csr_pem, const char *node_id,
		   char **ret_cert_pem, struct err *err);
/* Sees to DIR/operator.json: a client certificate for operators, this CA and these addresses. */
int pki_operator_file(const struct pki *p, const char *dir, const struct strlist *addrs,
		      struct err *err);
