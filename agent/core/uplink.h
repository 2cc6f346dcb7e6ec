/* SPDX-License-Identifier: Apache-2.0
 *
 * The one stream to the controller: dials (each known address in turn, with growing and scattered
 * pauses), says hello, sends heartbeats. What arrives goes to the listener as parsed messages.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/str.h"
#include "base/tls.h"
#include <stdbool.h>
#include <stdint.h>

#define UPLINK_PAUSE_MS     100 /* first, doubling */
#define UPLINK_PAUSE_MAX_MS 5000
#define UPLINK_DIAL_MS      5000
#define UPLINK_WELCOME_MS   10000
#define UPLINK_PENDING_MAX  (32u << 20) /* bytes a controller may leave unread */

struct uplink;

struct uplink_ops {
	json_t *(*hello)(void *arg); /* the message, a new reference */
	/* Negative: this controller is not one to listen to. */
	int (*welcome)(const json_t *msg, void *arg, struct err *err);
	void (*assign)(const json_t *msg, void *arg);
	void (*session)(const json_t *msg, void *arg);
	void (*down)(void *arg);
	json_t *(*beat)(void *arg); /* a heartbeat, a new reference; NULL: an empty one */
};

/* addresses: "host:port", borrowed for the uplink's life, as tls is until uplink_set_tls. */
struct uplink *uplink_new(struct loop *l, const struct strlist *addresses, struct tls *tls,
			  const struct uplink_ops *ops, void *arg);
void uplink_free(struct uplink *u); /* NULL is fine */
/* For the next dialling; the stream that is open goes on. */
void uplink_set_tls(struct uplink *u, struct tls *tls);
bool uplink_up(const struct uplink *u);
/* Dropped while not up. */
bool uplink_welcomed(const struct uplink *u); /* the controller is there and listens */
void uplink_send(struct uplink *u, uint8_t type, json_t *msg_taken);

/* Another connection to the controller that is spoken to now. */
struct conn_ops;
struct conn *uplink_dial(struct uplink *u, const char *path, const struct conn_ops *ops, void *arg);
