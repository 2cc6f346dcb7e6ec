/* SPDX-License-Identifier: Apache-2.0
 * Error texts; see err.h for the contract. */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

static void mark_cut(char *text, int need)
{
	if (need >= ERR_TEXT_MAX)
		memcpy(text + ERR_TEXT_MAX - 4, "...", 4);
}

__attribute__((format(printf, 3, 0))) static int vset(struct err *err, int code, const char *fmt,
						      va_list ap)
{
	if (!err)
		return code;
	char text[ERR_TEXT_MAX];
	mark_cut(text, vsnprintf(text, sizeof(text), fmt, ap));
	memcpy(err->text, text, strlen(text) + 1);
	err->code = code;
	err->path[0] = 0;
	return code;
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vset(err, code, fmt, ap);
	va_end(ap);
	return code;
}

int err_sys(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vset(err, code, fmt, ap);
	va_end(ap);
	if (err) {
		size_t used = strlen(err->text);
		int need = snprintf(err->text + used, sizeof(err->text) - used, ": %s",
				    strerror(-code));
		mark_cut(err->text, need + (int)used);
	}
	return code;
}

int err_wrap(struct err *err, int code, const char *fmt, ...)
{
	if (!err)
		return code;
	char inner[ERR_TEXT_MAX], outer[ERR_TEXT_MAX];
	memcpy(inner, err->text, strlen(err->text) + 1);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(outer, sizeof(outer), fmt, ap);
	va_end(ap);
	int used = snprintf(err->text, sizeof(err->text), "%s", outer);
	if (used < 0 || used >= ERR_TEXT_MAX)
		used = ERR_TEXT_MAX - 1;
	if (inner[0]) {
		int need =
			snprintf(err->text + used, sizeof(err->text) - (size_t)used, ": %s", inner);
		mark_cut(err->text, need + used);
	}
	if (!err->code)
		err->code = code;
	return code;
}

int err_at(struct err *err, int code, const char *fmt, ...)
{
	if (!err)
		return code;
	char path[ERR_PATH_MAX];
	va_list ap;
	va_start(ap, fmt);
	int need = vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (need < 0 || need >= ERR_PATH_MAX)
		path[0] = 0;
	memcpy(err->path, path, strlen(path) + 1);
	return code;
}

const char *err_text(const struct err *err)
{
	return err && err->text[0] ? err->text : "unknown error";
}
