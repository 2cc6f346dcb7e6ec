/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors that a person will read. A fallible function returns 0 or a negative errno; where the
 * reason may reach a user it also takes `struct err *err` as its last argument. On failure it
 * leaves one plain sentence there (lower case, no full stop, the object in quotes, what to do);
 * on success err is untouched. err may be NULL: the text is then dropped.
 */
#pragma once
#include <stdarg.h>

#define ERR_TEXT_MAX 1024 /* bytes, NUL included; longer texts end in "..." */
#define ERR_PATH_MAX 256  /* bytes, NUL included; a longer one is left out */

struct err {
	int code; /* negative errno, 0 when unset */
	char text[ERR_TEXT_MAX];
	char path[ERR_PATH_MAX]; /* the key it is about, of a document that was given; or "" */
};

/* Sets the text and returns code (negative errno), so that a failure is one line. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* err_set with ": strerror(-code)" appended. */
int err_sys(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Prefixes the text already there with "outer: "; err->code stays if it was set. Returns code. */
int err_wrap(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Names the key that the text already there is about, "services.web.ports[0]". Returns code. */
int err_at(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The text, or "unknown error"; borrowed from err. */
const char *err_text(const struct err *err);
