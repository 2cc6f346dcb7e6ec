/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers and truth values that stand without quotes where text is wanted: 24.10 is the number 24.1 for
 * YAML, and that is what Compose hands on. Private to manifests/.
 */
#pragma once
#include "manifests/node.h"

/* The text that Compose makes of the scalar; NULL: what is written already is it. Caller frees. */
char *plain_text(enum node_kind kind, const char *written);

/* A number in a form that YAML 1.2 has not and Compose's reader takes (1_000, 0b101, -0x1F), as one that it has; NULL: no
 * such form. Caller frees. */
char *plain_number(const char *written);
