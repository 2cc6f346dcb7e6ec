/* SPDX-License-Identifier: Apache-2.0
 * Keeps the stream to the controller open. Knows nothing of tasks. */
#include "agent/core/uplink.h"
#include "base/conn.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "manifests/conf.h"
#include "manifests/jointoken.h"
#include "manifests/wire.h"
#include <string.h>

#define LOG_EVERY_MS 60000 /* of a controller that stays away */

struct uplink {
	struct loop *loop;
	const struct strlist *addresses;
	struct tls *tls;
	struct uplink_ops ops;
	void *arg;
	struct conn *conn;
	struct timer *dial, *beat;
	size_t next; /* address */
	char *host;  /* of the address in use */
	uint16_t port;
	bool up;       /* open: hello was sent */
	bool welcomed; /* its epoch is good: what it says counts */
	uint64_t beat_ms, pause_ms, logged_ms;
};

static void dial_now(void *arg);

static uint64_t scattered(uint64_t ms)
{
	uint32_t random;
	crypto_random(&random, sizeof(random));
	return ms / 2 + random % (ms / 2 + 1);
}

static void dial_later(struct uplink *u)
{
	timer_set(u->dial, scattered(u->pause_ms));
	/* The pause grows when every address was tried. */
	if (u->next % (u->addresses->n ? u->addresses->n : 1) == 0)
		u->pause_ms = u->pause_ms * 2 > UPLINK_PAUSE_MAX_MS ? UPLINK_PAUSE_MAX_MS
								    : u->pause_ms * 2;
}

static void went_down(struct uplink *u, const char *why)
{
	bool was_up = u->up;
	u->conn = NULL;
	u->up = false;
	u->welcomed = false;
	timer_stop(u->beat);
	if (was_up || u->logged_ms == 0 || clock_ms() - u->logged_ms > LOG_EVERY_MS) {
		log_warn("agent", "no controller at %s:%u: %s; containers go on", u->host, u->port,
			 why);
		u->logged_ms = clock_ms();
	}
	if (was_up)
		u->ops.down(u->arg);
	dial_later(u);
}

static void hang_up(struct uplink *u, const char *why)
{
	conn_close(u->conn);
	went_down(u, why);
}

static void on_beat(void *arg)
{
	struct uplink *u = arg;
	timer_set(u->beat, u->beat_ms);
	uplink_send(u, WIRE_HEARTBEAT, u->ops.beat ? u->ops.beat(u->arg) : json_object());
}

static void on_welcome(struct uplink *u, const json_t *msg)
{
	struct err err = {0};
	if (u->ops.welcome(msg, u->arg, &err) < 0) {
		hang_up(u, err_text(&err));
		return;
	}
	int64_t beat = json_int(msg, "heartbeat_ms", 1000);
	u->welcomed = true;
	u->beat_ms = beat < 10 ? 10 : beat > 60000 ? 60000 : (uint64_t)beat;
	u->pause_ms = UPLINK_PAUSE_MS;
	u->logged_ms = 0;
	timer_set(u->beat, u->beat_ms);
	conn_idle_timeout(u->conn, 0);
}

static void on_open(struct conn *c, void *arg)
{
	struct uplink *u = arg;
	(void)c;
	log_info("agent", "connected to the controller at %s%s%s:%u",
		 strchr(u->host, ':') ? "[" : "", u->host, strchr(u->host, ':') ? "]" : "",
		 u->port);
	conn_idle_timeout(u->conn, UPLINK_WELCOME_MS);
	u->up = true;
	uplink_send(u, WIRE_HELLO, u->ops.hello(u->arg));
}

static void on_frame(struct conn *c, uint8_t type, const void *data, size_t len, void *arg)
{
	struct uplink *u = arg;
	struct err err = {0};
	if (type == WIRE_HEARTBEAT) {
		/* A controller that answers heartbeats can be missed when it stops. */
		conn_idle_timeout(c, 5 * u->beat_ms + 1000);
		return;
	}
	auto_json *msg = json_parse(data, len, &err);
	if (!msg) {
		hang_up(u, err_text(&err));
		return;
	}
	if (type == WIRE_WELCOME) {
		on_welcome(u, msg);
		return;
	}
	if (!u->welcomed) {
		hang_up(u, "it gave orders before its welcome");
		return;
	}
	switch (type) {
	case WIRE_ASSIGN:
		u->ops.assign(msg, u->arg);
		return;
	case WIRE_SESSION:
		u->ops.session(msg, u->arg);
		return;
	default: /* a later controller's addition */
		log_debug("agent", "message of unknown type %u was left out", type);
	}
}

static void on_close(struct conn *c, const char *why, void *arg)
{
	(void)c;
	went_down(arg, why);
}

static void dial_now(void *arg)
{
	static const struct conn_ops ops = {.on_open = on_open,
					    .on_frame = on_frame,
					    .on_close = on_close};
	struct uplink *u = arg;
	if (u->addresses->n == 0)
		return;
	const char *address = u->addresses->v[u->next++ % u->addresses->n];
	struct err err = {0};
	char *host = NULL;
	uint16_t port = 0;
	if (hostport_parse(address, CONF_DEFAULT_PORT, &host, &port, &err) < 0) {
		log_error("agent", "controller address: %s", err_text(&err));
		dial_later(u);
		return;
	}
	free(u->host);
	u->host = host;
	u->port = port;
	u->conn =
		conn_dial(u->loop, u->tls, host, port, "/v1/agent/stream", UPLINK_DIAL_MS, &ops, u);
}

struct uplink *uplink_new(struct loop *l, const struct strlist *addresses, struct tls *tls,
			  const struct uplink_ops *ops, void *arg)
{
	struct uplink *u = xcalloc(1, sizeof(*u));
	u->loop = l;
	u->addresses = addresses;
	u->tls = tls;
	u->ops = *ops;
	u->arg = arg;
	u->beat_ms = 1000;
	u->pause_ms = UPLINK_PAUSE_MS;
	u->dial = timer_new(l, dial_now, u);
	u->beat = timer_new(l, on_beat, u);
	timer_set(u->dial, 0);
	return u;
}

void uplink_free(struct uplink *u)
{
	if (!u)
		return;
	conn_close(u->conn);
	timer_free(u->dial);
	timer_free(u->beat);
	free(u->host);
	free(u);
}

void uplink_set_tls(struct uplink *u, struct tls *tls)
{
	u->tls = tls;
}

bool uplink_up(const struct uplink *u)
{
	return u->up;
}

bool uplink_welcomed(const struct uplink *u)
{
	return u->up && u->welcomed;
}

void uplink_send(struct uplink *u, uint8_t type, json_t *msg_taken)
{
	auto_json *msg = msg_taken;
	if (!u->up)
		return;
	if (conn_pending(u->conn) > UPLINK_PENDING_MAX) {
		hang_up(u, "it does not read what it is sent");
		return;
	}
	auto_free char *text = json_text(msg);
	conn_frame(u->conn, type, text, strlen(text));
}

struct conn *uplink_dial(struct uplink *u, const char *path, const struct conn_ops *ops, void *arg)
{
	return conn_dial(u->loop, u->tls, u->host, u->port, path, UPLINK_DIAL_MS, ops, arg);
}
