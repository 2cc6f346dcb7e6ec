/* SPDX-License-Identifier: Apache-2.0
 * Agents: joining with a token, their certificates, and the one stream each keeps open. Who an agent
 * is, its certificate says and nothing else. */
#include "base/log.h"
#include "base/num.h"
#include "controller/api/api.h"
#include "manifests/limits.h"
#include "manifests/stackfile.h"
#include "manifests/wire.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>

struct stream {
	struct server *s;
	struct conn *conn;
	char *node_id;
	bool greeted;      /* WIRE_HELLO came */
	uint64_t heard_ms; /* when the last message came */
};

void api_version(struct call *c)
{
	httpd_reply_json(c->req, 200, json_pack("{s:s,s:i}", "version", CARRACK_VERSION, "api", 1));
}

void api_ca(struct call *c)
{
	httpd_reply_json(c->req, 200, json_pack("{s:s}", "ca", c->s->pki->ca_cert));
}

/* True when this address guessed too often in the current window. */
static bool join_limited(struct server *s, const char *addr)
{
	uint64_t now = clock_ms();

	if (now - s->join_window_ms >= API_JOIN_WINDOW_MS) {
		map_clear(&s->join_failures);
		s->join_window_ms = now;
	}
	return (uintptr_t)map_get(&s->join_failures, addr) >= API_JOIN_FAILURES;
}

static void join_failed(struct server *s, const char *addr)
{
	uintptr_t count = (uintptr_t)map_get(&s->join_failures, addr);

	map_set(&s->join_failures, addr, (void *)(count + 1));
}

static int join_decode(const json_t *body, const char **id, const char **secret, const char **csr,
		       const char **name, struct err *err)
{
	int r = json_need_str(body, "id", id, err);

	if (!r)
		r = json_need_str(body, "secret", secret, err);
	if (!r)
		r = json_need_str(body, "csr", csr, err);
	if (!r)
		r = json_need_str(body, "name", name, err);
	if (!r && (strlen(*id) > 64 || strlen(*secret) > 256 || strlen(*csr) > 8192))
		r = err_set(err, -EINVAL, "the join request is malformed: a member is too long");
	return r;
}

/* Host names come in any case; node names are lower case, as all names are. */
static int node_name(const char *given, char **ret, struct err *err)
{
	auto_free char *name = xstrndup(given, LIMIT_NAME + 1);

	for (char *p = name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	if (!spec_name_valid(name))
		return err_set(err, -EINVAL,
			       "node name '%.100s' is not valid; use letters, digits, '-', '_' and "
			       "'.', at most %d (agent option --name)",
			       given, LIMIT_NAME);
	*ret = take_ptr(name);
	return 0;
}

static int join(struct call *c, const char *csr, const char *name, const char *token_id,
		json_t **ret, struct err *err)
{
	struct server *s = c->s;
	auto_free char *cert = NULL;
	char node_id[13];
	int r;

	random_hex(node_id, 12);
	r = pki_sign_agent(s->pki, csr, node_id, &cert, err);
	if (r)
		return r;
	r = cluster_node_join(s->cluster, node_id, name, err);
	if (r)
		return r;
	if (tokens_once(s->tokens, token_id)) {
		auto_free char *key = xasprintf(TOKEN_KEY_PREFIX "%s", token_id);

		tokens_del(s->tokens, token_id);
		server_put(s, key, NULL);
	}
	log_info("controller", "node '%s' (%s) joined from %s", name, node_id,
		 httpd_peer_addr(c->req));
	*ret = json_pack("{s:s,s:s,s:s}", "node_id", node_id, "cert", cert, "ca", s->pki->ca_cert);
	return 0;
}

void api_join(struct call *c)
{
	const char *id, *secret, *csr, *given, *addr = httpd_peer_addr(c->req);
	struct err err = {0};
	auto_json *body = NULL;
	auto_free char *name = NULL;
	json_t *answer = NULL;
	int r;

	if (join_limited(c->s, addr)) {
		httpd_reply_error(
			c->req, 429,
			"too many wrong join tokens from '%s'; wait a second and try again", addr);
		return;
	}
	body = api_body(c);
	if (!body)
		return;
	r = join_decode(body, &id, &secret, &csr, &given, &err);
	if (!r)
		r = node_name(given, &name, &err);
	if (!r) {
		r = tokens_check(c->s->tokens, id, secret, clock_wall_ms(), &err);
		if (r)
			join_failed(c->s, addr);
	}
	if (!r)
		r = join(c, csr, name, id, &answer, &err);
	if (r)
		api_fail(c, r, &err);
	else
		server_reply(c, 200, answer);
}

/* Is the certificate's node still one of the cluster? Answers 403 when not. */
static bool known_node(struct call *c)
{
	const char *id = httpd_peer_name(c->req);

	if (cluster_node_known(c->s->cluster, id))
		return true;
	httpd_reply_error(c->req, 403,
			  "node '%s' was removed from the cluster; remove the agent's identity and "
			  "join again with a new token",
			  id);
	return false;
}

void api_renew(struct call *c)
{
	struct err err = {0};
	auto_json *body = NULL;
	auto_free char *cert = NULL;
	const char *csr;
	int r;

	if (!known_node(c))
		return;
	body = api_body(c);
	if (!body)
		return;
	r = json_need_str(body, "csr", &csr, &err);
	if (!r && strlen(csr) > 8192)
		r = err_set(&err, -EINVAL, "the certificate request is too long");
	if (!r)
		r = pki_sign_agent(c->s->pki, csr, httpd_peer_name(c->req), &cert, &err);
	if (r)
		api_fail(c, r, &err);
	else
		httpd_reply_json(c->req, 200,
				 json_pack("{s:s,s:s}", "cert", cert, "ca", c->s->pki->ca_cert));
}

static void stream_free(struct stream *st)
{
	free(st->node_id);
	free(st);
}

/* The stream ends by our own decision. */
static void stream_drop(struct stream *st)
{
	struct server *s = st->s;

	map_del(&s->streams, st->node_id);
	cluster_agent_gone(s->cluster, st->node_id);
	conn_close(st->conn);
	stream_free(st);
	server_wake(s);
}

static void on_stream_close(struct conn *conn, const char *why, void *arg)
{
	struct stream *st = arg;
	struct server *s = st->s;

	(void)conn;
	log_info("controller", "stream of node '%s' ended: %s", st->node_id, why);
	map_del(&s->streams, st->node_id);
	cluster_agent_gone(s->cluster, st->node_id);
	stream_free(st);
	server_wake(s);
}

/* Pull progress is shown with the task while it is being prepared, and not kept as an event. */
static void progress_set(struct server *s, const char *task_id, const json_t *msg)
{
	auto_json *p = NULL;
	const char *node;

	if (s->progress.n >= API_PROGRESS_MAX && !map_has(&s->progress, task_id))
		return;
	node = cluster_task_node(s->cluster, task_id, NULL);
	if (!node)
		return;
	p = json_object();
	json_put_str(p, "text", json_str_or(msg, "text", ""));
	json_object_set_new(p, "done", json_integer(json_int(msg, "done", 0)));
	json_object_set_new(p, "total", json_integer(json_int(msg, "total", -1)));
	map_set(&s->progress, task_id, json_incref(p));
}

static void progress_forget(struct server *s, const json_t *report)
{
	json_t *task;
	size_t i;

	if (!s->progress.n)
		return;
	json_array_foreach(json_object_get(report, "tasks"), i, task)
	{
		const char *id = json_str(task, "id");

		if (id && !streq(json_str(task, "state"), "preparing"))
			map_del(&s->progress, id);
	}
}

/* An agent's event about one of its own tasks; of others it may say nothing. */
static void agent_event(struct stream *st, const json_t *msg)
{
	const char *type = json_str_or(msg, "type", ""), *task_id = json_str(msg, "task");
	auto_json *event = json_object(), *task = NULL;
	auto_free char *text = NULL;
	const char *node;

	if (task_id) {
		node = cluster_task_node(st->s->cluster, task_id, NULL);
		if (!streq(node, st->node_id))
			return;
	}
	if (streq(type, "pull")) {
		if (task_id)
			progress_set(st->s, task_id, msg);
		return;
	}
	task = task_id ? cluster_task_json(st->s->cluster, task_id) : NULL;
	json_object_set_new(event, "time", json_integer(clock_wall_ms()));
	json_put_str(event, "type", type);
	json_put_str(event, "stack", json_str(task, "stack"));
	json_put_str(event, "service", json_str(task, "service"));
	json_put_str(event, "task", task ? json_str(task, "name") : NULL);
	json_put_str(event, "node", task ? json_str(task, "node") : st->node_id);
	json_put_str(event, "text", json_str(msg, "text"));
	text = json_text(event);
	events_publish(st->s->events, text);
}

static int stream_message(struct stream *st, uint8_t type, const json_t *msg, struct err *err)
{
	struct cluster *cl = st->s->cluster;
	int r;

	switch ((enum wire_type)type) {
	case WIRE_HELLO:
		r = cluster_agent_hello(cl, st->node_id, msg, clock_ms(), err);
		st->greeted = !r;
		return r;
	case WIRE_HEARTBEAT:
		cluster_agent_heartbeat(cl, st->node_id, clock_ms());
		cluster_agent_counters(cl, st->node_id, msg);
		/* Answered, so that an agent misses a controller that is gone without a word. */
		conn_frame(st->conn, WIRE_HEARTBEAT, NULL, 0);
		return 0;
	case WIRE_REPORT:
		progress_forget(st->s, msg);
		return cluster_agent_report(cl, st->node_id, msg, clock_ms(), err);
	case WIRE_EVENT:
		agent_event(st, msg);
		return 0;
	case WIRE_RESYNC:
		cluster_agent_resync(cl, st->node_id);
		return 0;
	case WIRE_ACK:
		cluster_agent_ack(cl, st->node_id, msg);
		return 0;
	case WIRE_NODE:
		return cluster_agent_node(cl, st->node_id, msg, err);
	case WIRE_WELCOME:
	case WIRE_ASSIGN:
	case WIRE_SESSION:
		break;
	}
	return err_set(err, -EPROTO, "message of type %u is not for a controller", type);
}

static void on_stream_frame(struct conn *conn, uint8_t type, const void *data, size_t len,
			    void *arg)
{
	struct stream *st = arg;
	struct err err = {0};
	auto_json *msg = NULL;
	int r = 0;

	(void)conn;
	if (st->s->failed)
		return;
	st->heard_ms = clock_ms();
	msg = len ? json_parse(data, len, &err) : json_object();
	if (!json_is_object(msg))
		r = err_wrap(&err, -EPROTO, "message of type %u", type);
	else if (type == WIRE_EVENT && len > API_EVENT_MAX)
		r = err_set(&err, -EPROTO, "an event of %zu bytes is too long", len);
	else if (!st->greeted && type != WIRE_HELLO)
		r = err_set(&err, -EPROTO, "message of type %u came before the hello", type);
	if (!r)
		r = stream_message(st, type, msg, &err);
	if (r) {
		log_warn("controller", "stream of node '%s' is cut: %s", st->node_id,
			 err_text(&err));
		stream_drop(st);
		return;
	}
	/* A heartbeat changes nothing that a step would have to look at. */
	if (type != WIRE_HEARTBEAT)
		server_wake(st->s);
}

void api_agent_stream(struct call *c)
{
	static const struct conn_ops ops = {
		.on_frame = on_stream_frame,
		.on_close = on_stream_close,
	};
	struct stream *st, *old;

	if (!known_node(c))
		return;
	st = xcalloc(1, sizeof(*st));
	st->s = c->s;
	st->heard_ms = clock_ms();
	st->node_id = xstrdup(httpd_peer_name(c->req));
	/* An agent that dials again has lost the stream it had, whether we saw that or not. */
	old = map_get(&c->s->streams, st->node_id);
	if (old)
		stream_drop(old);
	st->conn = httpd_upgrade(c->req, &ops, st);
	conn_idle_timeout(st->conn, c->s->stream_idle_ms);
	map_set(&c->s->streams, st->node_id, st);
}

bool agent_send(struct server *s, const char *node_id, uint8_t type, const char *json)
{
	struct stream *st = map_get(&s->streams, node_id);

	if (!st)
		return false;
	if (conn_pending(st->conn) > API_BACKLOG_MAX) {
		/* It gets a snapshot when it comes back; others must not wait for its memory. */
		log_warn("controller", "stream of node '%s' is cut: it does not read", node_id);
		stream_drop(st);
		return false;
	}
	conn_frame(st->conn, type, json, strlen(json));
	return true;
}

uint64_t agent_silent_ms(const struct server *s, const char *node_id)
{
	const struct stream *st = map_get(&s->streams, node_id);

	return st ? clock_ms() - st->heard_ms : UINT64_MAX;
}

void agent_close_all(struct server *s)
{
	map_each(&s->streams, e)
	{
		struct stream *st = e->val;

		conn_close(st->conn);
		stream_free(st);
	}
	map_clear(&s->streams);
}
