/* SPDX-License-Identifier: Apache-2.0
 *
 * DIR/refs.json: which manifest a name means on this node. Only what the resolver verified gets in;
 * an image's content never names itself.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"

struct refs {
	char *path;
	json_t *images;   /* name -> {"digest", "size"} */
	unsigned changes; /* from 1; grows with each change */
};

int refs_open(const char *dir, struct refs *ret, struct err *err);
void refs_done(struct refs *r);
/* The key of a reference (as asked for) and a platform (NULL: this machine's); caller frees. */
int refs_key(const char *ref, const char *platform, char **ret, struct err *err);
const char *refs_digest(const struct refs *r, const char *key); /* NULL: not known */
int refs_set(struct refs *r, const char *key, const char *digest, int64_t size, struct err *err);
json_t *refs_list(const struct refs *r); /* [{"ref","digest","size"}], new reference */
