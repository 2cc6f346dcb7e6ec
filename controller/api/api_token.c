/* SPDX-License-Identifier: Apache-2.0
 * Join tokens: made, listed and revoked by operators. The secret is told once and never again. */
#include "controller/api/api.h"
#include <errno.h>
#include <string.h>

void api_token_list(struct call *c)
{
	httpd_reply_json(c->req, 200, tokens_json(c->s->tokens));
}

void api_token_create(struct call *c)
{
	struct jointoken token = {0};
	struct err err = {0};
	auto_json *body = api_body(c);
	auto_free char *row = NULL, *key = NULL, *text = NULL;
	int64_t ttl_ms;
	int r;

	if (!body)
		return;
	ttl_ms = json_int(body, "ttl_ms", TOKEN_TTL_DEFAULT);
	r = tokens_create(c->s->tokens, clock_wall_ms(), ttl_ms, json_bool(body, "once", false),
			  &token, &row, &err);
	if (r) {
		api_fail(c, r, &err);
		return;
	}
	strcpy(token.ca_digest, c->s->pki->ca_digest);
	strlist_copy(&token.addrs, &c->s->advertise);
	text = jointoken_text(&token);
	key = xasprintf(TOKEN_KEY_PREFIX "%s", token.id);
	server_put(c->s, key, row);
	server_reply(c, 201,
		     json_pack("{s:s,s:s,s:I}", "token", text, "id", token.id, "expires_ms",
			       (json_int_t)(clock_wall_ms() + ttl_ms)));
	explicit_bzero(text, strlen(text));
	jointoken_done(&token);
}

void api_token_del(struct call *c)
{
	auto_free char *key = xasprintf(TOKEN_KEY_PREFIX "%s", c->arg[0]);

	if (!tokens_del(c->s->tokens, c->arg[0])) {
		httpd_reply_error(c->req, 404,
				  "there is no token '%s'; `carrack token ls` lists them",
				  c->arg[0]);
		return;
	}
	server_put(c->s, key, NULL);
	server_reply(c, 200, NULL);
}
