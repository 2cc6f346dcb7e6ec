/* SPDX-License-Identifier: Apache-2.0
 * A listening TCP socket on the loop. */
#pragma once
#include "base/err.h"
#include "base/loop.h"
#include <stdint.h>

#define LISTEN_ADDR_MAX 64 /* text of an address */

struct listener;

/* fd is the callback's to close; it does not block and is closed on exec. addr is numeric, without
 * the port. The callback may free the listener. "::" is IPv6 alone. */
typedef void (*listen_cb)(int fd, const char *addr, void *arg);
int listener_open(struct loop *l, const char *addr, uint16_t port, listen_cb cb, void *arg,
		  struct listener **ret, struct err *err);
uint16_t listener_port(const struct listener *s);
void listener_free(struct listener *s); /* NULL is fine */
