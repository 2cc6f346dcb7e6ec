/* SPDX-License-Identifier: Apache-2.0
 *
 * A verb of the command line: one file (cmd_NAME.c) exports one `struct cmd`; main.c holds the one
 * table of them. run returns the exit status: 0 done, 1 failed, 2 wrong usage.
 */
#pragma once
#include <stdbool.h>

struct cmd {
	const char *name;
	const char *args;    /* "[-n NAME] -f FILE" for the usage line */
	const char *summary; /* one line for `carrack --help` */
	const char *help;    /* the rest of `carrack VERB --help`: options, examples */
	int (*run)(int argc, char **argv); /* argv[0] is the verb */
	const char *program;               /* in place of run: the program that has this verb */
	bool hidden;
};
