/* SPDX-License-Identifier: Apache-2.0
 *
 * Decompression as a stream that is pulled: gzip (any number of members), zstd (any number of frames)
 * or neither, told apart by their first bytes, since media types lie. Output is bounded, in bytes and
 * against the input, so that a bomb ends early.
 */
#pragma once
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct inflate;
/* Fills buf with up to n bytes; 0 at the end, negative errno on failure. */
typedef ssize_t (*inflate_source)(void *arg, void *buf, size_t n);

struct inflate *inflate_new(inflate_source source, void *arg, int64_t max_out);
/* Bytes into buf (n > 0), 0 at the end of all streams, negative errno with err. */
ssize_t inflate_read(struct inflate *s, void *buf, size_t n, struct err *err);
void inflate_free(struct inflate *s);
