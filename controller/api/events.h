/* SPDX-License-Identifier: Apache-2.0
 *
 * Events: a ring of the last ones, each with a number that only grows (over restarts too), and the
 * connections that follow them. Events are kept in memory only.
 */
#pragma once
#include "base/conn.h"
#include "base/str.h"
#include <stdint.h>

#define EVENTS_KEPT          10000
#define EVENTS_FOLLOWERS_MAX 1000
#define EVENTS_BACKLOG_MAX   (4u << 20) /* unsent bytes after which a follower is cut */

struct events;
struct events *events_new(int64_t first_seq);
void events_free(struct events *e); /* closes the followers; NULL is fine */
/* json: an object as text; "seq" is put in front. */
void events_publish(struct events *e, const char *json);
/* {"last":N,"events":[...]} of those after since. */
void events_text(const struct events *e, int64_t since, struct str *out);
/* The ops of a follower's connection; after the upgrade call events_follow. */
extern const struct conn_ops events_ops;
void events_follow(struct events *e, struct conn *c, int64_t since);
bool events_full(const struct events *e); /* no more followers are taken */
