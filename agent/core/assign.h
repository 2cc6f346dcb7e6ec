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

/* An endpoint is about to change: was NULL when it is new, now NULL when it goes; both are whole until
 * the call returns. Both NULL: a whole set follows, as if all were new. */
typedef void (*assign_endpoint_fn)(const struct wire_endpoint *was, const struct wire_endpoint *now,
				   void *arg);
void assign_watch(struct assign *a, assign_endpoint_fn fn, void *arg); /* one; NULL: nobody */

/* Sealed versions lie in a folder "sealed" beside path. */
struct assign *assign_new(struct loop *l, const char *path);
void assign_free(struct assign *a); /* writes what is pending; NULL is fine */
/* The set of the last run; -ENOENT when there is none. A damaged file is an error, and the set empty:
 * the controller will send a snapshot. */
int assign_load(struct assign *a, struct err *err);

/* One WIRE_ASSIGN message. -ESTALE: changes are missing, ask for a snapshot. -EINVAL: not such a
 * message. One object that cannot be read is left out with a log line; the rest counts. A snapshot in
 * several messages takes the place of what was there when its last one has come: until then the set
 * and its version are as before. */
int assign_apply(struct assign *a, const json_t *msg, struct err *err);
/* The controller's epoch. -ESTALE when a later one was seen: this controller has been replaced. */
int assign_epoch(struct assign *a, int64_t epoch, struct err *err);

int assign_forget(const char *path, struct err *err); /* the files of another cluster */

bool assign_known(const struct assign *a); /* a set was loaded or received */
int64_t assign_version(const struct assign *a);
const struct map *assign_tasks(const struct assign *a);     /* id -> struct wire_task */
const struct map *assign_networks(const struct assign *a);  /* id -> struct wire_network */
const struct map *assign_endpoints(const struct assign *a); /* id -> struct wire_endpoint */
const struct map *assign_nodes(const struct assign *a);     /* id -> struct wire_node */
/* NULL: not here (yet) */
const struct sealed *assign_sealed(const struct assign *a, const char *version);
const struct map *assign_ingress(const struct assign *a); /* id -> struct wire_ingress */
