/* SPDX-License-Identifier: Apache-2.0
 * Stack files from the command line; see loadstack.h. */
#include "cli/loadstack.h"
#include "base/fd.h"
#include "cli/out.h"
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct loaded { /* everything that stackfile_input borrows */
	struct strlist paths, profiles;
	struct stackfile_source *v;
	char *dir, *name;
	struct kvlist env;
	struct diag diag;
	struct stackfile_input in;
};

static void loaded_done(struct loaded *s)
{
	for (size_t i = 0; i < s->paths.n && s->v; i++)
		free((char *)s->v[i].text);
	free(s->v);
	strlist_done(&s->paths);
	strlist_done(&s->profiles);
	free(s->dir);
	free(s->name);
	kvlist_done(&s->env);
	diag_done(&s->diag);
}

static void forget(struct loadstack *l)
{
	if (l->loaded)
		loaded_done(l->loaded);
	free_and_null(&l->loaded);
}

static int read_named(const char *path, char **ret, size_t *ret_len, void *arg)
{
	(void)arg;
	return file_read(path, STACKFILE_BYTES_MAX, ret, ret_len, NULL);
}

static void diags_print(const struct diag *d)
{
	for (size_t i = 0; i < d->n; i++) {
		auto_free char *text = diag_text(&d->v[i], true);

		fprintf(stderr, "%s\n", text);
	}
}

/* The first of these files in the folder, or in the nearest folder above, and its override. */
static int find_files(const char *start, struct strlist *out)
{
	static const char *const names[] = {"compose.yaml", "compose.yml", "docker-compose.yml",
					    "docker-compose.yaml"};
	static const char *const overrides[] = {"compose.override.yaml", "compose.override.yml",
						"docker-compose.override.yml",
						"docker-compose.override.yaml"};
	auto_free char *dir = realpath(start, NULL);

	for (size_t i = 0; dir && i < ARRAY_LEN(names); i++) {
		auto_free char *path = xasprintf("%s/%s", streq(dir, "/") ? "" : dir, names[i]);

		if (!path_exists(path))
			continue;
		strlist_add(out, path);
		for (size_t k = 0; k < ARRAY_LEN(overrides); k++) {
			auto_free char *more = xasprintf("%s/%s", dir, overrides[k]);

			if (!path_exists(more))
				continue;
			strlist_add(out, more);
			break;
		}
		return 0;
	}
	if (dir && !streq(dir, "/"))
		return find_files(dirname(dir), out);
	out_error("there is no compose.yaml here or above; name the stack file with -f FILE");
	return -ENOENT;
}

static void list_variable(const char *text, char separator, struct strlist *out)
{
	while (text && *text) {
		const char *end = strchr(text, separator);
		size_t n = end ? (size_t)(end - text) : strlen(text);

		if (n)
			strlist_take(out, xstrndup(text, n));
		text = end ? end + 1 : NULL;
	}
}

static int choose_files(const struct loadstack *l, const struct kvlist *env, struct strlist *out)
{
	const char *separator = kvlist_get(env, "COMPOSE_PATH_SEPARATOR");

	strlist_copy(out, &l->files);
	if (out->n == 0)
		list_variable(kvlist_get(env, "COMPOSE_FILE"),
			      separator && *separator ? *separator : ':', out);
	return out->n ? 0 : find_files(l->project_dir ? l->project_dir : ".", out);
}

static int read_files(struct loaded *s)
{
	s->v = xcalloc(s->paths.n, sizeof(*s->v));
	for (size_t i = 0; i < s->paths.n; i++) {
		const char *path = s->paths.v[i];
		bool input = streq(path, "-");
		struct err err = {0};
		char *text = NULL;
		size_t len = 0;
		int r = input ? fd_read_all(STDIN_FILENO, STACKFILE_BYTES_MAX, &text, &len, &err)
			      : file_read(path, STACKFILE_BYTES_MAX, &text, &len, &err);

		if (r) {
			out_error("%s", err_text(&err));
			return r;
		}
		s->v[i] = (struct stackfile_source){.file = input ? "<stdin>" : path,
						    .text = text,
						    .len = len};
	}
	return 0;
}

/* The folder of the first file, absolute; of standard input, where we are. */
static char *project_dir(const struct loadstack *l, const char *file)
{
	auto_free char *copy = xstrdup(streq(file, "-") ? "./x" : file);
	const char *dir = l->project_dir ? l->project_dir : dirname(copy);
	char *full = realpath(dir, NULL);

	if (!full)
		out_error("folder '%s' cannot be used: %s", dir, strerror(errno));
	return full;
}

static int env_file(const char *path, bool needed, const struct kvlist *shell, struct kvlist *ret,
		    struct diag *d)
{
	auto_free char *text = NULL;
	size_t len = 0;
	int r = file_read(path, STACKFILE_BYTES_MAX, &text, &len, NULL);

	if (r == 0)
		return dotenv_parse(path, text, len, shell, ret, d);
	if (!needed && (r == -ENOENT || r == -ENOTDIR))
		return 0;
	out_error("file '%s' cannot be read: %s", path, strerror(-r));
	return r;
}

/* Files of variables (.env of the folder, when no other is named), below what the shell has. */
static int environment(const struct loadstack *l, const char *dir, struct loaded *s)
{
	auto_free char *own = xasprintf("%s/.env", dir);
	struct kvlist shell = {0}, files = {0};
	auto_strlist more = {0};
	const char *disabled = getenv("COMPOSE_DISABLE_ENV_FILE");
	bool off = disabled && (streq(disabled, "1") || streq(disabled, "true"));
	int r = 0;

	for (char **e = environ; *e; e++) {
		const char *eq = strchr(*e, '=');
		auto_free char *key = eq ? xstrndup(*e, (size_t)(eq - *e)) : NULL;

		if (key && *key)
			kvlist_set(&shell, key, eq + 1);
	}
	for (size_t i = 0; i < l->env_files.n && r == 0; i++)
		r = env_file(l->env_files.v[i], true, &shell, &files, &s->diag);
	if (l->env_files.n == 0)
		list_variable(getenv("COMPOSE_ENV_FILES"), ',', &more);
	for (size_t i = 0; i < more.n && r == 0; i++)
		r = env_file(more.v[i], true, &shell, &files, &s->diag);
	if (l->env_files.n == 0 && more.n == 0 && !off)
		r = env_file(own, false, &shell, &files, &s->diag);
	kvlist_copy(&files, &s->env); /* what was there before stays */
	kvlist_done(&s->env);
	s->env = files;
	kvlist_copy(&s->env, &shell);
	kvlist_done(&shell);
	return r;
}

static bool same_folder(const char *a, const char *b)
{
	auto_free char *one = realpath(a, NULL), *other = realpath(b, NULL);

	return one && other && streq(one, other);
}

/* The files, their folder and the variables. The .env of where we are may say which files (COMPOSE_FILE); if they are
 * in another folder, its .env is read as well. */
static int choose(const struct loadstack *l, struct loaded *s)
{
	const char *here = l->project_dir ? l->project_dir : ".";
	bool named = l->files.n > 0;
	int r = named ? 0 : environment(l, here, s);

	if (r == 0)
		r = choose_files(l, &s->env, &s->paths);
	if (r == 0)
		r = read_files(s);
	if (r)
		return r;
	s->dir = project_dir(l, s->paths.v[0]);
	if (!s->dir)
		return -ENOENT;
	return named || !same_folder(here, s->dir) ? environment(l, s->dir, s) : 0;
}

static int load(const struct loadstack *l, struct loaded *s)
{
	int r = choose(l, s);

	if (r)
		return r;
	s->name = xstrdup(l->name ? l->name : kvlist_get(&s->env, "COMPOSE_PROJECT_NAME"));
	if (s->name && !*s->name)
		free_and_null(&s->name);
	strlist_copy(&s->profiles, &l->profiles);
	list_variable(kvlist_get(&s->env, "COMPOSE_PROFILES"), ',', &s->profiles);
	s->in = (struct stackfile_input){
		.file = s->v[0].file,
		.text = s->v[0].text,
		.len = s->v[0].len,
		.more = s->v + 1,
		.n_more = s->paths.n - 1,
		.profiles = &s->profiles,
		.project_dir = s->dir,
		.name = s->name,
		.env = &s->env,
		.read = read_named,
		.no_interpolate = l->no_interpolate,
		.no_normalize = l->no_normalize,
		.no_paths = l->no_paths,
		.no_consistency = l->no_consistency,
		.no_env_files = l->no_env_files,
		.values = l->values,
	};
	return 0;
}

int loadstack_check(const struct loadstack *l, const struct cmd *cmd)
{
	if (!l->name || spec_name_valid(l->name))
		return -1;
	return opts_misuse(cmd,
			   "'%s' is no name for a stack: use lower-case letters, digits, '-', "
			   "'_' and '.'",
			   l->name);
}

struct spec_stack *loadstack_parse(struct loadstack *l)
{
	struct loaded *s = xcalloc(1, sizeof(*s));
	struct spec_stack *stack = load(l, s) == 0 ? stackfile_parse(&s->in, &s->diag) : NULL;

	diags_print(&s->diag);
	forget(l);
	l->loaded = s;
	return stack;
}

void loadstack_error(const struct loadstack *l, const struct err *err)
{
	struct diag d = {0};

	if (l->loaded && err->path[0] &&
	    stackfile_blame(&l->loaded->in, err->path, err_text(err), &d))
		diags_print(&d);
	else
		out_error("%s", err_text(err));
	diag_done(&d);
}

json_t *loadstack_config(const struct loadstack *l)
{
	struct loaded s = {0};
	json_t *j = load(l, &s) == 0 ? stackfile_config(&s.in, &s.diag) : NULL;

	diags_print(&s.diag);
	loaded_done(&s);
	return j;
}

int loadstack_environment(const struct loadstack *l, struct kvlist *out)
{
	struct loaded s = {0};
	int r = load(l, &s);

	if (r == 0)
		kvlist_copy(out, &s.env);
	diags_print(&s.diag);
	loaded_done(&s);
	return r;
}

char *loadstack_text(const struct loadstack *l)
{
	struct loaded s = {0};
	struct str all = {0};
	int r = choose(l, &s);

	for (size_t i = 0; r == 0 && i < s.paths.n; i++)
		str_addf(&all, "%s\n", s.v[i].text);
	loaded_done(&s);
	if (r == 0)
		return str_take(&all);
	str_done(&all);
	return NULL;
}

void loadstack_done(struct loadstack *l)
{
	strlist_done(&l->files);
	strlist_done(&l->profiles);
	strlist_done(&l->env_files);
	forget(l);
}
