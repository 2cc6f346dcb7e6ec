/* SPDX-License-Identifier: Apache-2.0
 * Routes: who may ask what. */
#include "controller/api/routes.h"
#include "controller/api/api.h"
#include <string.h>

#define ROLE_TEXT_AGENT    "carrack:agent"
#define ROLE_TEXT_OPERATOR "carrack:operator"

const struct route routes[] = {
	{"GET", "/v1/version", ROLE_PUBLIC, false, api_version},
	{"GET", "/v1/ca", ROLE_PUBLIC, false, api_ca},
	{"POST", "/v1/join", ROLE_PUBLIC, false, api_join},

	{"POST", "/v1/agent/stream", ROLE_AGENT, true, api_agent_stream},
	{"POST", "/v1/agent/session/*", ROLE_AGENT, true, api_agent_session},
	{"POST", "/v1/agent/renew", ROLE_AGENT, false, api_renew},

	{"GET", "/v1/stacks", ROLE_OPERATOR, false, api_stack_list},
	{"GET", "/v1/stacks/*", ROLE_OPERATOR, false, api_stack_get},
	{"PUT", "/v1/stacks/*", ROLE_OPERATOR, false, api_stack_put},
	{"DELETE", "/v1/stacks/*", ROLE_OPERATOR, false, api_stack_del},
	{"POST", "/v1/stacks/*/plan", ROLE_OPERATOR, false, api_plan},
	{"POST", "/v1/stacks/*/apply", ROLE_OPERATOR, false, api_plan_apply},
	{"POST", "/v1/stacks/*/services/*/scale", ROLE_OPERATOR, false, api_service_scale},
	{"GET", "/v1/services", ROLE_OPERATOR, false, api_service_list},
	{"GET", "/v1/networks", ROLE_OPERATOR, false, api_network_list},
	{"GET", "/v1/tasks", ROLE_OPERATOR, false, api_task_list},
	{"GET", "/v1/tasks/*", ROLE_OPERATOR, false, api_task_get},
	{"POST", "/v1/tasks/*/exec", ROLE_OPERATOR, true, api_task_exec},
	{"POST", "/v1/tasks/*/logs", ROLE_OPERATOR, true, api_task_logs},
	{"GET", "/v1/nodes", ROLE_OPERATOR, false, api_node_list},
	{"DELETE", "/v1/nodes/*", ROLE_OPERATOR, false, api_node_del},
	{"PATCH", "/v1/nodes/*/labels", ROLE_OPERATOR, false, api_node_labels},
	{"POST", "/v1/nodes/*/session/*", ROLE_OPERATOR, true, api_node_session},
	{"GET", "/v1/tokens", ROLE_OPERATOR, false, api_token_list},
	{"POST", "/v1/tokens", ROLE_OPERATOR, false, api_token_create},
	{"DELETE", "/v1/tokens/*", ROLE_OPERATOR, false, api_token_del},
	{"GET", "/v1/events", ROLE_OPERATOR, false, api_event_list},
	{"POST", "/v1/events", ROLE_OPERATOR, true, api_event_follow},
	{"GET", "/v1/sealing", ROLE_OPERATOR, false, api_sealing},
	{"POST", "/v1/sealing/rotate", ROLE_OPERATOR, false, api_sealing_rotate},
	{"PUT", "/v1/sealed/*", ROLE_OPERATOR, false, api_sealed_put},
	{"GET", "/v1/secrets", ROLE_OPERATOR, false, api_secret_list},
	{"GET", "/v1/secrets/*", ROLE_OPERATOR, false, api_secret_get},
	{"PUT", "/v1/secrets/*", ROLE_OPERATOR, false, api_secret_put},
	{"DELETE", "/v1/secrets/*", ROLE_OPERATOR, false, api_secret_del},
	{"GET", "/v1/configs", ROLE_OPERATOR, false, api_config_list},
	{"GET", "/v1/configs/*", ROLE_OPERATOR, false, api_config_get},
	{"PUT", "/v1/configs/*", ROLE_OPERATOR, false, api_config_put},
	{"DELETE", "/v1/configs/*", ROLE_OPERATOR, false, api_config_del},
};
const size_t routes_n = ARRAY_LEN(routes);

/* Matches segment by segment; args are filled only when the whole path matches. */
static bool pattern_matches(const char *pattern, const char *path, char **args)
{
	const char *start[API_ARGS_MAX];
	size_t len[API_ARGS_MAX], n = 0;

	while (*pattern && *path) {
		if (*pattern == '*') {
			size_t seg = strcspn(path, "/");

			if (seg == 0 || n == API_ARGS_MAX)
				return false;
			start[n] = path;
			len[n++] = seg;
			path += seg;
			pattern++;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	if (*pattern || *path)
		return false;
	for (size_t i = 0; i < n; i++)
		args[i] = xstrndup(start[i], len[i]);
	return true;
}

static bool role_allows(enum role role, const char *peer_role)
{
	switch (role) {
	case ROLE_PUBLIC:
		return true;
	case ROLE_AGENT:
		return streq(peer_role, ROLE_TEXT_AGENT);
	case ROLE_OPERATOR:
		return streq(peer_role, ROLE_TEXT_OPERATOR);
	}
	return false;
}

static void args_clear(char **args)
{
	for (size_t i = 0; i < API_ARGS_MAX; i++)
		free_and_null(&args[i]);
}

int route_find(const char *method, const char *path, bool upgrade, const char *peer_role,
	       const struct route **ret, char **args)
{
	int status = 404;

	for (size_t i = 0; i < routes_n; i++) {
		const struct route *r = &routes[i];

		if (!pattern_matches(r->pattern, path, args))
			continue;
		if (role_allows(r->role, peer_role)) {
			if (upgrade ? r->upgrade : streq(method, r->method) && !r->upgrade) {
				*ret = r;
				return 0;
			}
			status = streq(method, r->method) && r->upgrade ? 426 : 405;
		} else {
			/* Said before anything else: who may not use a path learns no more of it. */
			status = peer_role[0] ? 403 : 401;
		}
		args_clear(args);
	}
	return status;
}

static void route_refuse(struct httpd_req *req, int status)
{
	switch (status) {
	case 401:
		httpd_reply_error(req, 401,
				  "a client certificate is needed; use the operator's context "
				  "file of this cluster");
		return;
	case 403:
		httpd_reply_error(req, 403, "the certificate of '%s' does not allow this",
				  httpd_peer_name(req));
		return;
	case 405:
		httpd_reply_error(req, 405, "method %s is not for '%s'", httpd_method(req),
				  httpd_path(req));
		return;
	case 426:
		httpd_reply_error(req, 426, "'%s' needs the header \"Upgrade: carrack\"",
				  httpd_path(req));
		return;
	}
	httpd_reply_error(req, 404, "there is no '%s' in this API", httpd_path(req));
}

void route_dispatch(struct httpd_req *req, void *arg)
{
	struct call c = {.s = arg, .req = req};
	const struct route *r = NULL;
	int status = route_find(httpd_method(req), httpd_path(req), httpd_wants_upgrade(req),
				httpd_peer_role(req), &r, c.arg);

	if (status)
		route_refuse(req, status);
	else if (c.s->failed)
		httpd_reply_error(req, 503, "the controller is stopping: its store failed");
	else
		r->handler(&c);
	args_clear(c.arg);
}
