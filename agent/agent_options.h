/* SPDX-License-Identifier: Apache-2.0
 * The agent's options and configuration file, together. */
#pragma once
#include "base/err.h"
#include "manifests/conf.h"
#include <stdbool.h>

struct agent_options {
	struct conf conf;   /* defaults, file, then flags */
	const char *token;  /* --join; borrowed from argv; NULL: none */
	const char *config; /* the file that was read; borrowed; NULL: none */
	bool help, verbose;
};
extern const char agent_options_usage[];

/* Reads flags and the file. -EINVAL with a sentence on wrong usage; -EBADMSG: the file is wrong, and its findings
 * were logged. */
int agent_options_parse(int argc, char **argv, struct agent_options *out, struct err *err);
void agent_options_done(struct agent_options *o);
