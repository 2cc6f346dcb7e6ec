/* SPDX-License-Identifier: Apache-2.0
 * Sizes and durations; see units.h. Whole numbers throughout: no value is rounded by a double. */
#include "manifests/units.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct decimal { /* whole + part / scale */
	uint64_t whole, part, scale;
};

/* Reads digits with an optional fraction; more than 18 digits of a fraction are refused. */
static const char *read_decimal(const char *s, struct decimal *d)
{
	*d = (struct decimal){.scale = 1};
	const char *start = s;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(d->whole, 10, &d->whole) ||
		    __builtin_add_overflow(d->whole, (uint64_t)(*s - '0'), &d->whole))
			return NULL;
	bool digits = s > start;
	if (*s == '.') {
		for (s++; *s >= '0' && *s <= '9'; s++) {
			if (d->scale >= 1000000000000000000ULL)
				return NULL;
			d->part = d->part * 10 + (uint64_t)(*s - '0');
			d->scale *= 10;
			digits = true;
		}
	}
	return digits ? s : NULL;
}

/* value * unit, the rest below one unit of the result cut off; false when it does not fit. */
static bool scale_decimal(struct decimal d, uint64_t unit, int64_t *ret)
{
	unsigned __int128 n = (unsigned __int128)d.whole * unit;
	n += (unsigned __int128)d.part * unit / d.scale;
	if (n > INT64_MAX)
		return false;
	*ret = (int64_t)n;
	return true;
}

bool units_size(const char *text, int64_t *ret)
{
	static const char prefixes[] = "bkmgtp";
	struct decimal d;
	const char *s = read_decimal(text, &d);
	if (!s)
		return false;
	while (*s == ' ')
		s++;
	uint64_t unit = 1;
	if (*s) {
		char lower = (char)(*s | 0x20);
		const char *at = strchr(prefixes, lower);
		if (!at || lower == ' ')
			return false;
		unit = 1ULL << (10 * (at - prefixes));
		s++;
		bool plain = lower == 'b' || strcasecmp(s, "b") == 0 || strcasecmp(s, "ib") == 0;
		if (*s && (!plain || lower == 'b'))
			return false;
	}
	return scale_decimal(d, unit, ret);
}

static const struct {
	const char *name;
	uint64_t ns;
} duration_units[] = {
	{"w", 604800000000000ULL},
	{"d", 86400000000000ULL},
	{"h", 3600000000000ULL},
	{"ms", 1000000},
	{"m", 60000000000ULL},
	{"s", 1000000000},
	{"us", 1000},
	{"\xc2\xb5s", 1000},
	{"\xce\xbcs", 1000},
	{"ns", 1},
};

bool units_duration(const char *text, int64_t *ret)
{
	int64_t total = 0;
	const char *s = text;
	if (strcmp(s, "0") == 0) {
		*ret = 0;
		return true;
	}
	if (!*s)
		return false;
	while (*s) {
		struct decimal d;
		int64_t part;
		s = read_decimal(s, &d);
		size_t u = 0;
		while (s && u < ARRAY_LEN(duration_units) && !str_starts(s, duration_units[u].name))
			u++;
		if (!s || u == ARRAY_LEN(duration_units) ||
		    !scale_decimal(d, duration_units[u].ns, &part) ||
		    __builtin_add_overflow(total, part, &total))
			return false;
		s += strlen(duration_units[u].name);
	}
	*ret = total;
	return true;
}

char *units_duration_text(int64_t ns)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {{"h", 3600000000000LL}, {"m", 60000000000LL}, {"s", 1000000000LL},
		     {"ms", 1000000},        {"us", 1000},         {"ns", 1}};
	struct str s = {0};
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (ns / units[i].ns > 0)
			str_addf(&s, "%lld%s", (long long)(ns / units[i].ns), units[i].name);
		ns %= units[i].ns;
	}
	if (s.len == 0)
		str_add(&s, "0s");
	return str_take(&s);
}

/* value in units of unit, without the zeros at the end of its fraction */
static void add_decimal(struct str *s, int64_t value, int64_t unit, int digits, const char *name)
{
	char part[16];
	snprintf(part, sizeof(part), "%0*lld", digits, (long long)(value % unit));
	size_t n = strlen(part);
	while (n > 0 && part[n - 1] == '0')
		n--;
	str_addf(s, "%lld%s%.*s%s", (long long)(value / unit), n && value % unit ? "." : "",
		 value % unit ? (int)n : 0, part, name);
}

char *units_duration_canon(int64_t ns)
{
	struct str s = {0};
	int64_t minutes = ns / 60000000000LL, rest = ns % 60000000000LL;
	if (minutes >= 60)
		str_addf(&s, "%lldh", (long long)(minutes / 60));
	if (minutes > 0)
		str_addf(&s, "%lldm", (long long)(minutes % 60));
	if (minutes > 0 || rest >= 1000000000 || ns == 0)
		add_decimal(&s, rest, 1000000000, 9, "s");
	else if (rest >= 1000000)
		add_decimal(&s, rest, 1000000, 6, "ms");
	else
		add_decimal(&s, rest, 1000, 3, "us");
	return str_take(&s);
}
