/* SPDX-License-Identifier: Apache-2.0
 *
 * One repository of one registry, spoken to by OCI Distribution v2: manifests and blobs, with
 * authentication, mirrors, redirects and retries. Blocking. One struct may be used by several threads,
 * each with connections of its own; they share what was learnt (scheme, tokens).
 */
#pragma once
#include "agent/image/blob.h"
#include "agent/image/image.h"
#include "agent/image/ref.h"

struct registry;

struct registry *registry_new(const struct registry_config *rc, const struct ref *ref);
void registry_free(struct registry *r);
/* For when what is on this node will do: one try, and no long wait for an answer. */
void registry_hurry(struct registry *r);

/* The connections of one thread, kept alive between requests. */
struct registry_conn;
struct registry_conn *registry_conn_new(void);
void registry_conn_free(struct registry_conn *c); /* NULL is fine */

struct registry_doc {
	char *text;
	size_t len;
	char *content_type; /* NULL: none sent */
	char digest[DIGEST_TEXT];
};
/* version: tag or digest; what a digest names is verified. -EHOSTUNREACH when no registry answered. */
int registry_manifest(struct registry *r, struct registry_conn *c, const char *version,
		      struct registry_doc *ret, struct err *err);
void registry_doc_done(struct registry_doc *d);
/* Downloads what is missing of b, and finishes it. On failure the caller says blob_fail. */
int registry_blob(struct registry *r, struct registry_conn *c, const char *digest, struct blob *b,
		  struct err *err);
