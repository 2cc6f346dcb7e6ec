/* SPDX-License-Identifier: Apache-2.0
 * See placeholder.h. */
#include "manifests/placeholder.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* The value of the n bytes of a name; NULL: there is none. */
static const char *value_of(const struct placeholders *p, const char *slot, const char *name,
			    size_t n)
{
	const struct {
		const char *name, *value;
	} all[] = {
		{".Service.Name", p->service},
		{".Service.ID", p->service},
		{".Node.ID", p->node_id},
		{".Node.Hostname", p->node},
		{".Task.ID", p->task_id},
		{".Task.Name", p->task_name},
		{".Task.Slot", p->slot ? slot : p->node_id},
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (strlen(all[i].name) == n && memcmp(all[i].name, name, n) == 0)
			return all[i].value;
	return NULL;
}

char *placeholders_fill(const char *text, const struct placeholders *p)
{
	char slot[16];
	struct str s = {0};
	const char *from = text;
	snprintf(slot, sizeof(slot), "%d", p->slot);
	for (const char *open; (open = strstr(from, "{{")) != NULL;) {
		const char *close = strstr(open, "}}");
		if (!close)
			break;
		const char *name = open + 2 + strspn(open + 2, " \t");
		size_t n = strcspn(name, " \t}");
		bool alone = name + n + strspn(name + n, " \t") == close;
		const char *value = alone ? value_of(p, slot, name, n) : NULL;
		str_addn(&s, from, (size_t)(open - from));
		if (value)
			str_add(&s, value);
		from = value ? close + 2 : open + 2;
		if (!value)
			str_add(&s, "{{");
	}
	str_add(&s, from);
	return str_take(&s);
}

char *placeholders_example(const char *text)
{
	static const struct placeholders p = {"s", "n", "n", "t", "s.1", 1};
	return placeholders_fill(text, &p);
}
