/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share: the server's state, a request on its way through a handler,
 * and the ways to answer it. Private to controller/api.
 */
#pragma once
#include "base/httpd.h"
#include "base/loop.h"
#include "base/map.h"
#include "controller/api/events.h"
#include "controller/core/cluster.h"
#include "controller/core/pki.h"
#include "controller/core/sealing.h"
#include "controller/core/token.h"
#include "controller/store/store.h"

#define API_ARGS_MAX       2
#define API_SESSIONS_MAX   1024
#define API_SESSION_MS     10000       /* for an agent to dial back */
#define API_BACKLOG_MAX    (64u << 20) /* unsent bytes after which an agent's stream is cut */
#define API_EVENT_MAX      (16u << 10) /* bytes of an event that an agent tells */
#define API_PROGRESS_MAX   10000       /* tasks whose pull progress is kept */
#define API_JOIN_FAILURES  10          /* bad tokens from one address in API_JOIN_WINDOW_MS */
#define API_JOIN_WINDOW_MS 1000

struct reply {                 /* an answer that waits for the commit */
	struct httpd_req *req; /* NULL: the client left */
	int status;
	json_t *body;
};

struct server {
	struct loop *loop;
	struct store *store;
	struct cluster *cluster;
	struct tokens *tokens;
	struct pki *pki;
	struct sealing *sealing;
	struct tls *tls;
	struct httpd *httpd;
	struct events *events;
	struct planner *planner;
	struct timer *step_timer, *stop_timer;
	bool queued; /* a turn is deferred */
	bool failed;
	struct cluster_put *puts; /* rows beside the cluster's */
	size_t n_puts, cap_puts;
	struct reply **replies;
	size_t n_replies, cap_replies;
	struct map streams;  /* node id -> struct stream; borrowed */
	struct map sessions; /* session id -> struct session; borrowed */
	struct map progress; /* task id -> json_t of the last pull event */
	struct map
		join_failures; /* address -> count, of this window; values are counts, not pointers */
	uint64_t join_window_ms;
	uint64_t silent_ms;      /* a node that says nothing for so long gets no new sessions */
	uint64_t stream_idle_ms; /* an agent's stream that is silent for so long is cut */
	struct strlist advertise;
};

struct call { /* one request in a handler; lives for the handler's call only */
	struct server *s;
	struct httpd_req *req;
	char *arg[API_ARGS_MAX]; /* what stood for '*' in the pattern */
};

/* server.c */
void server_wake(struct server *s); /* something changed: step soon */
void server_put(struct server *s, const char *key, const char *value); /* value NULL: delete */
/* Answers once everything up to here is on disk. Takes body (NULL: {}). */
void server_reply(struct call *c, int status, json_t *body_taken);
json_t *api_error(const struct err *err); /* {"error", "path"}: the body of a refusal */
void api_fail(struct call *c, int code, const struct err *err); /* answers at once, by errno */
/* The body as a JSON object; NULL after having answered 400. New reference. */
json_t *api_body(struct call *c);

/* Handlers, one file a noun. Those marked so take the connection over. */
void api_stack_list(struct call *c);
void api_stack_get(struct call *c);
void api_stack_put(struct call *c);
void api_stack_del(struct call *c);
void api_plan(struct call *c);       /* answers when the plan is made */
void api_plan_apply(struct call *c); /* the same */
void api_service_list(struct call *c);
void api_service_scale(struct call *c);
void api_network_list(struct call *c);
void api_task_list(struct call *c);
void api_task_get(struct call *c);
void api_node_list(struct call *c);
void api_node_del(struct call *c);
void api_node_labels(struct call *c);
void api_node_session(struct call *c); /* upgrade */
void api_token_list(struct call *c);
void api_token_create(struct call *c);
void api_token_del(struct call *c);
void api_sealing(struct call *c);
void api_sealing_rotate(struct call *c);
void api_sealed_put(struct call *c);
void api_secret_list(struct call *c);
void api_secret_get(struct call *c);
void api_secret_put(struct call *c);
void api_secret_del(struct call *c);
void api_config_list(struct call *c);
void api_config_get(struct call *c);
void api_config_put(struct call *c);
void api_config_del(struct call *c);
void api_event_list(struct call *c);
void api_event_follow(struct call *c); /* upgrade */
void api_version(struct call *c);
void api_ca(struct call *c);
void api_join(struct call *c);
void api_renew(struct call *c);
void api_agent_stream(struct call *c);  /* upgrade */
void api_agent_session(struct call *c); /* upgrade */
void api_task_exec(struct call *c);     /* upgrade */
void api_task_logs(struct call *c);     /* upgrade */

/* Sends to a node's agent; false when it has no stream (api_agent.c). */
bool agent_send(struct server *s, const char *node_id, uint8_t type, const char *json);
/* How long nothing came from the node; UINT64_MAX: it has no stream. */
uint64_t agent_silent_ms(const struct server *s, const char *node_id);
void agent_close_all(struct server *s);
void session_close_all(struct server *s);
