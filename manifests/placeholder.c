/* SPDX-License-Identifier: Apache-2.0
 * See placeholder.h. */
#include "manifests/placeholder.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define BLANKS " \t"

/* The n bytes of a name. */
struct word {
	const char *at;
	size_t n;
};

static bool word_is(struct word w, const char *text)
{
	return strlen(text) == w.n && memcmp(text, w.at, w.n) == 0;
}

/* The value of a name; NULL: there is none. */
static const char *value_of(const struct placeholders *p, const char *slot, struct word name)
{
	const struct {
		const char *name, *value;
	} all[] = {
		{".Service.Name", p->service},
		{".Service.ID", p->service},
		{".Node.ID", p->node_id},
		{".Node.Hostname", p->node},
		{".Node.Platform.OS", p->os},
		{".Node.Platform.Architecture", p->arch},
		{".Task.ID", p->task_id},
		{".Task.Name", p->task_name},
		{".Task.Slot", p->slot ? slot : p->node_id},
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (word_is(name, all[i].name))
			return all[i].value;
	return NULL;
}

static const char *label_of(const struct placeholders *p, struct word key)
{
	if (!p->labels)
		return "l";
	for (size_t i = 0; i < p->labels->n; i++)
		if (word_is(key, p->labels->v[i].k))
			return p->labels->v[i].v ?: "";
	return word_is(key, "com.docker.stack.namespace") && p->stack ? p->stack : "";
}

static int by_key(const void *a, const void *b)
{
	const struct kv *const *x = a, *const *y = b;
	return strcmp((*x)->k, (*y)->k);
}

/* As Go prints a map: "map[a:1 b:2]", in order of the keys. */
static void add_labels(struct str *s, const struct kvlist *l)
{
	size_t n = l ? l->n : 0;
	auto_free const struct kv **sorted = xcalloc(n + 1, sizeof(*sorted));
	for (size_t i = 0; i < n; i++)
		sorted[i] = &l->v[i];
	if (n)
		qsort(sorted, n, sizeof(*sorted), by_key);
	str_add(s, "map[");
	for (size_t i = 0; i < n; i++)
		str_addf(s, "%s%s:%s", i ? " " : "", sorted[i]->k, sorted[i]->v ?: "");
	str_addc(s, ']');
}

/* The key in `index .Service.Labels "KEY"`, or in .Service.Labels.KEY. */
static bool label_key(struct word e, struct word *ret)
{
	static const char index[] = "index", labels[] = PLACEHOLDER_LABELS;
	const char *p = e.at, *end = e.at + e.n;
	if (strncmp(p, labels, strlen(labels)) == 0 && p[strlen(labels)] == '.') {
		p += strlen(labels) + 1;
		*ret = (struct word){p, (size_t)(end - p)};
		return ret->n > 0 && strcspn(p, BLANKS ".}\"`") >= ret->n;
	}
	if (strncmp(p, index, strlen(index)) != 0)
		return false;
	p += strlen(index);
	size_t gap = strspn(p, BLANKS);
	if (!gap || strncmp(p + gap, labels, strlen(labels)) != 0)
		return false;
	p += gap + strlen(labels);
	p += strspn(p, BLANKS);
	if (*p != '"' && *p != '`')
		return false;
	char quote[] = {*p, '\\', '\0'};
	*ret = (struct word){p + 1, strcspn(p + 1, quote)};
	return p + 1 + ret->n + 1 == end && end[-1] == *p;
}

/* What stands between the braces; false: nothing that is filled in. */
static bool add_value(struct str *s, const struct placeholders *p, const char *slot, struct word e)
{
	struct word key;
	const char *value = value_of(p, slot, e);
	if (word_is(e, PLACEHOLDER_LABELS))
		add_labels(s, p->labels);
	else if (label_key(e, &key))
		str_add(s, label_of(p, key));
	else if (value)
		str_add(s, value);
	else
		return false;
	return true;
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
		const char *at = open + 2 + strspn(open + 2, BLANKS), *end = close;
		while (end > at && strchr(BLANKS, end[-1]))
			end--;
		str_addn(&s, from, (size_t)(open - from));
		if (at < end && add_value(&s, p, slot, (struct word){at, (size_t)(end - at)})) {
			from = close + 2;
			continue;
		}
		str_add(&s, "{{");
		from = open + 2;
	}
	str_add(&s, from);
	return str_take(&s);
}

char *placeholders_example(const char *text)
{
	static const struct placeholders p = {.stack = "s",
					      .service = "s",
					      .node_id = "n",
					      .node = "n",
					      .os = "linux",
					      .arch = "x86_64",
					      .task_id = "t",
					      .task_name = "s.1",
					      .slot = 1};
	return placeholders_fill(text, &p);
}
