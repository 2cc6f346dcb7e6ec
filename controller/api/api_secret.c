/* SPDX-License-Identifier: Apache-2.0
 * Configs and secrets: their values come sealed, and no answer has any in it. */
#include "controller/api/api.h"
#include <errno.h>

void api_sealing(struct call *c)
{
	httpd_reply_json(c->req, 200,
			 cluster_sealing_json(c->s->cluster, httpd_query(c->req, "stack")));
}

/* Answered when every data key is sealed to the new key, on disk. */
void api_sealing_rotate(struct call *c)
{
	struct err err = {0};
	int r = sealing_rotate(c->s->sealing, &err);

	if (r) {
		api_fail(c, r, &err);
		return;
	}
	cluster_rewrap(c->s->cluster);
	server_reply(c, 200, NULL);
}

void api_sealed_put(struct call *c)
{
	struct err err = {0};
	auto_json *body = api_body(c);
	int r;

	if (!body)
		return;
	if (!streq(json_str_or(body, "version", ""), c->arg[0])) {
		httpd_reply_error(c->req, 400, "the value sent is not that of version '%.50s'",
				  c->arg[0]);
		return;
	}
	r = cluster_sealed_put(c->s->cluster, body, &err);
	if (r)
		api_fail(c, r, &err);
	else
		server_reply(c, 200, NULL);
}

static void get_one(struct call *c, bool config)
{
	json_t *j = cluster_secret_json(c->s->cluster, config, c->arg[0]);

	if (j)
		httpd_reply_json(c->req, 200, j);
	else
		httpd_reply_error(c->req, 404,
				  "there is no %s '%.128s'; `carrack %s ls` lists them",
				  sealed_kind(config), c->arg[0], config ? "configs" : "secret");
}

static void put_one(struct call *c, bool config)
{
	struct err err = {0};
	auto_json *body = api_body(c);
	json_t *answer = NULL;
	int r;

	if (!body)
		return;
	r = cluster_secret_put(c->s->cluster, config, c->arg[0], body, &answer, &err);
	if (r)
		api_fail(c, r, &err);
	else
		server_reply(c, json_bool(answer, "created", false) ? 201 : 200, answer);
}

static void del_one(struct call *c, bool config)
{
	struct err err = {0};
	int r = cluster_secret_del(c->s->cluster, config, c->arg[0], &err);

	if (r)
		api_fail(c, r, &err);
	else
		server_reply(c, 200, NULL);
}

void api_secret_list(struct call *c)
{
	httpd_reply_json(c->req, 200, cluster_secrets_json(c->s->cluster, false));
}

void api_secret_get(struct call *c)
{
	get_one(c, false);
}

void api_secret_put(struct call *c)
{
	put_one(c, false);
}

void api_secret_del(struct call *c)
{
	del_one(c, false);
}

void api_config_list(struct call *c)
{
	httpd_reply_json(c->req, 200, cluster_secrets_json(c->s->cluster, true));
}

void api_config_get(struct call *c)
{
	get_one(c, true);
}

void api_config_put(struct call *c)
{
	put_one(c, true);
}

void api_config_del(struct call *c)
{
	del_one(c, true);
}
