/* SPDX-License-Identifier: Apache-2.0
 * Questions to other resolvers; see upstream.h. */
#include "overlay/upstream.h"
#include "base/mem.h"
#include "overlay/dnsmsg.h"
#include "overlay/resolv.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

struct upstream {
	struct loop *loop;
	struct resolv resolv;
	struct upstream_ask *first;
	size_t flight;
	struct sick {
		struct resolv_server server;
		uint64_t until_ms;
	} sick[UPSTREAM_SERVERS_MAX]; /* the one that ends first is replaced */
};

struct upstream_ask {
	struct upstream *up;
	struct upstream_ask *prev, *next;
	struct resolv_server servers[UPSTREAM_SERVERS_MAX];
	size_t n_servers, tries; /* tries: with the one under way */
	bool tcp;
	uint8_t *msg; /* with our id */
	size_t len;
	uint8_t client_id[2];
	int fd;
	struct watch *watch;
	struct timer *timer;
	size_t sent; /* TCP: bytes of length and message */
	struct str in;
	upstream_cb cb;
	void *arg;
};

#define RCODE_SERVFAIL 2 /* RFC 1035 4.1.1 */
#define RCODE_REFUSED  5

static void try_next(struct upstream_ask *a);

struct upstream *upstream_new(struct loop *l, const char *resolv_conf)
{
	struct upstream *u = xcalloc(1, sizeof(*u));
	u->loop = l;
	u->resolv.path = xstrdup(resolv_conf);
	return u;
}

static struct sick *sick_of(struct upstream *u, const struct resolv_server *s)
{
	for (size_t i = 0; i < UPSTREAM_SERVERS_MAX; i++)
		if (u->sick[i].until_ms && memcmp(&u->sick[i].server, s, sizeof(*s)) == 0)
			return &u->sick[i];
	return NULL;
}

static bool is_sick(struct upstream *u, const struct resolv_server *s)
{
	const struct sick *k = sick_of(u, s);
	return k && clock_ms() < k->until_ms;
}

static void note_sick(struct upstream *u, const struct resolv_server *s, bool sick)
{
	struct sick *k = sick_of(u, s);
	for (size_t i = 0; !k && sick && i < UPSTREAM_SERVERS_MAX; i++)
		if (i == 0 || u->sick[i].until_ms < u->sick[0].until_ms)
			k = &u->sick[i];
	if (k)
		*k = (struct sick){.server = *s,
				   .until_ms = sick ? clock_ms() + UPSTREAM_SICK_MS : 0};
}

/* The server of the try under way. */
static const struct resolv_server *current(const struct upstream_ask *a)
{
	return &a->servers[(a->tries - 1) % a->n_servers];
}

static void hang_up(struct upstream_ask *a)
{
	watch_free(take_ptr(a->watch));
	if (a->fd >= 0)
		close(take_fd(a->fd));
	str_clear(&a->in);
	a->sent = 0;
}

void upstream_forget(struct upstream_ask *a)
{
	if (!a)
		return;
	hang_up(a);
	timer_free(a->timer);
	if (a->prev)
		a->prev->next = a->next;
	else
		a->up->first = a->next;
	if (a->next)
		a->next->prev = a->prev;
	a->up->flight--;
	str_done(&a->in);
	free(a->msg);
	free(a);
}

void upstream_free(struct upstream *u)
{
	if (!u)
		return;
	while (u->first)
		upstream_forget(u->first);
	free(u->resolv.path);
	free(u);
}

static void finish(struct upstream_ask *a, const uint8_t *answer, size_t len)
{
	a->cb(answer, len, a->arg);
	upstream_forget(a);
}

/* An answer that is none of ours (another id, question or sender) is ignored: we wait on. */
static bool accept_answer(struct upstream_ask *a, uint8_t *answer, size_t len)
{
	if (!dnsmsg_matches(a->msg, a->len, answer, len))
		return false;
	unsigned code = answer[3] & 15;
	bool useless = code == RCODE_SERVFAIL || code == RCODE_REFUSED;
	if (useless && a->tries < a->n_servers) { /* another may know better */
		try_next(a);
		return true;
	}
	note_sick(a->up, current(a), false);
	memcpy(answer, a->client_id, 2);
	finish(a, answer, len);
	return true;
}

static void on_udp(int fd, unsigned flags, void *arg)
{
	(void)flags;
	struct upstream_ask *a = arg;
	uint8_t buf[DNSMSG_MAX];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		note_sick(a->up, current(a), true);
		try_next(a); /* nobody listens there */
		return;
	}
	if (n > 0)
		accept_answer(a, buf, (size_t)n);
}

/* Writes what is left of length and message; false: broken. */
static bool tcp_write(struct upstream_ask *a)
{
	auto_str all = {0};
	uint8_t head[2] = {(uint8_t)(a->len >> 8), (uint8_t)a->len};
	str_addn(&all, head, 2);
	str_addn(&all, a->msg, a->len);
	ssize_t n = send(a->fd, all.data + a->sent, all.len - a->sent, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == EINPROGRESS;
	a->sent += (size_t)n;
	return true;
}

static void on_tcp(int fd, unsigned flags, void *arg)
{
	struct upstream_ask *a = arg;
	if (flags & WATCH_WRITE && a->sent < a->len + 2) {
		if (!tcp_write(a)) {
			try_next(a);
			return;
		}
		if (a->sent == a->len + 2) {
			watch_free(a->watch);
			a->watch = watch_fd(a->up->loop, fd, WATCH_READ, on_tcp, a);
		}
		return;
	}
	uint8_t buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		try_next(a);
		return;
	}
	str_addn(&a->in, buf, (size_t)n);
	uint8_t *in = (uint8_t *)a->in.data;
	size_t want = a->in.len < 2 ? DNSMSG_MAX : (size_t)(in[0] << 8 | in[1]);
	if (a->in.len >= want + 2 && !accept_answer(a, in + 2, want))
		try_next(a);
}

static int dial(struct upstream_ask *a, const struct resolv_server *s)
{
	int type = (a->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	a->fd = socket(s->addr.ss_family, type, 0);
	if (a->fd < 0)
		return -errno;
	if (connect(a->fd, (const struct sockaddr *)&s->addr, s->len) < 0 && errno != EINPROGRESS)
		return -errno;
	if (!a->tcp && send(a->fd, a->msg, a->len, MSG_NOSIGNAL) < 0)
		return -errno;
	a->watch = watch_fd(a->up->loop, a->fd, a->tcp ? WATCH_READ | WATCH_WRITE : WATCH_READ,
			    a->tcp ? on_tcp : on_udp, a);
	timer_set(a->timer, a->tries <= a->n_servers ? UPSTREAM_FIRST_MS : UPSTREAM_TRY_MS);
	return 0;
}

static void try_next(struct upstream_ask *a)
{
	hang_up(a);
	size_t limit = a->n_servers + UPSTREAM_TRIES;
	while (a->tries < limit) {
		const struct resolv_server *s = &a->servers[a->tries++ % a->n_servers];
		if (dial(a, s) == 0)
			return;
		hang_up(a);
	}
	finish(a, NULL, 0);
}

static void on_timeout(void *arg)
{
	struct upstream_ask *a = arg;
	note_sick(a->up, current(a), true);
	try_next(a);
}

/* The first try is made from the loop, so that cb is never called before upstream_send returns. */
static void on_start(void *arg)
{
	struct upstream_ask *a = arg;
	timer_free(a->timer);
	a->timer = timer_new(a->up->loop, on_timeout, a);
	try_next(a);
}

static size_t known(struct upstream *u, const struct strlist *servers,
		    struct resolv_server out[UPSTREAM_SERVERS_MAX])
{
	size_t n = 0;
	for (size_t i = 0; servers && i < servers->n && n < UPSTREAM_SERVERS_MAX; i++)
		if (resolv_parse_server(servers->v[i], &out[n]))
			n++;
	if (n)
		return n;
	resolv_refresh(&u->resolv);
	memcpy(out, u->resolv.v, u->resolv.n * sizeof(out[0]));
	return u->resolv.n;
}

/* In the file's order, but for those that were silent lately: they come last. */
static size_t choose(struct upstream *u, const struct strlist *servers,
		     struct resolv_server out[UPSTREAM_SERVERS_MAX])
{
	struct resolv_server all[UPSTREAM_SERVERS_MAX];
	size_t n = known(u, servers, all), done = 0;
	for (int sick = 0; sick <= 1; sick++)
		for (size_t i = 0; i < n; i++)
			if (is_sick(u, &all[i]) == (sick == 1))
				out[done++] = all[i];
	return done;
}

bool upstream_has_server(struct upstream *u, const struct strlist *servers)
{
	struct resolv_server v[UPSTREAM_SERVERS_MAX];
	return choose(u, servers, v) > 0;
}

struct upstream_ask *upstream_send(struct upstream *u, const struct strlist *servers, bool tcp,
				   const uint8_t *msg, size_t len, upstream_cb cb, void *arg)
{
	struct upstream_ask *a = xcalloc(1, sizeof(*a));
	uint8_t id[2];
	a->n_servers = choose(u, servers, a->servers);
	if (a->n_servers == 0 || u->flight >= UPSTREAM_FLIGHT_MAX || len < DNSMSG_HEADER ||
	    len > DNSMSG_MAX || getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id)) {
		free(a);
		return NULL;
	}
	a->up = u;
	a->tcp = tcp;
	a->fd = -1;
	a->msg = xmemdup(msg, len);
	a->len = len;
	a->cb = cb;
	a->arg = arg;
	memcpy(a->client_id, msg, 2);
	memcpy(a->msg, id, 2);
	a->next = u->first;
	if (u->first)
		u->first->prev = a;
	u->first = a;
	u->flight++;
	a->timer = timer_new(u->loop, on_start, a);
	timer_set(a->timer, 0);
	return a;
}
