/* SPDX-License-Identifier: Apache-2.0
 *
 * Who this node is: its key, its certificate and the CA it trusts, in one file (mode 0600). Got once
 * with a join token; the certificate is renewed with the key's proof when two thirds of its life are
 * over. These functions block: joining comes before the loop, renewal has its thread (renew.h).
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <stdint.h>

struct identity {
	char *node_id, *name, *key, *cert, *ca;
	struct strlist controllers; /* "host:port" */
	int64_t issued;             /* seconds since the epoch */
};

int identity_load(const char *path, struct identity *out,
		  struct err *err); /* -ENOENT: not joined */
int identity_join(const char *path, const char *token, const char *name, struct identity *out,
		  struct err *err);
/* A fresh key and certificate for the same node, written to path; *out is a new identity. */
int identity_renew(const char *path, const struct identity *old, struct identity *out,
		   struct err *err);
/* When the next renewal is due, in seconds since the epoch. */
int64_t identity_renew_at(const struct identity *id);
void identity_done(struct identity *id);
