/* SPDX-License-Identifier: Apache-2.0
 *
 * The way in of the stack language: bytes and an environment in, a typed stack or errors with
 * positions out. Reads no files of its own accord: files named in a stack (env_file) are read
 * through `read`.
 */
#pragma once
#include "base/json.h"
#include "manifests/diag.h"
#include "manifests/dotenv.h"
#include "manifests/spec.h"
#include "manifests/stackinput.h"

/* The canonical file as `carrack config` prints it, in the shape of Compose; new reference, NULL with
 * errors in d. What apply would refuse is a warning. */
json_t *stackfile_config(const struct stackfile_input *in, struct diag *d);
/* Every key of the language as a list of {path, support, doc}; new reference. */
json_t *stackfile_support(void);

/* The language as a JSON schema, draft-07; new reference. */
json_t *stackfile_schema(void);

/* NULL when there was an error (see d->n_errors); warnings may be there on success. */
struct spec_stack *stackfile_parse(const struct stackfile_input *in, struct diag *d);
/* Adds the error text about the key of the canonical stack that path names ("services.web.ports[0]"), at its place
 * in the files. False, with nothing added: it has none there. */
bool stackfile_blame(const struct stackfile_input *in, const char *path, const char *text,
		     struct diag *d);
