/* SPDX-License-Identifier: Apache-2.0
 * Strings and lists of strings; see str.h. */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void reserve(struct str *s, size_t more)
{
	if (s->len + more + 1 <= s->cap)
		return;
	size_t want = s->cap ? s->cap * 2 : 64;
	if (want < s->len + more + 1)
		want = s->len + more + 1;
	s->data = xreallocarray(s->data, want, 1);
	s->cap = want;
}

void str_addn(struct str *s, const void *bytes, size_t n)
{
	reserve(s, n);
	if (n)
		memcpy(s->data + s->len, bytes, n);
	s->len += n;
	s->data[s->len] = '\0';
}

void str_add(struct str *s, const char *text)
{
	str_addn(s, text, strlen(text));
}

void str_addc(struct str *s, char c)
{
	str_addn(s, &c, 1);
}

__attribute__((format(printf, 2, 0))) static void vaddf(struct str *s, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return;
	reserve(s, (size_t)n);
	vsnprintf(s->data + s->len, (size_t)n + 1, fmt, ap);
	s->len += (size_t)n;
}

void str_addf(struct str *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vaddf(s, fmt, ap);
	va_end(ap);
}

void str_consume(struct str *s, size_t n)
{
	if (n >= s->len) {
		str_clear(s);
		return;
	}
	memmove(s->data, s->data + n, s->len - n + 1);
	s->len -= n;
}

void str_clear(struct str *s)
{
	s->len = 0;
	if (s->data)
		s->data[0] = '\0';
}

void str_done(struct str *s)
{
	free(s->data);
	*s = (struct str){0};
}

char *str_take(struct str *s)
{
	char *data = s->data ? s->data : xstrdup("");
	*s = (struct str){0};
	return data;
}

void strlist_take(struct strlist *l, char *s)
{
	l->v = vec_grow(l->v, l->n + 1, &l->cap, sizeof(*l->v));
	l->v[l->n++] = s;
	l->v[l->n] = NULL;
}

void strlist_add(struct strlist *l, const char *s)
{
	strlist_take(l, xstrdup(s));
}

void strlist_addf(struct strlist *l, const char *fmt, ...)
{
	struct str s = {0};
	va_list ap;
	va_start(ap, fmt);
	vaddf(&s, fmt, ap);
	va_end(ap);
	strlist_take(l, str_take(&s));
}

void strlist_copy(struct strlist *dst, const struct strlist *src)
{
	for (size_t i = 0; i < src->n; i++)
		strlist_add(dst, src->v[i]);
}

bool strlist_has(const struct strlist *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (streq(l->v[i], s))
			return true;
	return false;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strlist_sort(struct strlist *l)
{
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(*l->v), by_text);
}

void strlist_done(struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct strlist){0};
}

const struct kv *kvlist_find(const struct kvlist *l, const char *k)
{
	for (size_t i = 0; i < l->n; i++)
		if (streq(l->v[i].k, k))
			return &l->v[i];
	return NULL;
}

const char *kvlist_get(const struct kvlist *l, const char *k)
{
	const struct kv *found = kvlist_find(l, k);
	return found ? found->v : NULL;
}

void kvlist_set(struct kvlist *l, const char *k, const char *v)
{
	for (size_t i = 0; i < l->n; i++) {
		if (!streq(l->v[i].k, k))
			continue;
		char *copy = xstrdup(v);
		free(l->v[i].v);
		l->v[i].v = copy;
		return;
	}
	l->v = vec_grow(l->v, l->n, &l->cap, sizeof(*l->v));
	l->v[l->n++] = (struct kv){xstrdup(k), xstrdup(v)};
}

void kvlist_copy(struct kvlist *dst, const struct kvlist *src)
{
	for (size_t i = 0; i < src->n; i++)
		kvlist_set(dst, src->v[i].k, src->v[i].v);
}

void kvlist_done(struct kvlist *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].k);
		free(l->v[i].v);
	}
	free(l->v);
	*l = (struct kvlist){0};
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);
	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

bool streq(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}
