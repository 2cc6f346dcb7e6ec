/* SPDX-License-Identifier: Apache-2.0
 * SHA-256, streamed (OpenSSL EVP behind it: SHA-NI, on the pull path) and digests in OCI's form. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define DIGEST_HEX  65               /* 64 hex digits and NUL */
#define DIGEST_TEXT (7 + DIGEST_HEX) /* "sha256:" in front */

struct sha256; /* a running hash */
struct sha256 *sha256_new(void);
void sha256_add(struct sha256 *h, const void *data, size_t n);
void sha256_end(struct sha256 *h,
		char out_text[DIGEST_TEXT]); /* "sha256:..."; may be added to no more */
void sha256_free(struct sha256 *h);
void sha256_text(const void *data, size_t n, char out_text[DIGEST_TEXT]);
bool digest_valid(const char *text); /* "sha256:" and 64 lower-case hex digits */
