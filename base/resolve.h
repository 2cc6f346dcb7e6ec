/* SPDX-License-Identifier: Apache-2.0
 * Host names to addresses without stopping the loop: getaddrinfo in a thread of its own. */
#pragma once
#include "base/loop.h"
#include <netdb.h>
#include <stdint.h>

struct resolve;

/* res (of stream sockets) is the callback's to free with freeaddrinfo; on failure it is NULL and why
 * says why. Called once, from the loop; the resolve is freed before. */
typedef void (*resolve_cb)(struct addrinfo *res, const char *why, void *arg);
/* NULL, with errno, when no descriptor is to be had. */
struct resolve *resolve_start(struct loop *l, const char *host, uint16_t port, resolve_cb cb,
			      void *arg);
void resolve_cancel(struct resolve *r); /* the callback will not come; NULL is fine */
