/* SPDX-License-Identifier: Apache-2.0
 * Bounded number parsing: the whole text must be the number, in base 10, without blanks. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool num_parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret);
bool num_parse_u64(const char *s, uint64_t max, uint64_t *ret);
bool num_parse_double(const char *s, double *ret); /* C locale, finite only */

/* Lower-case hex: out has 2*n+1 bytes. */
void hex_encode(const void *bytes, size_t n, char *out);
bool hex_decode(const char *hex, void *out, size_t n); /* exactly 2*n digits, either case */
/* A fresh random name of n (even, at most 64) hex digits from the kernel's generator. */
void random_hex(char *out, size_t n);
