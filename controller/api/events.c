/* SPDX-License-Identifier: Apache-2.0
 * Events: the ring and its followers, each of which gets one SESSION_LOG frame an event. */
#include "controller/api/events.h"
#include "manifests/wire.h"
#include <string.h>

struct events {
	char *ring[EVENTS_KEPT]; /* at seq % EVENTS_KEPT */
	int64_t first, next;     /* numbers in the ring: first <= n < next */
	struct conn *followers[EVENTS_FOLLOWERS_MAX];
	size_t n_followers;
};

struct events *events_new(int64_t first_seq)
{
	struct events *e = xcalloc(1, sizeof(*e));

	e->first = e->next = first_seq;
	return e;
}

void events_free(struct events *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->n_followers; i++)
		conn_close(e->followers[i]);
	for (size_t i = 0; i < EVENTS_KEPT; i++)
		free(e->ring[i]);
	free(e);
}

static void follower_drop(struct events *e, size_t i)
{
	e->followers[i] = e->followers[--e->n_followers];
}

void events_publish(struct events *e, const char *json)
{
	char **slot = &e->ring[e->next % EVENTS_KEPT];

	free(*slot);
	*slot = xasprintf("{\"seq\":%lld,%s", (long long)e->next, json + 1);
	e->next++;
	if (e->next - e->first > EVENTS_KEPT)
		e->first = e->next - EVENTS_KEPT;
	for (size_t i = e->n_followers; i-- > 0;) {
		struct conn *c = e->followers[i];

		if (conn_pending(c) > EVENTS_BACKLOG_MAX) {
			follower_drop(e, i);
			conn_close(c);
			continue;
		}
		conn_frame(c, SESSION_LOG, *slot, strlen(*slot));
	}
}

static int64_t events_from(const struct events *e, int64_t since)
{
	return since < e->first ? e->first : since + 1;
}

void events_text(const struct events *e, int64_t since, struct str *out)
{
	int64_t from = events_from(e, since);

	str_addf(out, "{\"last\":%lld,\"events\":[", (long long)(e->next - 1));
	for (int64_t n = from; n < e->next; n++) {
		if (n > from)
			str_addc(out, ',');
		str_add(out, e->ring[n % EVENTS_KEPT]);
	}
	str_add(out, "]}");
}

static void follower_frame(struct conn *c, uint8_t type, const void *data, size_t len, void *arg)
{
	/* Followers have nothing to say. */
	(void)c, (void)type, (void)data, (void)len, (void)arg;
}

static void follower_close(struct conn *c, const char *why, void *arg)
{
	struct events *e = arg;

	(void)why;
	for (size_t i = 0; i < e->n_followers; i++) {
		if (e->followers[i] == c) {
			follower_drop(e, i);
			return;
		}
	}
}

const struct conn_ops events_ops = {.on_frame = follower_frame, .on_close = follower_close};

bool events_full(const struct events *e)
{
	return e->n_followers == EVENTS_FOLLOWERS_MAX;
}

void events_follow(struct events *e, struct conn *c, int64_t since)
{
	e->followers[e->n_followers++] = c;
	for (int64_t n = events_from(e, since); n < e->next; n++) {
		const char *text = e->ring[n % EVENTS_KEPT];

		conn_frame(c, SESSION_LOG, text, strlen(text));
	}
}
