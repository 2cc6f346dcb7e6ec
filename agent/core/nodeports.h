/* SPDX-License-Identifier: Apache-2.0
 *
 * Ports of the whole cluster on this node: what the controller says is published, and who serves it.
 * Ready tasks of this node always come first, known here before the controller hears of them; without
 * one a port leads to nodes that have some.
 */
#pragma once
#include "agent/core/core.h"
#include "base/json.h"

struct nodeports;
struct nodeports *nodeports_new(struct core *c);
void nodeports_free(struct nodeports *n); /* NULL is fine */
/* All services, or the one of stack and service. */
void nodeports_sync(struct nodeports *n);
void nodeports_sync_one(struct nodeports *n, const char *stack, const char *service);
size_t nodeports_count(const struct nodeports *n); /* services that publish something here */
/* What cannot be published here: "STACK/SERVICE" -> sentence. New reference; NULL: all is well. */
json_t *nodeports_trouble(const struct nodeports *n);
