/* SPDX-License-Identifier: Apache-2.0
 *
 * The stack files that a verb is given: which files, variables, name and profiles, by the rules of
 * Compose. Prints all findings.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "cli/opts.h"
#include "manifests/stackfile.h"

struct loadstack { /* what the options say */
	struct strlist files, profiles, env_files;
	const char *name, *project_dir;
	bool no_interpolate, no_normalize, no_paths, no_consistency, no_env_files;
	bool values;           /* values: those of configs and secrets are wanted */
	struct loaded *loaded; /* what was read, for loadstack_error */
};

#define LOADSTACK_OPTIONS(l)                                                                       \
	{'f', "file", OPT_LIST, &(l).files}, {'n', "name", OPT_TEXT, &(l).name},                   \
		{'p', "project-name", OPT_TEXT, &(l).name},                                        \
		{0, "profile", OPT_LIST, &(l).profiles},                                           \
		{0, "env-file", OPT_LIST, &(l).env_files},                                         \
	{                                                                                          \
		0, "project-directory", OPT_TEXT, &(l).project_dir                                 \
	}
#define LOADSTACK_HELP                                                                             \
	"  -f, --file FILE    the stack, in the Compose format; - is standard input; several "     \
	"are\n"                                                                                    \
	"                     merged; without it those of the variable COMPOSE_FILE (which .env "  \
	"may "                                                                                     \
	"set),\n"                                                                                  \
	"                     or compose.yaml, docker-compose.yml and the like, with its "         \
	"override "                                                                                \
	"file\n"                                                                                   \
	"  -n, --name NAME    the stack's name, instead of the file's or the folder's (also -p)\n" \
	"  --profile NAME     run services of this profile too; '*' is all\n"                      \
	"  --env-file FILE    variables, instead of .env beside the first file\n"                  \
	"  --project-directory DIR   where relative paths begin\n"

/* Is what the options say possible? -1: go on, otherwise the exit status. */
int loadstack_check(const struct loadstack *l, const struct cmd *cmd);
struct spec_stack *loadstack_parse(struct loadstack *l); /* NULL: said why */
/* Prints an error of the controller; about a key of the stack that was parsed, with its place in the files. */
void loadstack_error(const struct loadstack *l, const struct err *err);
json_t *loadstack_config(const struct loadstack *l); /* NULL: said why */
/* The variables that are filled in, out of files and the shell; a message on failure. */
int loadstack_environment(const struct loadstack *l, struct kvlist *out);
/* The text of all files, one after the other, for looking at what variables they name. */
char *loadstack_text(const struct loadstack *l);
void loadstack_done(struct loadstack *l);
