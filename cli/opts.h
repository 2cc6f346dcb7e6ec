/* SPDX-License-Identifier: Apache-2.0
 *
 * Options of a verb from a table: short letters (combined too), --name VALUE, --name=VALUE, "--".
 * --help and --context are understood everywhere.
 */
#pragma once
#include "base/str.h"
#include "cli/cmd.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_kind {
	OPT_FLAG,     /* to: bool * */
	OPT_TEXT,     /* to: const char ** */
	OPT_LIST,     /* to: struct strlist *; may be repeated */
	OPT_NUMBER,   /* to: int64_t *; not negative */
	OPT_DURATION, /* to: int64_t * in ms; "90", "90s", "5m", "24h", "7d", "200ms" */
};
struct opt {
	char letter; /* 0: none */
	const char *name;
	enum opt_kind kind;
	void *to;
};
struct opts {
	const struct cmd *cmd;
	const struct opt *v;
	size_t n;
	size_t min_args, max_args;
	bool stop_at_first; /* what follows the first argument is not ours (exec) */
};

/* Positional arguments are appended to rest. -1: go on; otherwise the exit status (after --help or
 * a message about wrong usage). */
int opts_parse(const struct opts *o, int argc, char **argv, struct strlist *rest);
void opts_help(const struct cmd *c);
int opts_misuse(const struct cmd *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool opts_duration(const char *text, int64_t *ret_ms);
