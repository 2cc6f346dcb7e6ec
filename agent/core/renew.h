/* SPDX-License-Identifier: Apache-2.0
 *
 * Renews the node's certificate when it is due. The request runs in a thread of its own, since the
 * loop must not wait for a controller.
 */
#pragma once
#include "agent/core/identity.h"
#include "base/loop.h"

#define RENEW_CHECK_MS 3600000

struct renew;
/* id is borrowed and replaced in place on success; then renewed is called. */
struct renew *renew_new(struct loop *l, const char *path, struct identity *id,
			void (*renewed)(void *arg), void *arg);
void renew_free(struct renew *r); /* waits for a request under way; NULL is fine */
