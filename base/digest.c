/* SPDX-License-Identifier: Apache-2.0
 * SHA-256 over OpenSSL's EVP; see digest.h. */
#include "base/digest.h"
#include "base/mem.h"
#include "base/num.h"

#include <openssl/evp.h>
#include <string.h>

struct sha256 {
	EVP_MD_CTX *ctx;
};

struct sha256 *sha256_new(void)
{
	struct sha256 *h = xcalloc(1, sizeof(*h));
	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || !EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL))
		abort();
	return h;
}

void sha256_add(struct sha256 *h, const void *data, size_t n)
{
	if (!EVP_DigestUpdate(h->ctx, data, n))
		abort();
}

void sha256_end(struct sha256 *h, char out_text[DIGEST_TEXT])
{
	unsigned char hash[32];
	unsigned len = 0;
	if (!EVP_DigestFinal_ex(h->ctx, hash, &len) || len != sizeof(hash))
		abort();
	memcpy(out_text, "sha256:", 7);
	hex_encode(hash, sizeof(hash), out_text + 7);
}

void sha256_free(struct sha256 *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void sha256_text(const void *data, size_t n, char out_text[DIGEST_TEXT])
{
	struct sha256 *h = sha256_new();
	sha256_add(h, data, n);
	sha256_end(h, out_text);
	sha256_free(h);
}

bool digest_valid(const char *text)
{
	if (strncmp(text, "sha256:", 7) != 0 || strlen(text) != DIGEST_TEXT - 1)
		return false;
	return strspn(text + 7, "0123456789abcdef") == 64;
}
