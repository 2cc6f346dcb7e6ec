/* SPDX-License-Identifier: Apache-2.0
 * Numbers; see num.h. */
#include "base/num.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

bool num_parse_u64(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;
	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		uint64_t digit = (uint64_t)(*s - '0');
		if (value > (max - digit) / 10 || digit > max)
			return false;
		value = value * 10 + digit;
	}
	*ret = value;
	return true;
}

bool num_parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = *s == '-';
	if (*s == '-' || *s == '+')
		s++;
	uint64_t value;
	uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
	if (!num_parse_u64(s, limit, &value))
		return false;
	int64_t number = negative ? (int64_t)(0 - value) : (int64_t)value;
	if (number < min || number > max)
		return false;
	*ret = number;
	return true;
}

bool num_parse_double(const char *s, double *ret)
{
	if (!*s || isspace((unsigned char)*s) || strspn(s, "+-.0123456789eE") != strlen(s))
		return false;
	static locale_t c_locale;
	if (!c_locale)
		c_locale = newlocale(LC_ALL_MASK, "C", NULL);
	char *end;
	errno = 0;
	double value = strtod_l(s, &end, c_locale);
	if (*end || errno || !isfinite(value))
		return false;
	*ret = value;
	return true;
}

void hex_encode(const void *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = bytes;
	for (size_t i = 0; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hex_decode(const char *hex, void *out, size_t n)
{
	unsigned char *p = out;
	if (strlen(hex) != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		p[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

void random_hex(char *out, size_t n)
{
	unsigned char bytes[32];
	if (n > 64 || getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		abort();
	hex_encode(bytes, n / 2, out);
}
