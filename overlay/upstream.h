/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions to other resolvers, sent from the host's namespace: a fresh socket (so a random port) and
 * a random id for each, a time limit, the next server when one is silent, refuses or fails (which
 * is then asked last for a while), and a bound on how many are under way. Messages pass unchanged but for their id.
 */
#pragma once
#include "base/loop.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPSTREAM_FLIGHT_MAX  1024
#define UPSTREAM_FIRST_MS    600   /* of each server's first try, */
#define UPSTREAM_TRY_MS      2000  /* and of later ones */
#define UPSTREAM_SICK_MS     10000 /* a silent server is asked last for so long */
#define UPSTREAM_TRIES       3
#define UPSTREAM_SERVERS_MAX 8

struct upstream;
struct upstream *upstream_new(struct loop *l, const char *resolv_conf);
void upstream_free(struct upstream *u); /* questions under way end without an answer */

/* answer NULL: nobody answered. Not called after upstream_forget. */
typedef void (*upstream_cb)(const uint8_t *answer, size_t len, void *arg);
struct upstream_ask;
/* Sends msg (a whole DNS message); tcp as the client came. NULL when no server is known or too many
 * are under way. servers empty: those of resolv.conf. */
struct upstream_ask *upstream_send(struct upstream *u, const struct strlist *servers, bool tcp,
				   const uint8_t *msg, size_t len, upstream_cb cb, void *arg);
void upstream_forget(struct upstream_ask *a); /* NULL is fine */
bool upstream_has_server(struct upstream *u, const struct strlist *servers);
