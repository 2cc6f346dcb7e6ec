/* SPDX-License-Identifier: Apache-2.0
 * Sessions (exec and logs of a task; checks and repairs of a node): an operator's request waits until
 * the agent has dialled back, then both connections are spliced. What the bytes mean is between the command line and the agent. */
#include "base/log.h"
#include "base/num.h"
#include "controller/api/api.h"
#include "manifests/wire.h"
#include <errno.h>
#include <string.h>

#define PENDING_HIGH (1u << 20) /* unsent bytes at which the other end is no longer read */
#define OPTIONS_MAX  (60u << 10)

struct session {
	struct server *s;
	char id[33];
	char *node_id;         /* the only agent that may answer */
	char *node_name;       /* for people */
	struct httpd_req *req; /* the operator's, until the agent has dialled back */
	struct timer *timer;
	struct conn *client, *agent; /* both or none */
};

static void session_free(struct session *ss)
{
	map_del(&ss->s->sessions, ss->id);
	timer_free(ss->timer);
	free(ss->node_id);
	free(ss->node_name);
	free(ss);
}

static void on_timeout(void *arg)
{
	struct session *ss = arg;

	httpd_reply_error(ss->req, 504, "node '%s' did not answer within %d s; see `carrack nodes`",
			  ss->node_name, API_SESSION_MS / 1000);
	session_free(ss);
}

static void on_request_closed(void *arg)
{
	session_free(arg);
}

static struct conn *other_end(const struct session *ss, const struct conn *c)
{
	return c == ss->client ? ss->agent : ss->client;
}

static void on_splice_data(struct conn *c, const void *data, size_t len, void *arg)
{
	struct conn *to = other_end(arg, c);

	conn_write(to, data, len);
	if (conn_pending(to) > PENDING_HIGH)
		conn_pause(c);
}

static void on_splice_drain(struct conn *c, void *arg)
{
	conn_resume(other_end(arg, c));
}

static void on_splice_close(struct conn *c, const char *why, void *arg)
{
	struct session *ss = arg;

	(void)why;
	/* What this end said last still reaches the other. */
	conn_flush_close(other_end(ss, c));
	session_free(ss);
}

static const struct conn_ops splice_ops = {
	.on_data = on_splice_data,
	.on_drain = on_splice_drain,
	.on_close = on_splice_close,
};

/* The WIRE_SESSION message: the options of the operator with what only the controller knows. */
static json_t *session_message(struct call *c, const struct session *ss, const char *kind,
			       const char *task_id, struct err *err)
{
	const char *text = httpd_query(c->req, "options");
	json_t *msg;

	if (text && strlen(text) > OPTIONS_MAX) {
		err_set(err, -E2BIG, "the options of the session are too long");
		return NULL;
	}
	msg = text ? json_parse(text, strlen(text), err) : json_object();
	if (!msg)
		return NULL;
	if (!json_is_object(msg)) {
		json_decref(msg);
		err_set(err, -EINVAL, "'options' must be a JSON object");
		return NULL;
	}
	json_object_set_new(msg, "session", json_string(ss->id));
	json_object_set_new(msg, "kind", json_string(kind));
	json_put_str(msg, "task", task_id);
	return msg;
}

/* Asks the node's agent to dial back. task_id NULL: what is asked is the node's own matter. */
static int session_ask(struct call *c, struct session *ss, const char *kind, const char *task_id,
		       struct err *err)
{
	auto_json *msg = NULL;
	auto_free char *text = NULL;

	if (agent_silent_ms(c->s, ss->node_id) > c->s->silent_ms)
		return err_set(err, -EBUSY, "node '%s' is not connected; see `carrack nodes`",
			       ss->node_name);
	msg = session_message(c, ss, kind, task_id, err);
	if (!msg)
		return err->code ? err->code : -EINVAL;
	text = json_text(msg);
	if (!agent_send(c->s, ss->node_id, WIRE_SESSION, text))
		return err_set(err, -EBUSY, "node '%s' does not read what it is sent",
			       ss->node_name);
	return 0;
}

static int task_session(struct call *c, struct session *ss, const char *kind, struct err *err)
{
	auto_json *task = cluster_task_json(c->s->cluster, c->arg[0]);
	const char *id = json_str(task, "id"), *node;

	if (!id)
		return err_set(err, -ENOENT, "there is no task '%s'; `carrack ps` lists them",
			       c->arg[0]);
	node = cluster_task_node(c->s->cluster, id, err);
	if (!node)
		return err->code ? err->code : -ENOENT;
	ss->node_id = xstrdup(node);
	ss->node_name = xstrdup(json_str_or(task, "node", node));
	return session_ask(c, ss, kind, id, err);
}

static int node_session(struct call *c, struct session *ss, const char *kind, struct err *err)
{
	const char *name = NULL, *node = cluster_node_find(c->s->cluster, c->arg[0], &name);

	if (!node)
		return err_set(err, -ENOENT, "there is no node '%s'; `carrack nodes` lists them",
			       c->arg[0]);
	ss->node_id = xstrdup(node);
	ss->node_name = xstrdup(name);
	return session_ask(c, ss, kind, NULL, err);
}

static void session_open(struct call *c, const char *kind,
			 int (*start)(struct call *, struct session *, const char *, struct err *))
{
	struct err err = {0};
	struct session *ss;
	int r;

	if (c->s->sessions.n >= API_SESSIONS_MAX) {
		httpd_reply_error(c->req, 429, "%d sessions are open already; end one of them",
				  API_SESSIONS_MAX);
		return;
	}
	ss = xcalloc(1, sizeof(*ss));
	ss->s = c->s;
	random_hex(ss->id, 32);
	r = start(c, ss, kind, &err);
	if (r) {
		session_free(ss);
		api_fail(c, r, &err);
		return;
	}
	ss->req = c->req;
	ss->timer = timer_new(c->s->loop, on_timeout, ss);
	timer_set(ss->timer, API_SESSION_MS);
	map_set(&c->s->sessions, ss->id, ss);
	httpd_on_close(c->req, on_request_closed, ss);
}

void api_task_exec(struct call *c)
{
	session_open(c, "exec", task_session);
}

void api_task_logs(struct call *c)
{
	session_open(c, "logs", task_session);
}

void api_node_session(struct call *c)
{
	static const char *const kinds[] = {"net-check", "net-repair", "net-trace", "rotate-key"};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (streq(c->arg[1], kinds[i])) {
			session_open(c, kinds[i], node_session);
			return;
		}
	httpd_reply_error(c->req, 404, "nodes have no sessions of kind '%.40s'", c->arg[1]);
}

void api_agent_session(struct call *c)
{
	struct session *ss = map_get(&c->s->sessions, c->arg[0]);

	/* The same answer for a session of another node as for none: ids are not to be guessed. */
	if (!ss || !ss->req || !streq(ss->node_id, httpd_peer_name(c->req))) {
		httpd_reply_error(c->req, 404, "session '%.40s' is over", c->arg[0]);
		return;
	}
	timer_stop(ss->timer);
	ss->agent = httpd_upgrade(c->req, &splice_ops, ss);
	ss->client = httpd_upgrade(take_ptr(ss->req), &splice_ops, ss);
}

void session_close_all(struct server *s)
{
	map_each(&s->sessions, e)
	{
		struct session *ss = e->val;

		if (ss->req)
			httpd_reply_error(ss->req, 503, "the controller is stopping");
		conn_close(ss->client);
		conn_close(ss->agent);
		timer_free(ss->timer);
		free(ss->node_id);
		free(ss->node_name);
		free(ss);
	}
	map_clear(&s->sessions);
}
