/* SPDX-License-Identifier: Apache-2.0
 * Stacks, services and networks: what operators ask for and what there is. */
#include "controller/api/api.h"
#include "manifests/limits.h"
#include "manifests/stackfile.h"
#include <errno.h>

void api_stack_list(struct call *c)
{
	httpd_reply_json(c->req, 200, cluster_stacks_json(c->s->cluster));
}

void api_stack_get(struct call *c)
{
	json_t *j = cluster_stack_json(c->s->cluster, c->arg[0]);

	if (j)
		httpd_reply_json(c->req, 200, j);
	else
		httpd_reply_error(c->req, 404, "there is no stack '%s'; `carrack ls` lists them",
				  c->arg[0]);
}

void api_stack_put(struct call *c)
{
	struct err err = {0};
	auto_json *body = NULL;
	json_t *answer = NULL;
	int r;

	if (!spec_name_valid(c->arg[0])) {
		httpd_reply_error(
			c->req, 400,
			"stack name '%.100s' is not valid; use lower-case letters, digits, "
			"'-', '_' and '.', at most %d",
			c->arg[0], LIMIT_NAME);
		return;
	}
	body = api_body(c);
	if (!body)
		return;
	r = cluster_stack_put(c->s->cluster, c->arg[0], body, &answer, &err);
	if (r)
		api_fail(c, r, &err);
	else
		server_reply(c, 200, answer);
}

void api_stack_del(struct call *c)
{
	struct err err = {0};
	int r = cluster_stack_del(c->s->cluster, c->arg[0], &err);

	if (r)
		api_fail(c, r, &err);
	else
		server_reply(c, 202, NULL);
}

void api_service_list(struct call *c)
{
	httpd_reply_json(c->req, 200,
			 cluster_services_json(c->s->cluster, httpd_query(c->req, "stack")));
}

void api_service_scale(struct call *c)
{
	struct err err = {0};
	auto_json *body = api_body(c);
	int64_t replicas;
	int r;

	if (!body)
		return;
	r = json_need_int(body, "replicas", 0, LIMIT_SERVICE_REPLICAS, &replicas, &err);
	if (r) {
		api_fail(c, -EINVAL, &err);
		return;
	}
	r = cluster_scale(c->s->cluster, c->arg[0], c->arg[1], replicas, &err);
	if (r)
		api_fail(c, r, &err);
	else
		server_reply(c, 200, NULL);
}

void api_network_list(struct call *c)
{
	httpd_reply_json(c->req, 200, cluster_networks_json(c->s->cluster));
}
