/* SPDX-License-Identifier: Apache-2.0
 * `carrack plan` and `carrack diff`: what an apply would do, before anything happens. */
#include "base/fd.h"
#include "cli/cmds.h"
#include "cli/out.h"
#include "cli/planask.h"
#include "cli/planout.h"
#include "manifests/planfile.h"
#include <string.h>

#define PLANFILE_MAX (64u << 20)

/* A plan that was saved before, without asking anybody. */
static int show(const char *path, const struct planask *how)
{
	auto_free char *text = NULL;
	struct planfile f = {0};
	struct err err = {0};
	size_t len = 0;
	int r = file_read(path, PLANFILE_MAX, &text, &len, &err);

	if (!r)
		r = planfile_parse(text, len, &f, &err);
	if (r) {
		out_error("plan '%s': %s", path, err_text(&err));
		return PLAN_ERROR;
	}
	if (how->json)
		out_json(f.plan);
	else if (how->diff)
		planout_changes(f.plan);
	else
		planout_all(f.plan);
	r = json_bool(f.plan, "changed", false) ? PLAN_CHANGES : PLAN_NOTHING;
	planfile_done(&f);
	return r;
}

static int ask(struct loadstack *from, const char *rm, struct planask *how)
{
	auto_(client_free) struct client *c = NULL;
	__attribute__((cleanup(cleanup_spec_stack_free))) struct spec_stack *stack =
		rm ? NULL : loadstack_parse(from);
	auto_json *request = rm ? json_pack("{s:b}", "remove", 1) : NULL, *sealed = NULL;
	struct err err = {0};

	if (!rm && !stack)
		return PLAN_ERROR;
	int r = client_open(&c, &err);

	if (!r && stack)
		r = planask_stack(c, stack, how->out != NULL, &request, &sealed, &err);
	if (r) {
		out_error("%s", err_text(&err));
		return PLAN_ERROR;
	}
	how->sealed = sealed;
	how->from = from;
	return planask_run(c, rm ? rm : stack->name, request, how);
}

static int run_either(const struct cmd *cmd, bool diff, int argc, char **argv)
{
	auto_strlist args = {0};
	struct loadstack from = {.values = true};
	struct planask how = {.diff = diff};
	const char *rm = NULL;
	const struct opt v[] = {
		LOADSTACK_OPTIONS(from),
		{'o', "out", OPT_TEXT, &how.out},
		{0, "json", OPT_FLAG, &how.json},
		{0, "rm", OPT_TEXT, &rm},
	};
	const struct opts o = {.cmd = cmd, .v = v, .n = ARRAY_LEN(v), .max_args = 1};
	int r = opts_parse(&o, argc, argv, &args);

	if (r < 0 && !rm && !args.n)
		r = loadstack_check(&from, cmd);
	/* 2 is for "there are changes": wrong usage is an error like others. */
	if (r >= 0)
		r = r ? PLAN_ERROR : 0;
	else if (args.n)
		r = show(args.v[0], &how);
	else
		r = ask(&from, rm, &how);
	loadstack_done(&from);
	return r;
}

static int run_plan(int argc, char **argv)
{
	return run_either(&cmd_plan, false, argc, argv);
}

static int run_diff(int argc, char **argv)
{
	return run_either(&cmd_diff, true, argc, argv);
}

#define PLAN_ARGS "[-f FILE]... [-n NAME] [--rm STACK] [-o FILE] [--json] | PLAN"
#define PLAN_HELP                                                                                  \
	LOADSTACK_HELP                                                                             \
	"  --rm STACK         plan the removal of a stack instead\n"                               \
	"  -o, --out FILE     save the plan, for `carrack apply FILE`\n"                           \
	"  --json             for programs (docs/api.md)\n"                                        \
	"\n"                                                                                       \
	"PLAN is a saved plan, which is shown again. The exit status is 0 when there is nothing\n" \
	"to do, 2 when there are changes, 1 when something is wrong.\n"

const struct cmd cmd_plan = {
	.name = "plan",
	.args = PLAN_ARGS,
	.summary = "Show what an apply would do, before anything happens.",
	.help = PLAN_HELP,
	.run = run_plan,
};

const struct cmd cmd_diff = {
	.name = "diff",
	.args = PLAN_ARGS,
	.summary = "Show what differs between stack files and what runs.",
	.help = PLAN_HELP,
	.run = run_diff,
};
