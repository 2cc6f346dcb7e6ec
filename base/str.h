/* SPDX-License-Identifier: Apache-2.0
 *
 * A growable byte string (always NUL-terminated when data is not NULL), a list of strings, and
 * small questions about strings.
 */
#pragma once
#include "base/mem.h"
#include <stdbool.h>
#include <stddef.h>

struct str {
	char *data; /* owned; NULL until something is added */
	size_t len, cap;
};

void str_add(struct str *s, const char *text);
void str_addn(struct str *s, const void *bytes, size_t n);
void str_addc(struct str *s, char c);
void str_addf(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void str_consume(struct str *s, size_t n); /* drops the first n bytes */
void str_clear(struct str *s);             /* len 0, memory kept */
void str_done(struct str *s);              /* frees; the struct may be used again */
char *str_take(struct str *s);             /* never NULL; caller frees; s is empty after */

static inline void cleanup_str_done(struct str *s)
{
	str_done(s);
}
#define auto_str __attribute__((cleanup(cleanup_str_done))) struct str

/* A list of strings; owns them. v is NULL-terminated whenever it is not NULL (so it fits execve). */
struct strlist {
	char **v;
	size_t n, cap;
};
void strlist_add(struct strlist *l, const char *s);
void strlist_addf(struct strlist *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strlist_take(struct strlist *l, char *s);                     /* takes ownership of s */
void strlist_copy(struct strlist *dst, const struct strlist *src); /* appends copies */
bool strlist_has(const struct strlist *l, const char *s);
void strlist_sort(struct strlist *l);
void strlist_done(struct strlist *l);
static inline void cleanup_strlist_done(struct strlist *l)
{
	strlist_done(l);
}
#define auto_strlist __attribute__((cleanup(cleanup_strlist_done))) struct strlist

/* Ordered key/value pairs; v may be NULL ("set without a value"). Owns both. */
struct kv {
	char *k, *v;
};
struct kvlist {
	struct kv *v;
	size_t n, cap;
};
void kvlist_set(struct kvlist *l, const char *k, const char *v); /* replaces or appends */
const char *kvlist_get(const struct kvlist *l, const char *k);   /* NULL: absent or no value */
const struct kv *kvlist_find(const struct kvlist *l, const char *k);
void kvlist_copy(struct kvlist *dst, const struct kvlist *src); /* set semantics */
void kvlist_done(struct kvlist *l);

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
bool streq(const char *a, const char *b); /* NULL equals only NULL */
