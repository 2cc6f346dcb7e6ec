/* SPDX-License-Identifier: Apache-2.0
 *
 * Adding findings to a struct diag (stackfile.h); private to manifests/. Text that comes from a
 * file is made harmless for terminals here, once for all.
 */
#pragma once
#include "manifests/stackfile.h"
#include <stdarg.h>

struct diag_place {
	const char *file;
	int line, column;
};

/* Past STACKFILE_ERRORS_MAX errors (or as many warnings) a finding is dropped. */
void diag_addv(struct diag *d, bool warning, struct diag_place at, const char *fmt, va_list ap)
	__attribute__((format(printf, 4, 0)));
void diag_error(struct diag *d, struct diag_place at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void diag_warn(struct diag *d, struct diag_place at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool diag_full(const struct diag *d); /* no further error would be kept: stop early */
/* Sorts by position and attaches to the findings in file their lines of text. */
void diag_finish(struct diag *d, const char *file, const char *text, size_t len);
