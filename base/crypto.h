/* SPDX-License-Identifier: Apache-2.0
 * Random, tokens and sealed data (libsodium behind it). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

void crypto_random(void *out, size_t n);
bool crypto_equal(const void *a, const void *b, size_t n); /* constant time */
/* A fresh private key of Curve25519 (RFC 7748), and the public key of one. */
void crypto_key_new(unsigned char private_key[32]);
void crypto_key_public(const unsigned char private_key[32], unsigned char out[32]);
void crypto_wipe(void *p, size_t n);
/* BLAKE2b of 32 bytes in hex (65 bytes with NUL): how token secrets are stored. */
void crypto_hash_hex(const void *data, size_t n, char out_hex[65]);

#define CRYPTO_KEY  32 /* bytes of every key here */
#define CRYPTO_SEAL 48 /* bytes that crypto_seal adds */
#define CRYPTO_LOCK 40 /* bytes that crypto_lock adds: the nonce in front, the tag behind */

/* Keyed BLAKE2b: without the key a guess of the data cannot be tried. */
void crypto_keyed_hash(const unsigned char key[CRYPTO_KEY], const void *data, size_t n,
		       unsigned char out[32]);

/* Sealed boxes (X25519, XSalsa20-Poly1305; libsodium's crypto_box_seal): anyone with the public key
 * can seal, only the secret key opens. */
struct crypto_pair {
	unsigned char pub[CRYPTO_KEY], secret[CRYPTO_KEY];
};
void crypto_pair_make(struct crypto_pair *out);
bool crypto_pair_good(const struct crypto_pair *p); /* do the two belong together? */
void crypto_seal(const unsigned char pub[CRYPTO_KEY], const void *data, size_t n,
		 unsigned char *out); /* n + CRYPTO_SEAL bytes */
bool crypto_unseal(const struct crypto_pair *p, const void *in, size_t n,
		   unsigned char *out); /* n - CRYPTO_SEAL bytes; false: not for this key */

/* XChaCha20-Poly1305 (IETF) with a random nonce and bound data that is not inside. */
struct crypto_bound {
	const void *data;
	size_t n;
};
void crypto_lock(const unsigned char key[CRYPTO_KEY], struct crypto_bound bound, const void *data,
		 size_t n, unsigned char *out); /* n + CRYPTO_LOCK bytes */
bool crypto_unlock(const unsigned char key[CRYPTO_KEY], struct crypto_bound bound, const void *in,
		   size_t n, unsigned char *out); /* n - CRYPTO_LOCK bytes */

char *crypto_base64(const void *data, size_t n); /* caller frees */
/* Strict, with padding. NULL when text is none; *ret_n bytes, caller frees. */
unsigned char *crypto_unbase64(const char *text, size_t *ret_n);
