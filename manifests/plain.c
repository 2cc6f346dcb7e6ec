/* SPDX-License-Identifier: Apache-2.0
 * Numbers as text, as the YAML reader and the printer of Compose (Go's yaml.v3 and %v) have them. */
#include "manifests/plain.h"
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGITS_MAX 17 /* that tell any two doubles apart */
#define POINT_MAX  21 /* a number of more digits before the point has an exponent */

/* The digits in decimal; NULL: they are none of the base, or too many. */
static char *based(const char *sign, const char *s, int base)
{
	char *end;
	errno = 0;
	unsigned long long v = strtoull(s, &end, base);
	if (*end || errno || !isxdigit((unsigned char)*s) || (*sign == '-' && v > 1ULL << 63))
		return NULL;
	return xasprintf("%s%llu", *sign == '-' && v ? "-" : "", v);
}

/* 010 and 0o10 are octal; false: no whole number, or too large a one. */
static bool whole(const char *s, struct str *out)
{
	bool minus = *s == '-';
	s += *s == '-' || *s == '+';
	int base = strncasecmp(s, "0x", 2) == 0   ? 16
		   : strncasecmp(s, "0o", 2) == 0 ? 8
		   : *s == '0' && s[1]            ? 8
						  : 10;
	const char *digits = base == 16 || tolower((unsigned char)s[1]) == 'o' ? s + 2 : s;
	auto_free char *text = based(minus ? "-" : "", digits, base);
	str_add(out, text ? text : "");
	return text;
}

/* The fewest digits that are read as the same number. */
static void shortest(double v, locale_t c, char *digits, size_t size)
{
	for (int n = 0; n < DIGITS_MAX; n++) {
		snprintf(digits, size, "%.*e", n, v);
		if (strtod_l(digits, NULL, c) == v)
			return;
	}
}

static void with_point(const char *mantissa, size_t n, int exponent, struct str *out)
{
	if (exponent < 0)
		str_add(out, "0.");
	for (int i = -1; i > exponent; i--)
		str_addc(out, '0');
	for (size_t i = 0; i < n || (int)i <= exponent; i++) {
		str_addc(out, i < n ? mantissa[i] : '0');
		if ((int)i == exponent && i + 1 < n)
			str_addc(out, '.');
	}
}

static void real(double v, locale_t c, struct str *out)
{
	char text[64], mantissa[DIGITS_MAX + 1];
	size_t n = 0;
	if (!isfinite(v)) {
		str_add(out, isnan(v) ? "NaN" : v < 0 ? "-Inf" : "+Inf");
		return;
	}
	shortest(fabs(v), c, text, sizeof(text));
	char *e = strchr(text, 'e');
	int exponent = atoi(e + 1);
	for (const char *p = text; p < e; p++)
		if (isdigit((unsigned char)*p) && n < DIGITS_MAX)
			mantissa[n++] = *p;
	if (signbit(v))
		str_addc(out, '-');
	if (exponent >= -4 && exponent < POINT_MAX) {
		with_point(mantissa, n, exponent, out);
		return;
	}
	str_addc(out, mantissa[0]);
	if (n > 1)
		str_addc(out, '.');
	str_addn(out, mantissa + 1, n - 1);
	str_addf(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
}

static void fraction(const char *s, struct str *out)
{
	static locale_t c;
	if (!c)
		c = newlocale(LC_ALL_MASK, "C", NULL);
	bool minus = *s == '-';
	const char *digits = s + (*s == '-' || *s == '+');
	double v = strcasecmp(digits, ".inf") == 0   ? HUGE_VAL
		   : strcasecmp(digits, ".nan") == 0 ? (double)NAN
						     : strtod_l(digits, NULL, c);
	if (isinf(v) && isdigit((unsigned char)digits[strspn(digits, ".")]))
		return; /* too large: no number to Compose's reader either */
	real(minus ? -v : v, c, out);
}

char *plain_number(const char *written)
{
	struct str digits = {0};
	const char *s = written + (*written == '-' || *written == '+');
	if (!isdigit((unsigned char)*s))
		return NULL;
	int prefix = s[0] == '0' ? tolower((unsigned char)s[1]) : 0;
	bool known = s == written && !isupper((unsigned char)s[1]); /* 0x1f, 0o17 */
	bool other = prefix == 'b' || ((prefix == 'x' || prefix == 'o') && !known);
	if (!other && !strchr(s, '_'))
		return NULL;
	for (const char *p = written; *p; p++)
		if (*p != '_')
			str_addc(&digits, *p);
	auto_free char *text = str_take(&digits);
	int base = prefix == 'x' ? 16 : prefix == 'o' ? 8 : prefix == 'b' ? 2 : 0;
	if (base)
		return based(written, text + (s - written) + 2, base);
	enum node_kind kind = node_core_kind(text);
	return kind == NODE_INT || kind == NODE_FLOAT ? take_ptr(text) : NULL;
}

char *plain_text(enum node_kind kind, const char *written)
{
	struct str s = {0};
	if (kind == NODE_BOOL)
		str_add(&s, tolower((unsigned char)*written) == 't' ? "true" : "false");
	else if (kind == NODE_FLOAT || (kind == NODE_INT && !whole(written, &s)))
		fraction(written, &s);
	if (!s.len || streq(s.data, written)) {
		str_done(&s);
		return NULL;
	}
	return str_take(&s);
}
