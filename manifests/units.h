/* SPDX-License-Identifier: Apache-2.0
 * Sizes ("64m", "1.5gb") and durations ("1m30s"); private to manifests/. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Bytes from a number and b, k, m, g, t, p (also kb, kib and so on, all powers of 1024). */
bool units_size(const char *text, int64_t *ret);
/* Nanoseconds from one or more numbers, each with its unit: ns, us, ms, s, m, h, d, w. */
bool units_duration(const char *text, int64_t *ret);
/* The shortest form that units_duration reads back to the same value; caller frees. */
char *units_duration_text(int64_t ns);
/* As Go writes it ("1h0m0s", "1.5s"), which is what users of Compose know; caller frees. */
char *units_duration_canon(int64_t ns);
