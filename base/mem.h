/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory: allocation that ends the process when memory is gone (sizes that come from outside are
 * bounded before), scope-bound clean-up, and explicit hand-over.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Never return NULL; abort with a message on exhaustion or overflow. Free with free(). */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s); /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
void *xmemdup(const void *p, size_t n);
char *xvasprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Grows *v (elements of size bytes) so that index n is valid; doubles. cap is kept by the caller. */
void *vec_grow(void *v, size_t n, size_t *cap, size_t size);

/* DEFINE_CLEANUP(type, fn): makes `auto_(fn) type x` call fn(x) at the end of its scope. */
#define DEFINE_CLEANUP(type, fn)                                                                   \
	static inline void cleanup_##fn(type *p)                                                   \
	{                                                                                          \
		fn(*p);                                                                            \
	}                                                                                          \
	struct cleanup_needs_semicolon_##fn
#define auto_(fn) __attribute__((cleanup(cleanup_##fn)))

static inline void cleanup_free_ptr(void *p)
{
	free(*(void **)p);
}
static inline void cleanup_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define auto_free  __attribute__((cleanup(cleanup_free_ptr)))
#define auto_close __attribute__((cleanup(cleanup_close_fd)))

/* Hand-over: the value, with the variable left empty. */
#define take_ptr(p)                                                                                \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})
#define take_fd(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})
#define free_and_null(pp)                                                                          \
	do {                                                                                       \
		free(*(pp));                                                                       \
		*(pp) = NULL;                                                                      \
	} while (0)
