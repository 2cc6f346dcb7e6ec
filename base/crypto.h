/* SPDX-License-Identifier: Apache-2.0
 * Random, tokens and sealed data (libsodium behind it). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

void crypto_random(void *out, size_t n);
bool crypto_equal(const void *a, const void *b, size_t n); /* constant time */
void crypto_wipe(void *p, size_t n);
/* A keyed or plain BLAKE2b of 32 bytes in hex (65 bytes with NUL): how token secrets are stored. */
void crypto_hash_hex(const void *data, size_t n, char out_hex[65]);
