/* SPDX-License-Identifier: Apache-2.0
 * Findings with positions; see stackfile.h and diag.h. */
#include "manifests/diag.h"
#include "manifests/words.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX   1000 /* bytes of one finding's sentence */
#define SOURCE_MAX 400  /* a longer line is not shown: nobody would find the caret */

static void make_harmless(char *s)
{
	for (; *s; s++)
		if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
			*s = '?';
}

void diag_addv(struct diag *d, bool warning, struct diag_place at, const char *fmt, va_list ap)
{
	size_t same = warning ? d->n - d->n_errors : d->n_errors;
	if (same >= DIAG_ERRORS_MAX)
		return;
	char text[TEXT_MAX];
	vsnprintf(text, sizeof(text), fmt, ap);
	make_harmless(text);
	d->v = vec_grow(d->v, d->n, &d->cap, sizeof(*d->v));
	d->v[d->n++] = (struct diag_line){
		.warning = warning,
		.file = xstrdup(at.file),
		.line = at.line,
		.column = at.column,
		.text = xstrdup(text),
	};
	d->n_errors += !warning;
}

void diag_error(struct diag *d, struct diag_place at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	diag_addv(d, false, at, fmt, ap);
	va_end(ap);
}

void diag_warn(struct diag *d, struct diag_place at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	diag_addv(d, true, at, fmt, ap);
	va_end(ap);
}

bool diag_full(const struct diag *d)
{
	return d->n_errors >= DIAG_ERRORS_MAX;
}

static int by_place(const void *a, const void *b)
{
	const struct diag_line *x = a, *y = b;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return strcmp(x->text, y->text);
}

static void line_done(struct diag_line *l)
{
	free(l->file);
	free(l->text);
	free(l->source);
	free(l->path);
}

/* What several services share by an alias is wrong once. */
static void drop_repeated(struct diag *d)
{
	size_t kept = 0;
	for (size_t i = 0; i < d->n; i++) {
		struct diag_line *l = &d->v[i], *before = kept ? &d->v[kept - 1] : NULL;
		if (before && l->line && by_place(l, before) == 0 && streq(l->file, before->file) &&
		    l->warning == before->warning) {
			d->n_errors -= !l->warning;
			line_done(l);
			continue;
		}
		d->v[kept++] = *l;
	}
	d->n = kept;
}

void diag_finish(struct diag *d, const char *file, const char *text, size_t len)
{
	if (d->n > 1)
		qsort(d->v, d->n, sizeof(*d->v), by_place);
	drop_repeated(d);
	const char *line = text, *end = text + len;
	int number = 1;
	for (size_t i = 0; i < d->n; i++) {
		struct diag_line *l = &d->v[i];
		if (l->line == 0 || l->source || !streq(l->file, file))
			continue;
		while (number < l->line && line < end) {
			const char *next = memchr(line, '\n', (size_t)(end - line));
			line = next ? next + 1 : end;
			number++;
		}
		if (line >= end)
			continue;
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t n = stop ? (size_t)(stop - line) : (size_t)(end - line);
		if (n > 0 && line[n - 1] == '\r')
			n--;
		if (n > SOURCE_MAX)
			continue;
		l->source = xstrndup(line, n);
		make_harmless(l->source);
		for (char *c = l->source; !utf8_valid(l->source) && *c; c++)
			*c = (unsigned char)*c < 0x80 ? *c : '?';
	}
}

void diag_done(struct diag *d)
{
	for (size_t i = 0; i < d->n; i++)
		line_done(&d->v[i]);
	free(d->v);
	*d = (struct diag){0};
}

/* The columns before the caret: blanks, with the source's tabs kept so that the two lines agree.
 * A column counts characters, so bytes that continue a UTF-8 character are passed over. */
static void add_caret(struct str *s, const char *source, int column)
{
	str_addf(s, "\n    %s\n    ", source);
	int at = 1;
	for (const char *p = source; *p && at < column; p++) {
		if (((unsigned char)*p & 0xc0) == 0x80)
			continue;
		str_addc(s, *p == '\t' ? '\t' : ' ');
		at++;
	}
	str_addc(s, '^');
}

char *diag_text(const struct diag_line *l, bool caret)
{
	struct str s = {0};
	if (l->file)
		str_addf(&s, "%s:", l->file);
	if (l->line)
		str_addf(&s, "%d:%d:", l->line, l->column);
	str_addf(&s, "%s%s: %s", s.len ? " " : "", l->warning ? "warning" : "error", l->text);
	if (caret && l->path)
		str_addf(&s, "\n  in %s", l->path);
	if (caret && l->source && l->column)
		add_caret(&s, l->source, l->column);
	return str_take(&s);
}
