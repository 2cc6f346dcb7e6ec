/* SPDX-License-Identifier: Apache-2.0
 * Output for people. */
#include "cli/out.h"
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

__attribute__((format(printf, 3, 0))) static void message(const char *level, enum out_color color,
							  const char *fmt, va_list ap)
{
	bool colored = out_has_color(stderr);

	fflush(stdout);
	fprintf(stderr, "%s%s:%s ", colored ? out_color_on(color) : "", level,
		colored ? OUT_COLOR_OFF : "");
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void out_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message("error", COLOR_RED, fmt, ap);
	va_end(ap);
}

void out_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message("warning", COLOR_YELLOW, fmt, ap);
	va_end(ap);
}

void out_json(const json_t *j)
{
	auto_free char *text = json_text_pretty(j);

	puts(text);
}

bool out_is_terminal(FILE *f)
{
	return isatty(fileno(f)) == 1;
}

bool out_has_color(FILE *f)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return out_is_terminal(f) && !(no && *no) && !streq(term, "dumb");
}

enum out_color out_state_color(const char *state)
{
	static const struct {
		const char *state;
		enum out_color color;
	} colors[] = {
		{"running", COLOR_GREEN},   {"healthy", COLOR_GREEN},    {"up", COLOR_GREEN},
		{"ok", COLOR_GREEN},        {"failed", COLOR_RED},       {"lost", COLOR_RED},
		{"unhealthy", COLOR_RED},   {"down", COLOR_RED},         {"degraded", COLOR_RED},
		{"backoff", COLOR_YELLOW},  {"pending", COLOR_YELLOW},   {"starting", COLOR_YELLOW},
		{"assigned", COLOR_YELLOW}, {"preparing", COLOR_YELLOW}, {"updating", COLOR_YELLOW},
		{"removing", COLOR_YELLOW}, {"complete", COLOR_DIM},     {"stopping", COLOR_DIM},
		{"stopped", COLOR_DIM},
	};

	for (size_t i = 0; i < ARRAY_LEN(colors); i++)
		if (streq(colors[i].state, state))
			return colors[i].color;
	return COLOR_NONE;
}

const char *out_color_on(enum out_color c)
{
	switch (c) {
	case COLOR_NONE:
		return "";
	case COLOR_GREEN:
		return "\033[32m";
	case COLOR_YELLOW:
		return "\033[33m";
	case COLOR_RED:
		return "\033[31m";
	case COLOR_DIM:
		return "\033[2m";
	}
	return "";
}

/* Length of the well-formed UTF-8 sequence at p (at most n bytes), 0 when there is none. C1 control
 * characters (U+0080 to U+009F) count as malformed: terminals obey them. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
	size_t len = p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (p[0] < 0xc2 || p[0] > 0xf4 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if (p[0] == 0xc2 && p[1] < 0xa0)
		return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
		return 0;
	return len;
}

char *out_clean(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	struct str s = {0};

	for (size_t i = 0; i < len;) {
		size_t n = p[i] >= 0x80 ? utf8_len(p + i, len - i) : 1;

		if (n == 0) {
			str_addc(&s, '?');
			i++;
			continue;
		}
		if ((p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7f)
			str_addf(&s, "\\x%02x", p[i]);
		else
			str_addn(&s, text + i, n);
		i += n;
	}
	return str_take(&s);
}

char *out_age(int64_t ms)
{
	int64_t s = ms > 0 ? ms / 1000 : 0;

	if (s < 120)
		return xasprintf("%llds", (long long)s);
	if (s < 120 * 60)
		return xasprintf("%lldm", (long long)(s / 60));
	if (s < 48 * 3600)
		return xasprintf("%lldh", (long long)(s / 3600));
	return xasprintf("%lldd", (long long)(s / 86400));
}

char *out_bytes(int64_t bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	double v = (double)bytes;
	size_t u = 0;

	while (v >= 1000 && u + 1 < ARRAY_LEN(units)) {
		v /= 1000;
		u++;
	}
	return u ? xasprintf("%.1f %s", v, units[u]) : xasprintf("%lld B", (long long)bytes);
}

size_t out_width(const char *utf8)
{
	size_t n = 0;

	for (const char *p = utf8; *p; p++)
		n += ((unsigned char)*p & 0xc0) != 0x80;
	return n;
}

size_t out_terminal_columns(void)
{
	struct winsize w;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
		return w.ws_col;
	return 80;
}

void table_init(struct table *t, const char *const *header, size_t n)
{
	*t = (struct table){.n_columns = n};
	for (size_t i = 0; i < n; i++)
		table_cell(t, COLOR_NONE, header[i]);
}

void table_cell(struct table *t, enum out_color color, const char *text)
{
	if (!text || !*text)
		text = "-";
	t->colors = vec_grow(t->colors, t->cells.n, &t->cap_colors, sizeof(*t->colors));
	t->colors[t->cells.n] = color;
	strlist_take(&t->cells, out_clean(text, strlen(text)));
}

void table_cellf(struct table *t, enum out_color color, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	auto_free char *text = xvasprintf(fmt, ap);
	va_end(ap);
	table_cell(t, color, text);
}

void table_print(const struct table *t, FILE *f, bool color)
{
	size_t width[TABLE_COLUMNS_MAX] = {0};

	for (size_t i = 0; i < t->cells.n; i++) {
		size_t w = out_width(t->cells.v[i]), *max = &width[i % t->n_columns];

		*max = w > *max ? w : *max;
	}
	for (size_t i = 0; i < t->cells.n; i++) {
		size_t column = i % t->n_columns;
		bool last = column == t->n_columns - 1;
		bool colored = color && t->colors[i] != COLOR_NONE;

		fprintf(f, "%s%s%s", colored ? out_color_on(t->colors[i]) : "", t->cells.v[i],
			colored ? OUT_COLOR_OFF : "");
		if (last)
			fputc('\n', f);
		else
			fprintf(f, "%*s", (int)(width[column] - out_width(t->cells.v[i]) + 2), "");
	}
}

void table_done(struct table *t)
{
	strlist_done(&t->cells);
	free_and_null(&t->colors);
}

void table_show(struct table *t)
{
	table_print(t, stdout, out_has_color(stdout));
	table_done(t);
}
