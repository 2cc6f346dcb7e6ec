/* SPDX-License-Identifier: Apache-2.0
 * Random and token hashes over libsodium; see crypto.h. */
#include "base/crypto.h"

#include <sodium.h>
#include <stdlib.h>

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

void crypto_hash_hex(const void *data, size_t n, char out_hex[65])
{
	unsigned char hash[32];
	ready();
	crypto_generichash(hash, sizeof(hash), data, n, NULL, 0);
	sodium_bin2hex(out_hex, 65, hash, sizeof(hash));
}
