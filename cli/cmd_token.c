/* SPDX-License-Identifier: Apache-2.0
 * `carrack token`: what a new host needs to join. */
#include "base/http.h"
#include "base/loop.h"
#include "cli/client.h"
#include "cli/cmds.h"
#include "cli/opts.h"
#include "cli/out.h"

static int token_create(struct client *c, int64_t ttl_ms, bool once, struct err *err)
{
	auto_json *body = json_object(), *answer = NULL;
	int r;

	if (ttl_ms)
		json_object_set_new(body, "ttl_ms", json_integer(ttl_ms));
	json_object_set_new(body, "once", json_boolean(once));
	r = client_do(c, "POST", "/v1/tokens", body, &answer, err);
	if (r)
		return r;
	puts(json_str_or(answer, "token", ""));
	if (out_is_terminal(stdout))
		fputs("on each new host: carrack agent --join TOKEN\n", stderr);
	return 0;
}

static int token_list(struct client *c, bool json, struct err *err)
{
	static const char *const header[] = {"ID", "EXPIRES IN", "USES"};
	auto_json *tokens = NULL;
	const json_t *token;
	struct table t;
	size_t i;
	int r = client_get(c, &tokens, err, "/v1/tokens");

	if (r)
		return r;
	if (json) {
		out_json(tokens);
		return 0;
	}
	table_init(&t, header, ARRAY_LEN(header));
	json_array_foreach(tokens, i, token)
	{
		auto_free char *left = out_age(json_int(token, "expires_ms", 0) - clock_wall_ms());

		table_cell(&t, COLOR_NONE, json_str(token, "id"));
		table_cell(&t, COLOR_NONE, left);
		table_cell(&t, COLOR_NONE, json_bool(token, "once", false) ? "once" : "any number");
	}
	table_show(&t);
	return 0;
}

static int token_remove(struct client *c, const struct strlist *args, struct err *err)
{
	for (size_t i = 1; i < args->n; i++) {
		auto_free char *id = http_escape(args->v[i]);
		auto_free char *path = xasprintf("/v1/tokens/%s", id);
		int r = client_do(c, "DELETE", path, NULL, NULL, err);

		if (r)
			return r;
		printf("token '%s' removed\n", args->v[i]);
	}
	return 0;
}

static int run(int argc, char **argv)
{
	auto_(client_free) struct client *c = NULL;
	auto_strlist args = {0};
	struct err err = {0};
	int64_t ttl_ms = 0;
	bool once = false, json = false;
	const struct opt v[] = {{0, "ttl", OPT_DURATION, &ttl_ms},
				{0, "once", OPT_FLAG, &once},
				{0, "json", OPT_FLAG, &json}};
	const struct opts o = {.cmd = &cmd_token,
			       .v = v,
			       .n = ARRAY_LEN(v),
			       .min_args = 1,
			       .max_args = 1000};
	int r = opts_parse(&o, argc, argv, &args);
	const char *what;

	if (r >= 0)
		return r;
	what = args.v[0];
	if (streq(what, "rm") ? args.n < 2
			      : args.n > 1 || (!streq(what, "create") && !streq(what, "ls")))
		return opts_misuse(&cmd_token, "usage: carrack token %s", cmd_token.args);
	r = client_open(&c, &err);
	if (!r && streq(what, "create"))
		r = token_create(c, ttl_ms, once, &err);
	else if (!r && streq(what, "ls"))
		r = token_list(c, json, &err);
	else if (!r)
		r = token_remove(c, &args, &err);
	if (r)
		out_error("%s", err_text(&err));
	return r ? 1 : 0;
}

const struct cmd cmd_token = {
	.name = "token",
	.args = "create [--ttl 24h] [--once] | ls [--json] | rm ID…",
	.summary = "Make, list and revoke the tokens with which new hosts join.",
	.help = "  --ttl TIME   how long the token is good (24h)\n"
		"  --once       it is good for one host only\n"
		"\n"
		"The token holds the controller's addresses, the digest of its certificate "
		"authority and\n"
		"a secret: who has it can join a host to the cluster.\n",
	.run = run,
};
