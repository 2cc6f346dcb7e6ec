/* SPDX-License-Identifier: Apache-2.0
 *
 * What this node is assigned: a keyed set of objects from the controller, kept on disk so that the
 * node goes on without it. Objects are borrowed until the next assign_apply.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/map.h"
#include "manifests/sealed.h"
#include "manifests/wire.h"
#include <stdbool.h>
#include <stdint.h>

#define ASSIGN_WRITE_MS 50 /* the cache is written at most this often */

struct assign;

/* Sealed versions lie in a folder "sealed" beside path. */
struct assign *assign_new(struct loop *l, const char *path);
void assign_free(struct assign *a); /* writes what is pending; NULL is fine */
/* The set of the last run; -ENOENT when there is none. A damaged file is an error, and the set empty:
 * the controller will send a snapshot. */
int assign_load(struct assign *a, struct err *err);

/* One WIRE_ASSIGN message. -ESTALE: changes are missing, ask for a snapshot. -EINVAL: not such a
 * message. One object that cannot be read is left out with a log line; the rest counts. */
int assign_apply(struct assign *a, const json_t *msg, struct err *err);
/* The controller's epoch. -ESTALE when a later one was seen: this controller has been replaced. */
int assign_epoch(struct assign *a, int64_t epoch, struct err *err);

bool assign_known(const struct assign *a); /* a set was loaded or received */
int64_t assign_version(const struct assign *a);
const struct map *assign_tasks(const struct assign *a);     /* id -> struct wire_task */
const struct map *assign_networks(const struct assign *a);  /* id -> struct wire_network */
const struct map *assign_endpoints(const struct assign *a); /* id -> struct wire_endpoint */
const struct map *assign_nodes(const struct assign *a);     /* id -> struct wire_node */
/* NULL: not here (yet) */
const struct sealed *assign_sealed(const struct assign *a, const char *version);
const struct map *assign_ingress(const struct assign *a); /* id -> struct wire_ingress */
