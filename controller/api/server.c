/* SPDX-License-Identifier: Apache-2.0
 * The server's life and its turns: step, commit, send, publish, answer, in this order. */
#include "controller/api/server.h"
#include "base/crypto.h"
#include "base/log.h"
#include "controller/api/api.h"
#include "controller/api/planner.h"
#include "controller/api/routes.h"
#include "manifests/conf.h"
#include "manifests/jointoken.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#define STORE_FILE         "carrack.db"
#define STOP_GRACE_MS      300 /* for the last answers to reach their clients */
#define SILENT_BEATS       3
#define SILENT_MIN_MS      2000
#define STREAM_IDLE_MIN_MS 30000
#define STEP_MAX_MS        1000 /* tokens expire and clocks are looked at least this often */

static void replies_send(struct server *s)
{
	for (size_t i = 0; i < s->n_replies; i++) {
		struct reply *p = s->replies[i];

		if (p->req)
			httpd_reply_json(p->req, p->status, take_ptr(p->body));
		json_decref(p->body);
		free(p);
	}
	s->n_replies = 0;
}

static void puts_clear(struct server *s)
{
	for (size_t i = 0; i < s->n_puts; i++) {
		free(s->puts[i].key);
		free(s->puts[i].value);
	}
	s->n_puts = 0;
}

static void txn_add(struct store_txn *t, const struct cluster_put *puts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (puts[i].value)
			store_txn_put(t, puts[i].key, puts[i].value);
		else
			store_txn_del(t, puts[i].key);
	}
}

static int commit(struct server *s, const struct cluster_out *out, struct err *err)
{
	struct store_txn *t;

	if (!out->n_puts && !s->n_puts)
		return 0;
	t = store_txn_new(s->store);
	txn_add(t, out->puts, out->n_puts);
	txn_add(t, s->puts, s->n_puts);
	return store_txn_commit(t, NULL, err);
}

static void on_stop_timer(void *arg)
{
	struct server *s = arg;

	loop_stop(s->loop);
}

/* Memory is ahead of the disk from here on: nothing more may be sent or acknowledged. */
static void fail(struct server *s, const struct err *err)
{
	log_error("controller", "%s", err_text(err));
	s->failed = true;
	for (size_t i = 0; i < s->n_replies; i++) {
		struct reply *p = s->replies[i];

		p->status = err->code == -ENOSPC ? 507 : 500;
		json_decref(p->body);
		p->body = json_pack("{s:s}", "error", err_text(err));
	}
	replies_send(s);
	timer_set(s->stop_timer, STOP_GRACE_MS);
}

static void arm(struct server *s)
{
	uint64_t now = clock_ms(), next = cluster_next_ms(s->cluster);
	uint64_t after = next > now ? next - now : 1;

	timer_set(s->step_timer, after < STEP_MAX_MS ? after : STEP_MAX_MS);
}

static void expire_tokens(struct server *s)
{
	auto_strlist ids = {0};

	tokens_expire(s->tokens, clock_wall_ms(), &ids);
	for (size_t i = 0; i < ids.n; i++) {
		auto_free char *key = xasprintf(TOKEN_KEY_PREFIX "%s", ids.v[i]);

		server_put(s, key, NULL);
	}
}

/* Every data key is sealed to the new key, and that is on disk: the old one is forgotten. */
static void end_rotation(struct server *s)
{
	struct err err = {0};

	if (sealing_rotated(s->sealing, &err))
		log_error("controller", "the old key of configs and secrets stays for now: %s",
			  err_text(&err));
}

static void turn(void *arg)
{
	struct server *s = arg;
	struct cluster_out out = {0};
	struct err err = {0};

	s->queued = false;
	if (s->failed)
		return;
	expire_tokens(s);
	cluster_step(s->cluster, clock_ms(), clock_wall_ms(), &out);
	if (commit(s, &out, &err)) {
		fail(s, &err);
	} else {
		for (size_t i = 0; i < out.n_sends; i++)
			agent_send(s, out.sends[i].node_id, out.sends[i].type, out.sends[i].json);
		for (size_t i = 0; i < out.events.n; i++)
			events_publish(s->events, out.events.v[i]);
		end_rotation(s);
		replies_send(s);
		arm(s);
	}
	puts_clear(s);
	cluster_out_done(&out);
}

static void on_step_timer(void *arg)
{
	struct server *s = arg;

	/* One turn at a time: one that is deferred already will do this one's work. */
	if (!s->queued)
		turn(s);
}

void server_wake(struct server *s)
{
	if (s->queued)
		return;
	s->queued = true;
	loop_defer(s->loop, turn, s);
}

void server_put(struct server *s, const char *key, const char *value)
{
	s->puts = vec_grow(s->puts, s->n_puts, &s->cap_puts, sizeof(*s->puts));
	s->puts[s->n_puts++] = (struct cluster_put){xstrdup(key), xstrdup(value)};
	server_wake(s);
}

static void reply_closed(void *arg)
{
	struct reply *p = arg;

	p->req = NULL;
}

void server_reply(struct call *c, int status, json_t *body_taken)
{
	struct server *s = c->s;
	struct reply *p = xcalloc(1, sizeof(*p));

	p->req = c->req;
	p->status = status;
	p->body = body_taken ? body_taken : json_object();
	s->replies = vec_grow(s->replies, s->n_replies, &s->cap_replies, sizeof(*s->replies));
	s->replies[s->n_replies++] = p;
	httpd_on_close(c->req, reply_closed, p);
	server_wake(s);
}

json_t *api_error(const struct err *err)
{
	json_t *j = httpd_error_body(err_text(err));

	if (err->path[0])
		json_put_str(j, "path", err->path);
	return j;
}

void api_fail(struct call *c, int code, const struct err *err)
{
	int status = 400;

	switch (-code) {
	case ENOENT:
		status = 404;
		break;
	case EACCES:
	case EPERM:
		status = 403;
		break;
	case EBUSY:
	case EAGAIN:
	case EEXIST:
	case ESTALE:
	case EADDRINUSE:
		status = 409;
		break;
	case ENOSPC:
		status = 507;
		break;
	case EIO:
		status = 500;
		break;
	}
	httpd_reply_json(c->req, status, api_error(err));
}

json_t *api_body(struct call *c)
{
	struct err err = {0};
	size_t len = 0;
	const char *text = httpd_body(c->req, &len);
	json_t *j = json_parse(text ? text : "", len, &err);

	if (json_is_object(j))
		return j;
	httpd_reply_error(c->req, 400, "the request's body is no JSON object%s%s", j ? "" : ": ",
			  j ? "" : err_text(&err));
	json_decref(j);
	return NULL;
}

static int load_row(const char *key, const char *value, int64_t revision, void *arg)
{
	struct server *s = arg;
	struct err err = {0};
	int r;

	(void)revision;
	if (str_starts(key, TOKEN_KEY_PREFIX))
		r = tokens_load(s->tokens, key + strlen(TOKEN_KEY_PREFIX), value, &err);
	else
		r = cluster_load(s->cluster, key, value, &err);
	if (r)
		log_error("controller", "row '%s' of the store: %s", key, err_text(&err));
	return r;
}

static void add_address(const struct sockaddr *a, uint16_t port, struct strlist *out)
{
	const struct in6_addr *six = &((const struct sockaddr_in6 *)a)->sin6_addr;
	char text[INET6_ADDRSTRLEN];

	if (a->sa_family == AF_INET) {
		inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, text, sizeof(text));
		strlist_addf(out, "%s:%u", text, port);
	} else if (!IN6_IS_ADDR_LINKLOCAL(six)) {
		strlist_addf(out, "[%s]:%u", inet_ntop(AF_INET6, six, text, sizeof(text)), port);
	}
}

static void find_family(const struct ifaddrs *all, int family, uint16_t port, struct strlist *out)
{
	for (const struct ifaddrs *a = all; a && out->n < JOINTOKEN_ADDRS_MAX - 1;
	     a = a->ifa_next) {
		if (!a->ifa_addr || a->ifa_addr->sa_family != family ||
		    (a->ifa_flags & IFF_LOOPBACK) || !(a->ifa_flags & IFF_UP))
			continue;
		/* Bridges of container networks are no way to this host from another one. */
		if (str_starts(a->ifa_name, "ck") || str_starts(a->ifa_name, "docker") ||
		    str_starts(a->ifa_name, "br-"))
			continue;
		add_address(a->ifa_addr, port, out);
	}
}

/* This host's addresses, for tokens and the operator's context; loopback only when there is no
 * other. */
static void find_addresses(bool six, uint16_t port, struct strlist *out)
{
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all))
		return;
	find_family(all, AF_INET, port, out);
	if (six)
		find_family(all, AF_INET6, port, out);
	freeifaddrs(all);
	if (!out->n)
		strlist_addf(out, "127.0.0.1:%u", port);
}

static void advertise(struct server *s, const struct server_config *c, const char *host)
{
	uint16_t port = httpd_port(s->httpd);

	if (c->advertise && c->advertise->n) {
		for (size_t i = 0; i < c->advertise->n && i < JOINTOKEN_ADDRS_MAX; i++) {
			auto_free char *h = NULL;
			uint16_t p = 0;

			if (hostport_parse(c->advertise->v[i], port, &h, &p, NULL))
				continue;
			strlist_addf(&s->advertise, strchr(h, ':') ? "[%s]:%u" : "%s:%u", h, p);
		}
		return;
	}
	if (streq(host, "0.0.0.0") || streq(host, "::"))
		find_addresses(streq(host, "::"), port, &s->advertise);
	else
		strlist_addf(&s->advertise, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
}

static int stop_at_first(const char *key, const char *value, int64_t revision, void *arg)
{
	(void)key, (void)value, (void)revision, (void)arg;
	return 1;
}

/* A key is made only for a store that holds nothing sealed to another. */
static int open_sealing(struct server *s, const struct server_config *c, struct err *err)
{
	int r = store_list(s->store, "sealed/", stop_at_first, NULL, err);

	return r < 0 ? r
		     : sealing_open(c->data_dir, r == 0 || c->new_sealing_key, &s->sealing, err);
}

static int open_state(struct server *s, const struct server_config *c, struct err *err)
{
	struct cluster_config cc = {
		.heartbeat_ms = c->heartbeat_ms,
		.heartbeat_misses = c->heartbeat_misses,
		.pool = c->pool,
		.pool6 = c->pool6,
	};
	auto_free char *path = xasprintf("%s/" STORE_FILE, c->data_dir);
	int r = store_open(path, &s->store, err);

	if (r)
		return r;
	r = pki_open(c->data_dir, &s->pki, err);
	if (r)
		return r;
	r = open_sealing(s, c, err);
	if (r)
		return r;
	cc.sealing = s->sealing;
	crypto_random(&cc.seed, sizeof(cc.seed));
	s->cluster = cluster_new(&cc);
	s->tokens = tokens_new();
	s->events = events_new(clock_wall_ms());
	r = store_list(s->store, "", load_row, s, err);
	if (r)
		return err_set(err, r,
			       "store '%s' holds a row that this carrack cannot read; the log "
			       "names it",
			       path);
	cluster_start(s->cluster, clock_ms());
	if (s->sealing->rotating)
		cluster_rewrap(s->cluster);
	return 0;
}

/* "::" is every address of both families; a kernel may lack one of them. */
static int listen_at(struct server *s, const char *host, uint16_t port, struct err *err)
{
	if (!streq(host, "::"))
		return httpd_listen(s->httpd, host, port, err);
	int four = httpd_listen(s->httpd, "0.0.0.0", port, err);
	if (four && four != -EAFNOSUPPORT)
		return four;
	int six =
		httpd_listen(s->httpd, host, four ? port : httpd_port(s->httpd), four ? err : NULL);
	return six == -EAFNOSUPPORT || six == -EADDRNOTAVAIL ? four : six;
}

static int open_network(struct server *s, const struct server_config *c, struct err *err)
{
	auto_free char *host = NULL;
	auto_strlist addrs = {0};
	uint16_t port = 0;
	int r = hostport_parse(c->listen, CONF_DEFAULT_PORT, &host, &port, err);

	if (r)
		return r;
	s->tls = tls_server(s->pki->key, s->pki->cert, s->pki->ca_cert, err);
	if (!s->tls)
		return err ? err->code : -EIO;
	s->httpd = httpd_new(s->loop, s->tls, route_dispatch, s);
	r = listen_at(s, host, port, err);
	if (r)
		return r;
	advertise(s, c, host);
	strlist_copy(&addrs, &s->advertise);
	if (streq(host, "0.0.0.0") || streq(host, "::")) {
		auto_free char *local = xasprintf("127.0.0.1:%u", httpd_port(s->httpd));

		if (!strlist_has(&addrs, local))
			strlist_add(&addrs, local);
	}
	return pki_operator_file(s->pki, c->data_dir, &addrs, err);
}

static void free_json(void *j)
{
	json_decref(j);
}

int server_new(struct loop *l, const struct server_config *c, struct server **ret, struct err *err)
{
	struct server *s = xcalloc(1, sizeof(*s));
	int r;

	s->loop = l;
	s->progress.free_val = free_json;
	s->planner = planner_new(s);
	s->silent_ms = (uint64_t)c->heartbeat_ms * SILENT_BEATS + SILENT_MIN_MS;
	s->stream_idle_ms = (uint64_t)c->heartbeat_ms * 10 + STREAM_IDLE_MIN_MS;
	s->step_timer = timer_new(l, on_step_timer, s);
	s->stop_timer = timer_new(l, on_stop_timer, s);
	r = open_state(s, c, err);
	if (!r)
		r = open_network(s, c, err);
	if (r) {
		server_free(s);
		return r;
	}
	server_wake(s);
	*ret = s;
	return 0;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	planner_free(s->planner);
	session_close_all(s);
	agent_close_all(s);
	events_free(s->events);
	httpd_free(s->httpd);
	tls_free(s->tls);
	for (size_t i = 0; i < s->n_replies; i++) {
		json_decref(s->replies[i]->body);
		free(s->replies[i]);
	}
	free(s->replies);
	puts_clear(s);
	free(s->puts);
	map_clear(&s->progress);
	map_clear(&s->join_failures);
	strlist_done(&s->advertise);
	timer_free(s->step_timer);
	timer_free(s->stop_timer);
	tokens_free(s->tokens);
	if (s->cluster)
		cluster_free(s->cluster);
	sealing_free(s->sealing);
	pki_free(s->pki);
	store_close(s->store);
	free(s);
}

uint16_t server_port(const struct server *s)
{
	return httpd_port(s->httpd);
}

bool server_failed(const struct server *s)
{
	return s->failed;
}
