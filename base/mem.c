/* SPDX-License-Identifier: Apache-2.0
 * Allocation that does not fail; see mem.h. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void *or_die(void *p, size_t size)
{
	if (p || size == 0)
		return p;
	fprintf(stderr, "carrack: out of memory (%zu bytes wanted)\n", size);
	abort();
}

void *xmalloc(size_t size)
{
	return or_die(malloc(size ? size : 1), size);
}

void *xcalloc(size_t n, size_t size)
{
	return or_die(calloc(n ? n : 1, size ? size : 1), n);
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	return or_die(reallocarray(p, n ? n : 1, size ? size : 1), n);
}

char *xstrdup(const char *s)
{
	return s ? or_die(strdup(s), 1) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
	return or_die(strndup(s, n), n + 1);
}

void *xmemdup(const void *p, size_t n)
{
	void *copy = xmalloc(n);
	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *xvasprintf(const char *fmt, va_list ap)
{
	char *out = NULL;
	return vasprintf(&out, fmt, ap) < 0 ? or_die(NULL, 1) : out;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *out = xvasprintf(fmt, ap);
	va_end(ap);
	return out;
}

void *vec_grow(void *v, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return v;
	size_t want = *cap ? *cap * 2 : 8;
	while (want <= n)
		want *= 2;
	v = xreallocarray(v, want, size);
	memset((char *)v + *cap * size, 0, (want - *cap) * size);
	*cap = want;
	return v;
}
