/* SPDX-License-Identifier: Apache-2.0
 * What the reading of a stack begins with (stackfile.h), and reads on from.
 */
#pragma once
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>

#define STACKFILE_BYTES_MAX (8u << 20)

struct stackfile_source { /* one file, or a document of it */
	const char *file;
	const char *text;
	size_t len;
	int lines; /* of the file before the text */
};

struct stackfile_input {
	const char *file; /* name for messages */
	const char *text;
	size_t len;
	const struct stackfile_source *more; /* files merged over it, in this order */
	size_t n_more;
	const struct strlist *profiles; /* active ones, "*" for all; may be NULL */
	bool values;         /* read the values of configs and secrets that services use */
	bool no_interpolate; /* variables stay as they are written */
	/* Of the canonical file: what is left out is not filled in, paths stay as they are written, and
	 * what is named need not be there. */
	bool no_normalize, no_paths, no_consistency;
	bool no_env_files; /* env_file is not read into the environment, and need not be there */
	bool canonical;    /* the canonical file is wanted: what carrack cannot run yet is fine */
	const char *project_dir; /* base of relative bind sources and env_file; absolute */
	const char *name; /* the stack's name if given by hand; NULL: `name:` or the folder's */
	const struct kvlist *env; /* for ${...} and value-less environment keys */
	/* Reads a file named in the stack; 0 or -errno. May be NULL: such files are an error. */
	int (*read)(const char *path, char **ret, size_t *ret_len, void *arg);
	void *read_arg;
};
