/* SPDX-License-Identifier: Apache-2.0
 * The command: a table of verbs, help, and the way into each. The daemons' verbs are programs of their own, so
 * that a command loads only the libraries that it needs itself. */
#include "base/program.h"
#include "base/str.h"
#include "cli/cmds.h"
#include "cli/complete.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "lab/lab.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int run_version(int argc, char **argv);
static int run_help(int argc, char **argv);
static int run_completion(int argc, char **argv);
static int run_complete(int argc, char **argv);

static const struct cmd cmd_controller = {.name = "controller",
					  .summary = "Run the controller of a cluster.",
					  .program = "carrack-controller"};
static const struct cmd cmd_agent = {.name = "agent",
				     .summary = "Run the agent of a host.",
				     .program = "carrack-agent"};
static const struct cmd cmd_lab = {.name = "lab",
				   .summary = "A whole cluster of virtual hosts on this machine.",
				   .run = lab_main};
static const struct cmd cmd_doctor = {.name = "doctor",
				      .summary = "Tell what this host has and lacks.",
				      .program = "carrack-agent"};
static const struct cmd cmd_version = {.name = "version",
				       .summary = "Print the version.",
				       .run = run_version};
static const struct cmd cmd_help = {.name = "help",
				    .args = "[VERB]",
				    .summary = "Explain a verb.",
				    .run = run_help};

static const struct cmd cmd_completion =
	{.name = "completion",
	 .args = "bash | zsh | fish",
	 .summary = "Print what makes a shell complete carrack's commands.",
	 .help = "`make install` puts it where the shells look. By hand:\n"
		 "  bash:  . <(carrack completion bash)\n"
		 "  zsh:   . <(carrack completion zsh), after compinit\n"
		 "  fish:  carrack completion fish | source\n",
	 .run = run_completion};
static const struct cmd cmd_complete = {.name = "__complete", .run = run_complete, .hidden = true};

static int run_completion(int argc, char **argv)
{
	const struct opts o = {.cmd = &cmd_completion, .min_args = 1, .max_args = 1};
	auto_strlist args = {0};
	int r = opts_parse(&o, argc, argv, &args);

	if (r < 0 && complete_script(args.v[0]) < 0)
		r = opts_misuse(&cmd_completion, "there is no completion for '%s'", args.v[0]);
	return r < 0 ? 0 : r;
}

static int run_version(int argc, char **argv)
{
	const struct opts o = {.cmd = &cmd_version};
	auto_strlist args = {0};
	int r = opts_parse(&o, argc, argv, &args);

	if (r < 0)
		puts("carrack " CARRACK_VERSION);
	return r < 0 ? 0 : r;
}

static const struct cmd *const verbs[] = {
	&cmd_apply,      &cmd_plan,    &cmd_diff,   &cmd_config,     &cmd_rm,
	&cmd_ls,         &cmd_ps,      &cmd_logs,   &cmd_exec,       &cmd_inspect,
	&cmd_events,     &cmd_scale,   &cmd_net,    &cmd_nodes,      &cmd_secret,
	&cmd_configs,    &cmd_token,   &cmd_doctor, &cmd_lab,        &cmd_agent,
	&cmd_controller, &cmd_version, &cmd_help,   &cmd_completion, &cmd_complete,
};

static int run_complete(int argc, char **argv)
{
	complete_print(verbs, ARRAY_LEN(verbs), argv + 1, argc > 1 ? (size_t)argc - 1 : 0);
	return 0;
}

static const struct cmd *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (streq(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

static void help_all(FILE *f)
{
	fputs("usage: carrack VERB [ARGUMENTS]\n\n"
	      "Runs containers on several hosts from one stack file.\n\n",
	      f);
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (!verbs[i]->hidden)
			fprintf(f, "  %-11s %s\n", verbs[i]->name, verbs[i]->summary);
	fputs("\n`carrack VERB --help` explains a verb. Every verb that asks the controller takes\n"
	      "--context FILE, the operator.json of the cluster.\n",
	      f);
}

#define WORD_MAX 32

/* How many single letters differ (Levenshtein); words longer than WORD_MAX are far from all. */
static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], n = strlen(b);

	if (n > WORD_MAX || strlen(a) > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);
			size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;

			diagonal = row[j];
			row[j] = change < least ? change : least;
		}
	}
	return row[n];
}

static int unknown(const char *name)
{
	const struct cmd *best = NULL;
	size_t least = 3;

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		size_t d = distance(name, verbs[i]->name);

		if (!verbs[i]->hidden && d < least) {
			best = verbs[i];
			least = d;
		}
	}
	if (best)
		out_error("there is no verb '%s'; did you mean '%s'?", name, best->name);
	else
		out_error("there is no verb '%s'; `carrack help` lists them", name);
	return 2;
}

/* argv[0] is carrack, argv[1] the verb; a program of its own gets both, so that it is listed as what was called. */
static int run_verb(const struct cmd *c, int argc, char **argv)
{
	if (!c->program)
		return c->run(argc - 1, argv + 1);
	auto_free char *path = program_find(NULL, c->program);
	if (!path) {
		out_error("'%s' is neither beside carrack nor on PATH: install it there; it is the "
			  "program behind `carrack %s`",
			  c->program, c->name);
		return 1;
	}
	execv(path, argv);
	out_error("cannot run '%s': %s", path, strerror(errno));
	return 1;
}

static int run_help(int argc, char **argv)
{
	const struct cmd *c;

	if (argc < 2 || argv[1][0] == '-') {
		help_all(stdout);
		return 0;
	}
	c = find(argv[1]);
	if (!c)
		return unknown(argv[1]);
	/* A verb without a help text of its own in the table explains itself. */
	if (!c->help && c->run != run_help && c->run != run_version && !c->hidden) {
		char self[] = "carrack", help[] = "--help";
		char *args[] = {self, argv[1], help, NULL};

		return run_verb(c, 3, args);
	}
	opts_help(c);
	return 0;
}

int main(int argc, char **argv)
{
	const struct cmd *c;

	if (argc < 2) {
		help_all(stderr);
		return 2;
	}
	if (streq(argv[1], "--help") || streq(argv[1], "-h")) {
		help_all(stdout);
		return 0;
	}
	if (streq(argv[1], "--version"))
		return run_version(1, argv);
	c = find(argv[1]);
	return c ? run_verb(c, argc, argv) : unknown(argv[1]);
}
