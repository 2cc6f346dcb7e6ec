/* SPDX-License-Identifier: Apache-2.0
 *
 * The way in of the stack language: bytes and an environment in, a typed stack or errors with
 * positions out. Reads no files of its own accord: files named in a stack (env_file) are read
 * through `read`.
 */
#pragma once
#include "base/str.h"
#include "manifests/spec.h"
#include <stdbool.h>

#define STACKFILE_BYTES_MAX  (8u << 20)
#define STACKFILE_ERRORS_MAX 100

struct diag_line { /* one finding */
	bool warning;
	char *file;       /* may be NULL */
	int line, column; /* from 1; 0: unknown */
	char *text;       /* one sentence */
	char *source;     /* the line of the file itself, for the caret; may be NULL */
};
struct diag { /* all findings of one run, in order of position */
	struct diag_line *v;
	size_t n, cap;
	size_t n_errors;
};
void diag_done(struct diag *d);
/* "file:line:column: error: text" and, with caret, the source line and a caret under the column.
 * Caller frees. */
char *diag_text(const struct diag_line *l, bool caret);

struct stackfile_input {
	const char *file; /* name for messages */
	const char *text;
	size_t len;
	const char *project_dir; /* base of relative bind sources and env_file; absolute */
	const char *name; /* the stack's name if given by hand; NULL: `name:` or the folder's */
	const struct kvlist *env; /* for ${...} and value-less environment keys */
	/* Reads a file named in the stack; 0 or -errno. May be NULL: such files are an error. */
	int (*read)(const char *path, char **ret, size_t *ret_len, void *arg);
	void *read_arg;
};

/* NULL when there was an error (see d->n_errors); warnings may be there on success. */
struct spec_stack *stackfile_parse(const struct stackfile_input *in, struct diag *d);
/* KEY=VALUE lines (.env): quotes, comments, export, interpolation against env. 0 or -EINVAL with a diag. */
int dotenv_parse(const char *file, const char *text, size_t len, const struct kvlist *env,
		 struct kvlist *out, struct diag *d);
/* Stack, service, network and volume names: lower-case letters, digits, '-', '_', '.'; at most 63. */
bool spec_name_valid(const char *name);
