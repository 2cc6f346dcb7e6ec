/* SPDX-License-Identifier: Apache-2.0
 * `carrack config`: what stack files mean once merged and filled in, without asking a cluster; and
 * what of the language is honoured. */
#include "base/digest.h"
#include "base/fd.h"
#include "cli/cmds.h"
#include "cli/loadstack.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/yamlout.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct wants {
	bool services, images, volumes, networks, profiles, variables, environment, models;
	bool quiet, support, schema, escape;
	const char *hash, *format, *output;
};

static void print_keys(const json_t *j, const char *key)
{
	const char *k;
	json_t *v;

	json_object_foreach(json_object_get(j, key), k, v) puts(k);
}

static void print_images(const json_t *j)
{
	json_t *services = json_object_get(j, "services"), *v;
	const char *k;
	auto_strlist images = {0};

	json_object_foreach(services, k, v)
	{
		const char *image = json_str(v, "image");

		/* what is built and has no name of its own is called after its stack */
		auto_free char *built =
			image ? NULL : xasprintf("%s-%s", json_str_or(j, "name", ""), k);

		if (!image && !json_object_get(v, "build"))
			continue;
		if (!strlist_has(&images, image ? image : built))
			strlist_add(&images, image ? image : built);
	}
	for (size_t i = 0; i < images.n; i++)
		puts(images.v[i]);
}

static void print_profiles(const json_t *j)
{
	json_t *services = json_object_get(j, "services"), *v, *p;
	const char *k;
	size_t i;
	auto_strlist names = {0};

	json_object_foreach(services, k, v)
	{
		json_array_foreach(json_object_get(v, "profiles"), i, p)
		{
			const char *name = json_string_value(p);

			if (name && !strlist_has(&names, name))
				strlist_add(&names, name);
		}
	}
	strlist_sort(&names);
	for (i = 0; i < names.n; i++)
		puts(names.v[i]);
}

/* A line for each service: its name and the hash of its canonical form. */
static int print_hashes(const json_t *j, const char *which)
{
	json_t *services = json_object_get(j, "services"), *v;
	const char *k;
	bool found = false;

	json_object_foreach(services, k, v)
	{
		char digest[DIGEST_TEXT];
		auto_free char *text = json_text_canonical(v);

		if (!streq(which, "*") && !streq(which, k))
			continue;
		found = true;
		sha256_text(text, strlen(text), digest);
		printf("%s %s\n", k, digest + strlen("sha256:"));
	}
	if (found || streq(which, "*"))
		return 0;
	out_error("there is no service '%s'", which);
	return 1;
}

/* NAME, and the word after ":-" or "-", or after ":+" or "+", when it is plain text. */
static const char *print_variable(const char *p, struct strlist *seen)
{
	bool braces = *p == '{';
	const char *name = p + braces, *end = name;

	while (isalnum((unsigned char)*end) || *end == '_')
		end++;
	if (end == name || isdigit((unsigned char)*name))
		return p;
	auto_free char *text = xstrndup(name, (size_t)(end - name));
	const char *rest = braces && *end == ':' ? end + 1 : end;
	size_t n = braces && *rest && strchr("-+", *rest) ? strcspn(rest + 1, "}$\n") : 0;
	bool instead = *rest == '+';

	if (!strlist_has(seen, text)) {
		strlist_add(seen, text);
		printf("%-24s %-9s %-20.*s %.*s\n", text, braces && *rest == '?' ? "true" : "false",
		       instead ? 0 : (int)n, n ? rest + 1 : "", instead ? (int)n : 0,
		       n ? rest + 1 : "");
	}
	return end;
}

static int print_variables(const struct loadstack *from)
{
	auto_free char *text = loadstack_text(from);
	auto_strlist seen = {0};

	if (!text)
		return 1;
	printf("%-24s %-9s %-20s %s\n", "NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE");
	for (const char *p = strchr(text, '$'); p; p = strchr(p, '$')) {
		p++;
		p = *p == '$' ? p + 1 : print_variable(p, &seen);
	}
	return 0;
}

/* $ becomes $$ in each value: what is read again has the values that are here. */
static json_t *escaped(const json_t *j)
{
	if (json_is_string(j)) {
		auto_str s = {0};
		for (const char *p = json_string_value(j); *p; p++) {
			if (*p == '$')
				str_addc(&s, '$');
			str_addc(&s, *p);
		}
		return json_stringn(s.data ? s.data : "", s.len);
	}
	const char *k;
	json_t *v;
	size_t i;
	json_t *to = json_copy((json_t *)j);

	if (json_is_object(j)) {
		json_object_foreach((json_t *)j, k, v) json_object_set_new(to, k, escaped(v));
	} else if (json_is_array(j)) {
		json_array_foreach(j, i, v) json_array_set_new(to, i, escaped(v));
	}
	return to;
}

static int print_config(const json_t *j, const struct wants *w)
{
	auto_json *own = w->escape ? escaped(j) : NULL;
	auto_free char *text = NULL;

	j = own ? own : j;

	if (w->quiet)
		return 0;
	if (w->services)
		print_keys(j, "services");
	else if (w->volumes)
		print_keys(j, "volumes");
	else if (w->networks)
		print_keys(j, "networks");
	else if (w->models)
		print_keys(j, "models");
	else if (w->images)
		print_images(j);
	else if (w->profiles)
		print_profiles(j);
	else if (w->hash)
		return print_hashes(j, w->hash);
	else if (w->format && streq(w->format, "json"))
		puts(text = json_text_pretty(j));
	else
		fputs(text = yamlout_text(j), stdout);
	return 0;
}

static bool uses_path(const json_t *j, const char *path)
{
	size_t n = strcspn(path, ".");
	auto_free char *key = xstrndup(path, n);
	const char *rest = path[n] ? path + n + 1 : NULL, *k;
	json_t *v;
	size_t i;

	if (streq(key, "*")) {
		json_object_foreach((json_t *)j, k, v) if (!rest || uses_path(v, rest)) return true;
		json_array_foreach(j, i, v) if (!rest || uses_path(v, rest)) return true;
		return false;
	}
	v = json_object_get(j, key);
	return v && (!rest || uses_path(v, rest));
}

static const char intro[] =
	"# The Compose language\n\n"
	"This file is written by `carrack config --support`; do not edit it. Each "
	"key "
	"is honoured, kept\n(read, not fully honoured: a warning says so), unused (a "
	"warning) or refused (an error by\n`carrack apply`, a warning by `carrack "
	"config`). Keys that begin with `x-` are taken everywhere.\n\n"
	"Where `carrack config` and `docker compose config` (compose-go 2.4.9) "
	"differ, and why:\n"
	"\n"
	"- Keys of the newest specification that the library does not know yet are "
	"taken: `pre_start`, `models`,\n"
	"  `provider`, `interface_name` and the like.\n"
	"- What the prose has and the schema has not is taken too: "
	"`deploy.resources.reservations.pids`, `image` and\n"
	"  `per_replica` of hooks.\n"
	"- A dependency with `required: false` may name a service that is not "
	"there.\n"
	"- `cpus`, `mem_limit` and their kin must not disagree with "
	"`deploy.resources`; beside limits that do not speak of\n"
	"  the same thing they are fine.\n"
	"- A published IPv6 address may stand without its brackets.\n"
	"- `v:/data` is a volume with a short name; `C:\\x` and `C:/x:/y` begin with "
	"a drive of Windows.\n"
	"- `create_host_path: false` and `delay: 0s` stay where they are written: "
	"without them the file would mean\n"
	"  something else. (Compose drops what is false or zero; the same is done "
	"here where it says nothing.)\n"
	"- A string that begins with a line break keeps it; the writer that Compose "
	"uses loses it.\n"
	"- Entries of `build.ssh` are written `id=path`, as they are read.\n"
	"- Subnets of a network that a later file does not name stay; entries with "
	"the same subnet are merged.\n"
	"- A secret that has only a `driver` is taken by `carrack config`.\n"
	"- A number without quotes where text is wanted (`TAG: 24.10`, `PIN: 010`) "
	"is the number that\n"
	"  Compose makes of it too (`24.1`, `8`); a warning says so.\n"
	"- A `$` in a value is written as it is; with `--escape` it is `$$`, as "
	"`docker compose\n"
	"  config` writes it, and the output can be read as a stack file again.\n"
	"- A file may hold several documents, merged in order, as in Compose; one that "
	"`extends` names holds one.\n"
	"- In a file that `extends` names, only the services that are used are "
	"checked.\n"
	"- An empty `container_name` is none.\n"
	"\n"
	"Placeholders that each task fills in, as in `docker service create`, may stand in "
	"`environment`, `hostname`, the\n"
	"names and options of volumes and the sources of binds: `{{.Service.Name}}`, "
	"`{{.Service.Labels}}`,\n"
	"`{{index .Service.Labels \"KEY\"}}`, `{{.Node.ID}}`, `{{.Node.Hostname}}`, "
	"`{{.Node.Platform.OS}}` (linux),\n"
	"`{{.Node.Platform.Architecture}}` (as of `uname -m`), `{{.Task.ID}}`, `{{.Task.Name}}` "
	"and "
	"`{{.Task.Slot}}`. Other text\n"
	"in braces stays as it is. A service's name is STACK_SERVICE, its labels are those under "
	"`deploy`; the slot of a task of\n"
	"a global service is its node's id.\n"
	"\n"
	"What is right by the specification but cannot be run here (see the table) "
	"is a warning of `carrack config` and\n"
	"an error of `carrack apply`. Names of services, networks and volumes begin "
	"with a letter or digit and have at\n"
	"most 63 characters; a stack has at most 20,000 services; a file has at most "
	"8 MiB.\n"
	"\n";

/* The table of the language as Markdown; with a file only what it uses. */
static int print_support(const json_t *file)
{
	auto_json *rows = stackfile_support();
	json_t *row;
	size_t i;

	if (!file)
		fputs(intro, stdout);
	fputs("| key | support | what it does, or what to know |\n|---|---|---|\n", stdout);
	json_array_foreach(rows, i, row)
	{
		const char *path = json_str_or(row, "path", "");

		if (!file || uses_path(file, path))
			printf("| `%s` | %s | %s |\n", path, json_str_or(row, "support", ""),
			       json_str_or(row, "doc", ""));
	}
	return 0;
}

static int print_environment(const struct loadstack *from)
{
	struct kvlist env = {0};
	auto_strlist lines = {0};

	if (loadstack_environment(from, &env))
		return 1;
	for (size_t i = 0; i < env.n; i++)
		strlist_addf(&lines, "%s=%s", env.v[i].k, env.v[i].v ? env.v[i].v : "");
	strlist_sort(&lines);
	for (size_t i = 0; i < lines.n; i++)
		puts(lines.v[i]);
	kvlist_done(&env);
	return 0;
}

static int config(struct loadstack *from, const struct wants *w, const char *support_file)
{
	auto_json *j = NULL;

	if (w->output && !freopen(w->output, "we", stdout)) {
		out_error("file '%s' cannot be written: %s", w->output, strerror(errno));
		return 1;
	}
	if (w->schema) {
		auto_json *schema = stackfile_schema();
		auto_free char *text = json_text_pretty(schema);

		return puts(text) < 0;
	}
	if (w->environment)
		return print_environment(from);
	if (w->profiles) /* of all services, also of those that do not run */
		strlist_add(&from->profiles, "*");

	if (w->support && !support_file && from->files.n == 0)
		return print_support(NULL);
	if (w->variables)
		return print_variables(from);
	j = loadstack_config(from);
	if (!j)
		return 1;
	return w->support ? print_support(j) : print_config(j, w);
}

/* `docker config ls` is typed by many; a file of that name is a file all the same. */
static bool is_verb_of_configs(const char *word)
{
	static const char *const verbs[] = {"create", "update", "ls", "inspect", "rm"};

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (streq(verbs[i], word))
			return !path_exists(word);
	return false;
}

static int run(int argc, char **argv)
{
	auto_strlist args = {0};
	struct loadstack from = {0};
	struct wants w = {0};
	const struct opt v[] = {
		LOADSTACK_OPTIONS(from),
		{0, "services", OPT_FLAG, &w.services},
		{0, "images", OPT_FLAG, &w.images},
		{0, "volumes", OPT_FLAG, &w.volumes},
		{0, "networks", OPT_FLAG, &w.networks},
		{0, "profiles", OPT_FLAG, &w.profiles},
		{0, "models", OPT_FLAG, &w.models},
		{0, "variables", OPT_FLAG, &w.variables},
		{0, "environment", OPT_FLAG, &w.environment},
		{0, "schema", OPT_FLAG, &w.schema},
		{'o', "output", OPT_TEXT, &w.output},
		{0, "no-interpolate", OPT_FLAG, &from.no_interpolate},
		{0, "no-normalize", OPT_FLAG, &from.no_normalize},
		{0, "no-path-resolution", OPT_FLAG, &from.no_paths},
		{0, "no-consistency", OPT_FLAG, &from.no_consistency},
		{0, "no-env-resolution", OPT_FLAG, &from.no_env_files},
		{0, "escape", OPT_FLAG, &w.escape},
		{0, "support", OPT_FLAG, &w.support},
		{0, "hash", OPT_TEXT, &w.hash},
		{0, "format", OPT_TEXT, &w.format},
		{'q', "quiet", OPT_FLAG, &w.quiet},
	};
	const struct opts o = {.cmd = &cmd_config, .v = v, .n = ARRAY_LEN(v), .max_args = 64};
	int r = opts_parse(&o, argc, argv, &args);

	if (r < 0)
		r = loadstack_check(&from, &cmd_config);
	if (r < 0 && args.n && is_verb_of_configs(args.v[0]))
		r = opts_misuse(&cmd_config,
				"there is no file '%s'; to make, list or remove configs use "
				"`carrack configs %s`",
				args.v[0], args.v[0]);
	if (r < 0 && w.format && !streq(w.format, "yaml") && !streq(w.format, "json"))
		r = opts_misuse(&cmd_config, "--format is yaml or json, not '%s'", w.format);
	if (r < 0) {
		strlist_copy(&from.files, &args);
		r = config(&from, &w, args.n ? args.v[0] : NULL);
	}
	loadstack_done(&from);
	return r;
}

const struct cmd cmd_config = {
	.name = "config",
	.args = "[FILE]... [-f FILE]... [--services|--images|--volumes|--networks|--models|\n"
		"       --profiles|--variables|--environment|--hash SERVICE|--support|--schema]\n"
		"       [--no-interpolate] [--no-normalize] [--no-path-resolution] "
		"[--no-consistency]\n"
		"       [--no-env-resolution] [--escape] [--format yaml|json] [-o FILE] [-q]",
	.summary = "Print what stack files mean: merged, filled in and written out in full.",
	.help = LOADSTACK_HELP
	"  --services, --images, --volumes, --networks, --models, --profiles\n"
	"                     names alone, one on a line\n"
	"  --variables        the variables that the files name, with defaults\n"
	"  --environment      the variables and values that are filled in\n"
	"  --hash SERVICE     the hash of a service's canonical form; '*' is all\n"
	"  --no-interpolate   leave variables as they are\n"
	"  --no-normalize     fill in nothing that the files leave out\n"
	"  --no-path-resolution\n"
	"                     leave relative paths as they are\n"
	"  --no-consistency   what is named need not be there\n"
	"  --no-env-resolution\n"
	"                     do not read the files of env_file\n"
	"  --escape           write each $ of a value as $$, so that the output can be read as a "
	"stack file\n"
	"  --format FORMAT    yaml or json\n"
	"  -o, --output FILE  write there\n"
	"  -q, --quiet        only say what is wrong\n"
	"  --support          which keys are honoured, of the files or of the whole language\n"
	"  --schema           the language as a JSON schema, for editors\n"
	"\n"
	"No cluster is asked. What `carrack apply` would refuse is a warning here.\n",
	.run = run,
};
