/* SPDX-License-Identifier: Apache-2.0
 * Elements of sets and maps as text; see elements.h. */
#include "overlay/elements.h"
#include "base/mem.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 64

static char present; /* what every key has as its value */

void elements_done(struct elements *e)
{
	map_clear(&e->all);
}

void elements_of_script(struct elements *e, const char *script)
{
	static const char add[] = "add element ", del[] = "delete element ";
	for (const char *line = script; line && *line;) {
		size_t len = strcspn(line, "\n");
		bool adds = strncmp(line, add, strlen(add)) == 0;
		size_t skip = adds ? strlen(add) : strlen(del);
		if (adds || strncmp(line, del, strlen(del)) == 0) {
			auto_free char *key = xstrndup(line + skip, len - skip);
			if (adds)
				map_set(&e->all, key, &present);
			else
				map_del(&e->all, key);
		}
		line += len + (line[len] == '\n');
	}
}

/* One element, with its runs of blanks made one. */
static void take_element(struct elements *e, const char *set, const char *from, size_t len)
{
	auto_str key = {0};
	str_addf(&key, "%s {", set);
	bool blank = true;
	for (size_t i = 0; i < len; i++) {
		if (isspace((unsigned char)from[i])) {
			blank = true;
			continue;
		}
		if (blank)
			str_addc(&key, ' ');
		blank = false;
		str_addc(&key, from[i]);
	}
	str_add(&key, " }");
	map_set(&e->all, key.data, &present);
}

/* From behind "elements = {": returns what follows the closing brace's line. */
static const char *take_elements(struct elements *e, const char *set, const char *p)
{
	while (*p && *p != '}') {
		size_t len = strcspn(p, ",}");
		take_element(e, set, p, len);
		p += len + (p[len] == ',');
	}
	p += strcspn(p, "\n");
	return p + (*p == '\n');
}

void elements_of_listing(struct elements *e, const char *listing, struct str *rest)
{
	static const char begin[] = "elements = {";
	char table[2 * NAME_MAX_LEN] = "", set[4 * NAME_MAX_LEN] = "";
	for (const char *line = listing; line && *line;) {
		const char *text = line + strspn(line, "\t ");
		size_t whole = strcspn(line, "\n");
		char a[NAME_MAX_LEN], b[NAME_MAX_LEN];
		if (strncmp(text, begin, strlen(begin)) == 0) {
			line = take_elements(e, set, text + strlen(begin));
			continue;
		}
		if (sscanf(text, "table %63s %63s {", a, b) == 2)
			snprintf(table, sizeof(table), "%s %s", a, b);
		else if (sscanf(text, "set %63s {", a) == 1 || sscanf(text, "map %63s {", a) == 1)
			snprintf(set, sizeof(set), "%s %s", table, a);
		str_addn(rest, line, whole);
		str_addc(rest, '\n');
		line += whole + (line[whole] == '\n');
	}
}

static bool is_of(const char *key, const char *set)
{
	return set && strncmp(key, set, strlen(set)) == 0;
}

size_t elements_diff(const struct elements *want, const struct elements *have, const char *kept,
		     struct str *script)
{
	size_t n = 0;
	map_each(&have->all, e)
	{
		if (map_has(&want->all, e->key) || is_of(e->key, kept))
			continue;
		str_addf(script, "delete element %s\n", e->key);
		n++;
	}
	map_each(&want->all, e)
	{
		if (map_has(&have->all, e->key))
			continue;
		str_addf(script, "add element %s\n", e->key);
		n++;
	}
	return n;
}
