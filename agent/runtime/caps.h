/* SPDX-License-Identifier: Apache-2.0
 * The capabilities of a container: a default set, what is added and dropped, and what this host
 * can give at all. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <stdint.h>

/* A set of capabilities: bit N is capability number N. */
typedef uint64_t caps_t;

#define CAPS_ALL (~(caps_t)0)

/* Names are with or without "CAP_", in any case; "ALL" is all of them. */
int caps_resolve(const struct strlist *add, const struct strlist *drop, caps_t available,
		 caps_t *out, struct err *err);
/* What this process could hand on: its bounding and permitted sets. */
caps_t caps_available(void);
bool caps_has(caps_t set, const char *name); /* "CAP_SYS_ADMIN"; false for unknown names */
void caps_names(caps_t set, struct strlist *out);
