/* SPDX-License-Identifier: Apache-2.0
 *
 * The generation of a namespace's packet filter: a number that each transaction on it, whoever made
 * it, raises by one. What tells cheaply that nobody touched the tables.
 */
#pragma once
#include "base/err.h"
#include <stdint.h>

/* A descriptor bound to the calling thread's namespace. */
int nftgen_open(struct err *err);
int nftgen_read(int fd, uint32_t *ret);
