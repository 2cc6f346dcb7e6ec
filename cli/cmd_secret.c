/* SPDX-License-Identifier: Apache-2.0
 * `carrack secret` and `carrack configs`: those made by themselves, which stacks name as external, and
 * a look at all there are. */
#include "base/fd.h"
#include "base/http.h"
#include "base/loop.h"
#include "cli/cmds.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/seal.h"
#include "manifests/limits.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SHORT_VERSION 12

struct ask { /* one call of the verb */
	struct client *c;
	bool config, json, quiet;
	struct strlist labels;
	const char *env; /* the variable that holds the value */
};

static const char *noun(const struct ask *a)
{
	return a->config ? "configs" : "secrets";
}

static char *path_of(const struct ask *a, const char *name)
{
	auto_free char *escaped = http_escape(name);

	return xasprintf("/v1/%s/%s", noun(a), escaped);
}

/* FILE, "-" for standard input, or the variable of --env. Caller wipes *ret. */
static int read_value(const struct ask *a, const char *file, char **ret, size_t *ret_n,
		      struct err *err)
{
	size_t max = a->config ? LIMIT_CONFIG_BYTES : LIMIT_SECRET_BYTES;
	const char *kind = sealed_kind(a->config), *value = a->env ? getenv(a->env) : NULL;
	int r;

	if (a->env && !value)
		return err_set(err, -ENOENT, "the variable '%s' is not set", a->env);
	if (value) {
		*ret = xstrdup(value);
		*ret_n = strlen(value);
		r = *ret_n > max ? -EFBIG : 0;
	} else if (!file && isatty(STDIN_FILENO)) {
		return err_set(err, -EINVAL, "name a file with the value, or - for standard input");
	} else if (!file || streq(file, "-")) {
		r = fd_read_all(STDIN_FILENO, max, ret, ret_n, err);
	} else {
		r = file_read(file, max, ret, ret_n, err);
	}
	if (r == -EFBIG)
		return err_set(err, r, "the value is larger than a %s may be, %zu KiB", kind,
			       max >> 10);
	return r;
}

static json_t *labels_json(const struct strlist *labels)
{
	json_t *j = json_object();

	for (size_t i = 0; i < labels->n; i++) {
		const char *eq = strchr(labels->v[i], '=');
		auto_free char *key = eq ? xstrndup(labels->v[i], (size_t)(eq - labels->v[i]))
					 : xstrdup(labels->v[i]);

		json_object_set_new(j, key, json_string(eq ? eq + 1 : ""));
	}
	return j;
}

static int send_value(const struct ask *a, const char *name, const char *file, bool create,
		      bool replace, json_t **answer, struct err *err)
{
	const struct sealed_id id = {a->config, NULL, name};
	auto_json *body = json_object();
	auto_free char *path = path_of(a, name);
	json_t *sealed = NULL;
	char *value = NULL;
	size_t n = 0;
	int r;

	if (!sealed_name_valid(name))
		return err_set(err, -EINVAL,
			       "'%s' is no name for a %s: use letters, digits, '_', '.' and '-', "
			       "at most %d",
			       name, sealed_kind(a->config), SEALED_NAME_MAX);
	r = read_value(a, file, &value, &n, err);
	if (!r)
		r = seal_value(a->c, id, value, n, &sealed, err);
	if (value)
		crypto_wipe(value, n);
	free(value);
	if (r)
		return r;
	json_object_set_new(body, "sealed", sealed);
	json_put_bool(body, "create", create);
	json_put_bool(body, "replace", replace);
	if (a->labels.n)
		json_object_set_new(body, "labels", labels_json(&a->labels));
	return client_do(a->c, "PUT", path, body, answer, err);
}

static int put(const struct ask *a, const struct strlist *args, bool update, bool replace,
	       struct err *err)
{
	auto_json *answer = NULL;
	const char *name = args->v[1], *kind = sealed_kind(a->config);
	const json_t *users, *it;
	size_t i;
	int r = send_value(a, name, args->n > 2 ? args->v[2] : NULL, !update, update || replace,
			   &answer, err);

	if (r)
		return r;
	if (json_bool(answer, "created", false)) {
		printf("%s '%s' created\n", kind, name);
		return 0;
	}
	if (!json_bool(answer, "changed", false)) {
		printf("%s '%s': nothing to change\n", kind, name);
		return 0;
	}
	printf("%s '%s' has a new value", kind, name);
	users = json_object_get(answer, "used_by");
	json_array_foreach(users, i, it)
		printf("%s '%s'", i ? "," : "; rolls", json_string_value(it));
	putchar('\n');
	return 0;
}

static char *joined(const json_t *list)
{
	struct str s = {0};
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v) str_addf(&s, "%s%s", i ? ", " : "", json_string_value(v));
	return str_take(&s);
}

static void print_list(const json_t *all)
{
	static const char *const header[] = {"NAME", "STACK",   "VERSION",
					     "SIZE", "CHANGED", "USED BY"};
	struct table t;
	const json_t *s;
	size_t i;

	table_init(&t, header, ARRAY_LEN(header));
	json_array_foreach(all, i, s)
	{
		int64_t when = json_int(s, "updated_ms", 0);
		auto_free char *age = when ? out_age(clock_wall_ms() - when) : NULL;
		auto_free char *users = joined(json_object_get(s, "used_by"));
		auto_free char *size =
			json_object_get(s, "size") ? out_bytes(json_int(s, "size", 0)) : NULL;
		const char *version = json_str(s, "version");

		table_cell(&t, COLOR_NONE, json_str(s, "name"));
		table_cell(&t, COLOR_NONE, json_str(s, "stack"));
		if (version)
			table_cellf(&t, COLOR_NONE, "%.*s", SHORT_VERSION, version);
		else
			table_cell(&t, COLOR_NONE, NULL);
		table_cell(&t, COLOR_NONE, size);
		if (age)
			table_cellf(&t, COLOR_NONE, "%s ago", age);
		else
			table_cell(&t, COLOR_NONE, NULL);
		table_cell(&t, COLOR_NONE, users && *users ? users : NULL);
	}
	table_show(&t);
}

static int list(const struct ask *a, struct err *err)
{
	auto_json *all = NULL;
	const json_t *s;
	size_t i;
	int r = client_get(a->c, &all, err, "/v1/%s", noun(a));

	if (r)
		return r;
	if (a->json)
		out_json(all);
	else if (!a->quiet)
		print_list(all);
	else
		json_array_foreach(all, i, s) puts(json_str_or(s, "name", ""));
	return 0;
}

static int inspect(const struct ask *a, const struct strlist *args, struct err *err)
{
	auto_json *all = json_array();

	for (size_t i = 1; i < args->n; i++) {
		auto_free char *name = http_escape(args->v[i]);
		json_t *one = NULL;
		int r = client_get(a->c, &one, err, "/v1/%s/%s", noun(a), name);

		if (r)
			return r;
		json_array_append_new(all, one);
	}
	out_json(all);
	return 0;
}

/* What can be removed is, whatever becomes of the others; says itself what was not. */
static int rm(const struct ask *a, const struct strlist *args)
{
	int status = 0;

	for (size_t i = 1; i < args->n; i++) {
		auto_free char *path = path_of(a, args->v[i]);
		struct err err = {0};
		int r = client_do(a->c, "DELETE", path, NULL, NULL, &err);

		if (r) {
			out_error("%s", err_text(&err));
			status = r;
		} else {
			printf("%s '%s' removed\n", sealed_kind(a->config), args->v[i]);
		}
	}
	return status;
}

static int rotate(const struct ask *a, struct err *err)
{
	int r = client_do(a->c, "POST", "/v1/sealing/rotate", NULL, NULL, err);

	if (!r)
		puts("the key of configs and secrets is a new one; back up sealing.json of the "
		     "controller's data directory");
	return r;
}

enum verb { VERB_CREATE, VERB_UPDATE, VERB_LS, VERB_INSPECT, VERB_RM, VERB_ROTATE, VERB_NONE };

static const struct {
	const char *name;
	size_t min, max; /* arguments after it */
} verbs[] = {
	[VERB_CREATE] = {"create", 1, 2}, [VERB_UPDATE] = {"update", 1, 2},
	[VERB_LS] = {"ls", 0, 0},         [VERB_INSPECT] = {"inspect", 1, 1000},
	[VERB_RM] = {"rm", 1, 1000},      [VERB_ROTATE] = {"rotate-key", 0, 0},
};

static enum verb verb_find(const char *name, size_t n_args, bool config)
{
	size_t i = 0;

	while (i < ARRAY_LEN(verbs) && !streq(verbs[i].name, name))
		i++;
	if (i == ARRAY_LEN(verbs) || n_args < verbs[i].min || n_args > verbs[i].max ||
	    (i == VERB_ROTATE && config))
		return VERB_NONE;
	return (enum verb)i;
}

static int act(const struct ask *a, enum verb verb, const struct strlist *args, bool replace,
	       struct err *err)
{
	switch (verb) {
	case VERB_CREATE:
		return put(a, args, false, replace, err);
	case VERB_UPDATE:
		return put(a, args, true, true, err);
	case VERB_LS:
		return list(a, err);
	case VERB_INSPECT:
		return inspect(a, args, err);
	case VERB_RM:
		return rm(a, args);
	case VERB_ROTATE:
		return rotate(a, err);
	case VERB_NONE:
		break;
	}
	return -EINVAL;
}

static int run_either(const struct cmd *cmd, bool config, int argc, char **argv)
{
	auto_(client_free) struct client *c = NULL;
	auto_strlist args = {0};
	struct ask a = {.config = config};
	struct err err = {0};
	bool replace = false;
	const struct opt v[] = {{'l', "label", OPT_LIST, &a.labels},
				{0, "env", OPT_TEXT, &a.env},
				{0, "replace", OPT_FLAG, &replace},
				{'q', "quiet", OPT_FLAG, &a.quiet},
				{0, "json", OPT_FLAG, &a.json}};
	const struct opts o = {.cmd = cmd,
			       .v = v,
			       .n = ARRAY_LEN(v),
			       .min_args = 1,
			       .max_args = 1001};
	int r = opts_parse(&o, argc, argv, &args);
	enum verb verb = r < 0 ? verb_find(args.v[0], args.n - 1, config) : VERB_NONE;

	if (r < 0 && (verb == VERB_NONE || (a.env && args.n > 2)))
		r = opts_misuse(cmd, "usage: carrack %s %s", cmd->name, cmd->args);
	if (r < 0) {
		r = client_open(&c, &err);
		a.c = c;
		if (!r)
			r = act(&a, verb, &args, replace, &err);
		if (err.code)
			out_error("%s", err_text(&err));
		r = r ? 1 : 0;
	}
	strlist_done(&a.labels);
	return r;
}

static int run_secret(int argc, char **argv)
{
	return run_either(&cmd_secret, false, argc, argv);
}

static int run_configs(int argc, char **argv)
{
	return run_either(&cmd_configs, true, argc, argv);
}

#define VALUE_HELP                                                                                 \
	"  create NAME [FILE]  make one of a file, or of standard input (also -)\n"                \
	"  update NAME [FILE]  give it a new value; the services that use it roll to that\n"       \
	"  ls                  list all, those of stacks too\n"                                    \
	"  inspect NAME…       all that is known of them, as JSON\n"                             \
	"  rm NAME…            remove; refused while a service uses it\n"
#define OPTION_HELP                                                                                \
	"  -l, --label K=V     a label; may be repeated\n"                                         \
	"  --env VARIABLE      the value is in this variable\n"                                    \
	"  --replace           with create: if it is there, give it the value instead\n"           \
	"  -q, --quiet         with ls: names only\n"                                              \
	"  --json              with ls: for programs (docs/api.md)\n\n"

const struct cmd cmd_secret = {
	.name = "secret",
	.args = "create NAME [FILE] | update SECRET [FILE] | ls | inspect SECRET… | rm SECRET… | "
		"rotate-key",
	.summary = "Make, list, change and remove secrets that stacks name as external.",
	.help = VALUE_HELP
	"  rotate-key          a new key for the cluster; nothing restarts\n" OPTION_HELP
	"A value is sealed before it leaves this command, and only the nodes whose tasks use it "
	"can\n"
	"open it: nothing prints it again. At most 500 KiB. Secrets of a stack's own file come "
	"and\n"
	"go with that stack.\n",
	.run = run_secret,
};

const struct cmd cmd_configs = {
	.name = "configs",
	.args = "create NAME [FILE] | update CONFIG [FILE] | ls | inspect CONFIG… | rm CONFIG…",
	.summary = "Make, list, change and remove configs that stacks name as external.",
	.help = VALUE_HELP OPTION_HELP
	"Configs are kept and sent like secrets, and lie in the node's memory only while a task "
	"uses\n"
	"them. At most 1 MiB. `carrack config` is another verb: it prints the canonical stack.\n",
	.run = run_configs,
};
