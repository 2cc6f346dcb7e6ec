/* SPDX-License-Identifier: Apache-2.0
 *
 * A saved plan: a JSON file with the request (the canonical stack, its removal, or a scale), the plan the
 * controller made of it, and a digest, so that one that was cut or edited is refused. The digest is
 * no signature: the controller plans again and compares before it does anything.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"

#define PLANFILE_VERSION 1

struct planfile {
	char *stack;
	json_t *request; /* what POST /v1/stacks/NAME/plan takes, without "plan" */
	json_t *plan;    /* what it answered */
	json_t *sealed; /* array of sealed.h: values of configs and secrets to send before; or NULL */
};
void planfile_done(struct planfile *f);

char *planfile_text(const struct planfile *f); /* caller frees */
/* Does the text look like a saved plan, rather than a stack? It may still be a broken one. */
bool planfile_is(const char *text, size_t len);
int planfile_parse(const char *text, size_t len, struct planfile *out, struct err *err);
