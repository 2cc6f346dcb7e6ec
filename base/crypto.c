/* SPDX-License-Identifier: Apache-2.0
 * Random, hashes and sealing over libsodium; see crypto.h. */
#include "base/crypto.h"
#include "base/mem.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static void ready(void)
{
	if (sodium_init() < 0)
		abort();
}

void crypto_random(void *out, size_t n)
{
	ready();
	randombytes_buf(out, n);
}

bool crypto_equal(const void *a, const void *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

void crypto_wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}

void crypto_key_new(unsigned char private_key[32])
{
	crypto_random(private_key, 32);
	private_key[0] &= 248; /* as WireGuard keeps it, so that the two compare equal */
	private_key[31] = (unsigned char)((private_key[31] & 127) | 64);
}

void crypto_key_public(const unsigned char private_key[32], unsigned char out[32])
{
	ready();
	if (crypto_scalarmult_base(out, private_key) != 0)
		abort();
}

void crypto_hash_hex(const void *data, size_t n, char out_hex[65])
{
	unsigned char hash[32];
	ready();
	crypto_generichash(hash, sizeof(hash), data, n, NULL, 0);
	sodium_bin2hex(out_hex, 65, hash, sizeof(hash));
}

#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES

_Static_assert(CRYPTO_SEAL == crypto_box_SEALBYTES, "");
_Static_assert(CRYPTO_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "");
_Static_assert(CRYPTO_KEY == crypto_box_PUBLICKEYBYTES, "");
_Static_assert(CRYPTO_LOCK == NONCE + crypto_aead_xchacha20poly1305_ietf_ABYTES, "");

void crypto_keyed_hash(const unsigned char key[CRYPTO_KEY], const void *data, size_t n,
		       unsigned char out[32])
{
	ready();
	crypto_generichash(out, 32, data, n, key, CRYPTO_KEY);
}

void crypto_pair_make(struct crypto_pair *out)
{
	ready();
	crypto_box_keypair(out->pub, out->secret);
}

bool crypto_pair_good(const struct crypto_pair *p)
{
	unsigned char pub[CRYPTO_KEY];
	ready();
	return crypto_scalarmult_base(pub, p->secret) == 0 &&
	       sodium_memcmp(pub, p->pub, sizeof(pub)) == 0;
}

void crypto_seal(const unsigned char pub[CRYPTO_KEY], const void *data, size_t n,
		 unsigned char *out)
{
	ready();
	/* Fails for a public key of low order alone: then nobody can open it either. */
	if (crypto_box_seal(out, data, n, pub) != 0)
		randombytes_buf(out, n + CRYPTO_SEAL);
}

bool crypto_unseal(const struct crypto_pair *p, const void *in, size_t n, unsigned char *out)
{
	ready();
	return n >= CRYPTO_SEAL && crypto_box_seal_open(out, in, n, p->pub, p->secret) == 0;
}

void crypto_lock(const unsigned char key[CRYPTO_KEY], struct crypto_bound bound, const void *data,
		 size_t n, unsigned char *out)
{
	ready();
	randombytes_buf(out, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE, NULL, data, n, bound.data, bound.n,
						   NULL, out, key);
}

bool crypto_unlock(const unsigned char key[CRYPTO_KEY], struct crypto_bound bound, const void *in,
		   size_t n, unsigned char *out)
{
	const unsigned char *from = in;
	ready();
	return n >= CRYPTO_LOCK &&
	       crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, from + NONCE, n - NONCE,
							  bound.data, bound.n, from, key) == 0;
}

char *crypto_base64(const void *data, size_t n)
{
	size_t size = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL);
	char *out = xmalloc(size);
	return sodium_bin2base64(out, size, data, n, sodium_base64_VARIANT_ORIGINAL);
}

unsigned char *crypto_unbase64(const char *text, size_t *ret_n)
{
	size_t len = strlen(text);
	unsigned char *out = xmalloc(len / 4 * 3 + 4);
	if (sodium_base642bin(out, len / 4 * 3 + 3, text, len, NULL, ret_n, NULL,
			      sodium_base64_VARIANT_ORIGINAL) == 0)
		return out;
	free(out);
	return NULL;
}
