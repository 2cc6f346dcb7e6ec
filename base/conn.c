/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte streams and frames over bufferevents; see conn.h. Owns the socket, its TLS, back-pressure and
 * the orderly end. Knows nothing of HTTP.
 *
 * A callback may close its conn, or free what owns it: `depth` counts the callbacks on the stack,
 * and the struct lives until the last of them has returned.
 */
#include "base/conn_private.h"
#include "base/conn_tls.h"
#include "base/framebuf.h"
#include "base/idle.h"
#include "base/mem.h"
#include "base/sock.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define READ_HIGH        (256u << 10) /* bytes held unread before the kernel's buffers fill */
#define WRITE_LOW        (256u << 10) /* on_drain at or below this */
#define CHUNK            (16u << 10)  /* bytes of one on_data */
#define FLUSH_TIMEOUT_MS 30000        /* for what conn_flush_close leaves to be sent */
#define LINGER_MS        2000         /* then: for the peer to read it and close */

enum phase { PHASE_NEW, PHASE_HANDSHAKE, PHASE_OPEN, PHASE_FLUSH, PHASE_LINGER, PHASE_DEAD };

struct conn {
	struct loop *loop;
	const struct conn_ops *ops;
	void *arg;
	struct bufferevent *bev; /* owns the socket and its TLS; NULL before conn_attach */
	struct evbuffer *early;  /* written before it was open */
	struct dial *dial;
	struct idle idle;
	struct timer *doom; /* ends what must not last (flush, linger, late failure) */
	struct loop_last last;
	enum phase phase;
	unsigned depth;
	bool paused;
	bool drains;    /* something was written since on_drain */
	char *eof_why;  /* the peer has ended; said once the input is consumed */
	bool half;      /* it ended in good order and may listen yet */
	char *fail_why; /* for conn_fail_later */
	char peer[64];
};

struct conn *conn_new(struct loop *l, const struct conn_ops *ops, void *arg)
{
	struct conn *c = xcalloc(1, sizeof(*c));
	c->loop = l;
	c->ops = ops;
	c->arg = arg;
	return c;
}

static void hold(struct conn *c)
{
	c->depth++;
}

static void release(struct conn *c)
{
	if (--c->depth || c->phase != PHASE_DEAD)
		return;
	free(c->eof_why);
	free(c->fail_why);
	free(c);
}

/* Lets go of the socket and of all that could call back; the struct goes with the last release. */
static void die(struct conn *c)
{
	c->phase = PHASE_DEAD;
	loop_forget(&c->last);
	if (c->dial)
		dial_free(take_ptr(c->dial));
	if (c->bev)
		bufferevent_free(take_ptr(c->bev));
	if (c->early)
		evbuffer_free(take_ptr(c->early));
	idle_done(&c->idle);
	timer_free(take_ptr(c->doom));
}

void conn_close(struct conn *c)
{
	if (!c || c->phase == PHASE_DEAD)
		return;
	hold(c);
	die(c);
	release(c);
}

void conn_fail(struct conn *c, const char *why)
{
	if (c->phase == PHASE_DEAD)
		return;
	hold(c);
	bool told = c->phase == PHASE_FLUSH || c->phase == PHASE_LINGER;
	auto_free char *text = xstrdup(why);
	die(c);
	if (!told && c->ops->on_close)
		c->ops->on_close(c, text, c->arg);
	release(c);
}

static void doomed(void *arg)
{
	struct conn *c = arg;
	conn_fail(c, c->fail_why ? c->fail_why : "the connection did not end in time");
}

static void set_doom(struct conn *c, uint64_t ms)
{
	if (!c->doom)
		c->doom = timer_new(c->loop, doomed, c);
	timer_set(c->doom, ms);
}

void conn_fail_later(struct conn *c, const char *why)
{
	free(c->fail_why);
	c->fail_why = xstrdup(why);
	set_doom(c, 0);
}

/* --- reading ----------------------------------------------------------------------------- */

static bool readable(const struct conn *c)
{
	return c->phase == PHASE_OPEN && !c->paused;
}

/* Hands on one piece of the input; false when there is none to hand on now. The bytes are the
 * callback's own copy, for it may close the conn and still look at them. */
static bool deliver_raw(struct conn *c, struct evbuffer *in)
{
	char chunk[CHUNK];
	int n = evbuffer_remove(in, chunk, sizeof(chunk));
	if (n <= 0)
		return false;
	c->ops->on_data(c, chunk, (size_t)n, c->arg);
	return true;
}

static bool deliver_frame(struct conn *c, struct evbuffer *in)
{
	struct frame f;
	auto_free char *data = NULL;
	int r = framebuf_take(in, CONN_FRAME_MAX, &f, &data);
	if (r == -EMSGSIZE) {
		conn_fail(c, "the other side sent a frame that is too long");
		return false;
	}
	if (r < 0) {
		size_t whole = FRAME_HEAD + (size_t)f.len;
		bufferevent_setwatermark(c->bev, EV_READ, whole,
					 whole > READ_HIGH ? whole : READ_HIGH);
		return false;
	}
	if (c->ops->on_frame)
		c->ops->on_frame(c, f.type, data, f.len, c->arg);
	return true;
}

static void opened(struct conn *c);

/* The server's answer to the upgrade. */
static bool deliver_answer(struct conn *c, struct evbuffer *in)
{
	struct err err = {0};
	size_t used = 0;
	size_t n = evbuffer_get_length(in);
	int r = dial_answer(c->dial, n ? evbuffer_pullup(in, -1) : NULL, n, &used, &err);
	if (r == -EAGAIN)
		return false;
	if (r < 0) {
		conn_fail(c, err_text(&err));
		return false;
	}
	evbuffer_drain(in, used);
	dial_free(take_ptr(c->dial));
	opened(c);
	return true;
}

static bool deliver(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	if (c->dial)
		return deliver_answer(c, in);
	if (!c->ops->on_data)
		return deliver_frame(c, in);
	bufferevent_setwatermark(c->bev, EV_READ, 0, READ_HIGH);
	return deliver_raw(c, in);
}

static void flush(struct conn *c);

/* The owner is told at once; what was written before may still reach a peer that only stopped
 * sending. */
static void end_of_input(struct conn *c)
{
	if (!c->half || c->dial || !conn_pending(c)) {
		conn_fail(c, c->eof_why);
		return;
	}
	flush(c);
	if (c->ops->on_close)
		c->ops->on_close(c, c->eof_why, c->arg);
}

/* Hands on what has come, as far as the owner takes it, then the end if that has come too. */
static void pump(struct conn *c)
{
	hold(c);
	bool more = true;
	while (more && readable(c))
		more = deliver(c);
	if (c->eof_why && readable(c))
		end_of_input(c);
	release(c);
}

static void on_readable(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;
	if (c->phase == PHASE_FLUSH || c->phase == PHASE_LINGER) {
		evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
		return;
	}
	idle_heard(&c->idle);
	pump(c);
}

/* Runs pump soon: from the loop, not from the caller's stack. */
static void pump_later(struct conn *c)
{
	bufferevent_trigger(c->bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

void conn_pause(struct conn *c)
{
	if (c->paused || c->dial || c->phase != PHASE_OPEN)
		return;
	c->paused = true;
	bufferevent_disable(c->bev, EV_READ);
}

void conn_resume(struct conn *c)
{
	if (!c->paused || c->phase != PHASE_OPEN)
		return;
	c->paused = false;
	idle_heard(&c->idle);
	bufferevent_enable(c->bev, EV_READ);
	pump_later(c);
}

void conn_unread(struct conn *c, const void *data, size_t len)
{
	if (!len || c->phase != PHASE_OPEN)
		return;
	evbuffer_prepend(bufferevent_get_input(c->bev), data, len);
	pump_later(c);
}

void conn_set_ops(struct conn *c, const struct conn_ops *ops, void *arg)
{
	c->ops = ops;
	c->arg = arg;
	if (c->phase == PHASE_OPEN && evbuffer_get_length(bufferevent_get_input(c->bev)))
		pump_later(c);
}

static void on_quiet(void *arg)
{
	struct conn *c = arg;
	if (c->paused) { /* we are the ones who do not listen */
		idle_again(&c->idle);
		return;
	}
	auto_free char *why = xasprintf("nothing was heard from %s for %.1f s", c->peer,
					(double)c->idle.ms / 1000);
	conn_fail(c, why);
}

void conn_idle_timeout(struct conn *c, uint64_t ms)
{
	if (c->phase < PHASE_FLUSH)
		idle_set(&c->idle, c->loop, ms, on_quiet, c);
}

/* --- writing ----------------------------------------------------------------------------- */

/* Where output goes now: to the socket, or aside until the peer has agreed to speak. */
static struct evbuffer *output(struct conn *c)
{
	if (c->phase == PHASE_OPEN && !c->dial)
		return bufferevent_get_output(c->bev);
	if (c->phase >= PHASE_FLUSH)
		return NULL;
	if (!c->early)
		c->early = evbuffer_new();
	return c->early;
}

void conn_write(struct conn *c, const void *data, size_t len)
{
	struct evbuffer *out = output(c);
	if (!out)
		return;
	c->drains = true;
	framebuf_add_raw(out, data, len);
}

void conn_frame(struct conn *c, uint8_t type, const void *data, size_t len)
{
	struct evbuffer *out = output(c);
	if (!out)
		return;
	if (len > CONN_FRAME_MAX) {
		conn_fail_later(c, "a frame was too long to be sent");
		return;
	}
	c->drains = true;
	framebuf_add(out, type, data, len);
}

size_t conn_pending(const struct conn *c)
{
	if (c->phase == PHASE_DEAD)
		return 0;
	size_t n = c->early ? evbuffer_get_length(c->early) : 0;
	return n + (c->bev ? evbuffer_get_length(bufferevent_get_output(c->bev)) : 0);
}

/* All is sent: say so to the peer, and give it a while to read that before the socket goes; a close
 * with unread input would reset the connection under it. */
static void linger(struct conn *c)
{
	c->phase = PHASE_LINGER;
	conn_tls_end(c->bev);
	shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	set_doom(c, c->half ? 0 : LINGER_MS);
}

static void close_last(void *conn)
{
	conn_close(conn);
}

/* Sends what is pending, then ends; the conn is its own owner from here on. */
static void flush(struct conn *c)
{
	c->phase = PHASE_FLUSH;
	c->last = (struct loop_last){.cb = close_last, .arg = c};
	loop_remember(c->loop, &c->last);
	idle_done(&c->idle);
	evbuffer_drain(bufferevent_get_input(c->bev), SIZE_MAX);
	bufferevent_setwatermark(c->bev, EV_READ, 0, READ_HIGH);
	if (!c->half)
		bufferevent_enable(c->bev, EV_READ);
	set_doom(c, FLUSH_TIMEOUT_MS);
	if (!conn_pending(c))
		linger(c);
}

void conn_flush_close(struct conn *c)
{
	if (!c || c->phase >= PHASE_FLUSH)
		return;
	if (c->phase != PHASE_OPEN || c->dial || (c->eof_why && !c->half) || c->fail_why)
		conn_close(c);
	else
		flush(c);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;
	if (c->phase == PHASE_FLUSH && !evbuffer_get_length(bufferevent_get_output(bev)))
		linger(c);
	if (c->phase != PHASE_OPEN || c->dial || !c->drains || conn_pending(c) > WRITE_LOW)
		return;
	c->drains = false;
	hold(c);
	if (c->ops->on_drain)
		c->ops->on_drain(c, c->arg);
	release(c);
}

/* --- opening and ending ------------------------------------------------------------------ */

/* The conn is the owner's to speak on. */
static void opened(struct conn *c)
{
	hold(c);
	if (c->early) {
		bufferevent_write_buffer(c->bev, c->early);
		evbuffer_free(take_ptr(c->early));
	}
	if (c->ops->on_open)
		c->ops->on_open(c, c->arg);
	release(c);
}

static void handshaken(struct conn *c)
{
	c->phase = PHASE_OPEN;
	if (!c->dial) {
		opened(c);
		return;
	}
	auto_free char *request = dial_request(c->dial);
	framebuf_add_raw(bufferevent_get_output(c->bev), request, strlen(request));
}

static char *trouble(struct conn *c, short what)
{
	int e = EVUTIL_SOCKET_ERROR();
	char *why = conn_tls_trouble(c->bev, c->peer);
	if (why)
		return why;
	if ((what & BEV_EVENT_EOF) || !e)
		return xasprintf("%s closed the connection", c->peer);
	return xasprintf("lost the connection to %s: %s", c->peer, strerror(e));
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;
	(void)bev;
	if (what & BEV_EVENT_CONNECTED) {
		handshaken(c);
		return;
	}
	if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
		return;
	auto_free char *why = trouble(c, what);
	if (c->phase != PHASE_OPEN) {
		conn_fail(c, why);
		return;
	}
	/* The last bytes may be in the input yet, and the owner may have paused. */
	free(c->eof_why);
	c->eof_why = take_ptr(why);
	c->half = what & BEV_EVENT_EOF;
	pump(c);
}

void conn_attach(struct conn *c, struct tls *tls, bool serves, int fd)
{
	sock_tune(fd);
	c->bev = tls ? conn_tls_new(loop_base(c->loop), tls, serves, fd)
		     : bufferevent_socket_new(loop_base(c->loop), fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->bev)
		abort();
	c->phase = PHASE_HANDSHAKE;
	bufferevent_setcb(c->bev, on_readable, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_WRITE, WRITE_LOW, 0);
	bufferevent_setwatermark(c->bev, EV_READ, 0, READ_HIGH);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	if (!tls)
		bufferevent_trigger_event(c->bev, BEV_EVENT_CONNECTED, BEV_TRIG_DEFER_CALLBACKS);
}

void conn_set_dial(struct conn *c, struct dial *d)
{
	c->dial = d;
}

void conn_set_peer(struct conn *c, const char *addr)
{
	snprintf(c->peer, sizeof(c->peer), "%s", addr);
}

const char *conn_peer_addr(const struct conn *c)
{
	return c->peer;
}

void conn_peer_subject(const struct conn *c, char org[TLS_DN_MAX], char cn[TLS_DN_MAX])
{
	org[0] = cn[0] = 0;
	if (c->bev)
		conn_tls_subject(c->bev, org, cn);
}
