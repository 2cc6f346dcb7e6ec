/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings: what is wrong with a file, and where. Readers of manifests add them; text that comes from a
 * file is made harmless for terminals here, once for all.
 */
#pragma once
#include "base/str.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define DIAG_ERRORS_MAX 100

struct diag_line { /* one finding */
	bool warning;
	char *file;       /* may be NULL */
	int line, column; /* from 1; 0: unknown */
	char *text;       /* one sentence */
	char *path;       /* "services.web.ports[0]": the key it is about; may be NULL */
	char *source;     /* the line of the file itself, for the caret; may be NULL */
};
struct diag { /* all findings of one run, in order of position */
	struct diag_line *v;
	size_t n, cap;
	size_t n_errors;
};
void diag_done(struct diag *d);
/* "file:line:column: error: text" and, with caret, the key's path, the source line and a caret under the
 * column.
 * Caller frees. */
char *diag_text(const struct diag_line *l, bool caret);

/* The rest is private to manifests/. */
struct diag_place {
	const char *file;
	int line, column;
};

/* Past DIAG_ERRORS_MAX errors (or as many warnings) a finding is dropped. */
void diag_addv(struct diag *d, bool warning, struct diag_place at, const char *fmt, va_list ap)
	__attribute__((format(printf, 4, 0)));
void diag_error(struct diag *d, struct diag_place at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void diag_warn(struct diag *d, struct diag_place at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool diag_full(const struct diag *d); /* no further error would be kept: stop early */
/* Sorts by position and attaches to the findings in file their lines of text. */
void diag_finish(struct diag *d, const char *file, const char *text, size_t len);
