/* SPDX-License-Identifier: Apache-2.0
 *
 * A version of a config or secret as it travels and is kept: sealed. The value is locked
 * (XChaCha20-Poly1305) with a data key of its own; the data key is sealed (crypto_box_seal) to the
 * cluster's public key by the command line, and by the controller to a node's public key when a task
 * there uses it. What it is a version of is bound to the value, so that no value can be passed off as
 * another's.
 *
 * The version is named by the content: a keyed BLAKE2b of what it is a version of and of the value.
 * The same value gives the same version; without the cluster's naming key a guess cannot be tried.
 *
 * JSON: {"version":HEX,"kind":"secret"|"config","stack":NAME or absent,"name":NAME,
 *        "key":BASE64 (80 bytes),"data":BASE64 (24 bytes nonce, the value, 16 bytes tag)}
 */
#pragma once
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"

#define SEALED_VERSION  40 /* hex digits */
#define SEALED_KEY      (CRYPTO_KEY + CRYPTO_SEAL)
#define SEALED_NAME_MAX 128

struct sealed_id {         /* what a version belongs to; borrowed strings */
	bool config;       /* or a secret */
	const char *stack; /* NULL: made by itself, outside of stacks */
	const char *name;  /* in the cluster */
};

struct sealed {
	char version[SEALED_VERSION + 1];
	bool config;
	char *stack, *name;            /* stack may be NULL */
	unsigned char key[SEALED_KEY]; /* the data key, to the cluster or to a node */
	char *data;                    /* base64 of the locked value */
};

bool sealed_version_valid(const char *text);
bool sealed_name_valid(const char *name); /* letters, digits, '_', '.', '-' */
void sealed_version(const unsigned char naming[CRYPTO_KEY], struct sealed_id id, const void *value,
		    size_t n, char out[SEALED_VERSION + 1]);
/* Locks value and seals its key to pub; the version is given. */
void sealed_make(const unsigned char pub[CRYPTO_KEY], struct sealed_id id, const char *version,
		 const void *value, size_t n, struct sealed *out);
/* The key to another owner: false when it is not for `from`. */
bool sealed_rewrap(const unsigned char key[SEALED_KEY], const struct crypto_pair *from,
		   const unsigned char to[CRYPTO_KEY], unsigned char out[SEALED_KEY]);
/* The value; -EACCES: not sealed to p; -EBADMSG: not the value it says it is. *ret is *ret_n bytes with
 * a NUL after them, to be wiped by the caller. */
int sealed_open(const struct sealed *s, const struct crypto_pair *p, char **ret, size_t *ret_n,
		struct err *err);

json_t *sealed_json(const struct sealed *s);
void sealed_write(const struct sealed *s, struct str *out); /* the same, appended as text */
int sealed_parse(const json_t *j, struct sealed *out, struct err *err);
size_t sealed_value_len(const struct sealed *s); /* bytes of the value */
void sealed_done(struct sealed *s);
const char *sealed_kind(bool config); /* "config" or "secret" */
static inline struct sealed_id sealed_id_of(const struct sealed *s)
{
	return (struct sealed_id){s->config, s->stack, s->name};
}
