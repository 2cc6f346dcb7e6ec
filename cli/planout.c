/* SPDX-License-Identifier: Apache-2.0
 * Plans as text; see planout.h. A sign stands for each action: + create, ~ change, - remove, ! waits. */
#include "cli/planout.h"
#include "base/str.h"
#include "cli/out.h"
#include <string.h>

#define VALUE_MAX 300 /* bytes of a value on a line */
#define TASKS_MAX 60  /* lines of tasks */

static void sign(char c, const char *indent)
{
	enum out_color color = c == '+'   ? COLOR_GREEN
			       : c == '-' ? COLOR_RED
			       : c == '!' ? COLOR_RED
			       : c == '~' ? COLOR_YELLOW
					  : COLOR_NONE;
	bool on = out_has_color(stdout);

	printf("%s%s%c%s ", indent, on ? out_color_on(color) : "", c,
	       on && color != COLOR_NONE ? OUT_COLOR_OFF : "");
}

static char sign_of(const char *action)
{
	return streq(action, "create")                           ? '+'
	       : streq(action, "remove")                         ? '-'
	       : streq(action, "none") || streq(action, "leave") ? ' '
								 : '~';
}

/* A value on one line, made harmless; caller frees. */
static char *value(const json_t *v)
{
	auto_free char *text = json_is_string(v) ? xasprintf("\"%s\"", json_string_value(v))
						 : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	char *clean = out_clean(text ? text : "", text ? strlen(text) : 0);

	if (strlen(clean) > VALUE_MAX)
		strcpy(clean + VALUE_MAX - 4, "...");
	return clean;
}

/* "services.web." of "services.web.image"; the length of the object's own path. */
static size_t owner(const char *path)
{
	const char *p = strchr(path, '.');
	size_t n = p ? strcspn(p + 1, ".[") : 0;

	return p ? (size_t)(p - path) + 1 + n : strlen(path);
}

static void members(const json_t *v)
{
	const char *key;
	json_t *m;

	json_object_foreach((json_t *)v, key, m)
	{
		auto_free char *text = value(m);

		printf("      %s: %s\n", key, text);
	}
}

static void change(const json_t *c, size_t skip)
{
	const char *path = json_str_or(c, "path", "");
	const json_t *old = json_object_get(c, "old"), *next = json_object_get(c, "new");
	bool was = old && !json_is_null(old), is = next && !json_is_null(next);
	auto_free char *a = value(old), *b = value(next);
	auto_free char *shown = out_clean(path + skip, strlen(path + skip));

	sign(!was ? '+' : !is ? '-' : '~', "    ");
	if (was && is)
		printf("%s: %s -> %s", shown[0] == '.' ? shown + 1 : shown, a, b);
	else
		printf("%s: %s", shown[0] == '.' ? shown + 1 : shown, was ? a : b);
	printf("%s\n", streq(json_str(c, "effect"), "in place") ? "  (in place)" : "");
}

void planout_changes(const json_t *plan)
{
	const json_t *list = json_object_get(plan, "changes"), *c;
	auto_free char *last = NULL;
	size_t i;

	json_array_foreach(list, i, c)
	{
		const char *path = json_str_or(c, "path", "");
		size_t n = owner(path);
		const json_t *old = json_object_get(c, "old"), *next = json_object_get(c, "new");
		bool whole = !path[n];
		auto_free char *head = out_clean(path, n);

		if (!streq(head, last)) {
			sign(!whole ? '~' : json_is_null(old) ? '+' : '-', "  ");
			puts(head);
		}
		if (!whole)
			change(c, n);
		else if (!json_is_null(next))
			members(next);
		free(last);
		last = take_ptr(head);
	}
}

static void print_task(const json_t *t)
{
	const char *action = json_str_or(t, "action", ""), *node = json_str(t, "node");
	const char *from = json_str(t, "from"), *name = json_str_or(t, "name", "?");
	const char *why = json_str(t, "why");

	sign(why ? '!' : sign_of(action), "  ");
	if (why) {
		auto_free char *clean = out_clean(why, strlen(why));

		printf("%s waits: %s\n", name, clean);
	} else if (streq(action, "remove"))
		printf("%s on %s\n", name, from ? from : "no node");
	else if (from && !streq(from, node))
		printf("%s %s -> %s\n", name, from, node ? node : "?");
	else
		printf("%s on %s\n", name, node ? node : "?");
}

static void print_tasks(const json_t *plan)
{
	const json_t *list = json_object_get(plan, "tasks"), *t;
	size_t i, n = json_array_size(list);

	if (n)
		puts("tasks:");
	json_array_foreach(list, i, t) if (i < TASKS_MAX) print_task(t);
	if (n > TASKS_MAX)
		printf("  and %zu more; --json tells all\n", n - TASKS_MAX);
}

static void print_named(const json_t *plan, const char *key, const char *head)
{
	const json_t *list = json_object_get(plan, key), *v;
	size_t i;

	if (json_array_size(list))
		puts(head);
	json_array_foreach(list, i, v)
	{
		const char *action = json_str_or(v, "action", "");

		sign(sign_of(action), "  ");
		printf("%s%s\n", json_str_or(v, "name", "?"),
		       streq(action, "leave")     ? " stays on its nodes"
		       : streq(action, "replace") ? " is made anew"
						  : "");
	}
}

static void print_images(const json_t *plan)
{
	const json_t *list = json_object_get(plan, "images"), *v, *n;
	size_t i, k;

	if (json_array_size(list))
		puts("images:");
	json_array_foreach(list, i, v)
	{
		const json_t *nodes = json_object_get(v, "nodes");

		printf("    %s on", json_str_or(v, "image", "?"));
		json_array_foreach(nodes, k, n)
		{
			const json_t *there = json_object_get(n, "present");

			printf("%s %s%s", k ? "," : "", json_str_or(n, "node", "?"),
			       json_is_true(there)    ? " (there)"
			       : json_is_false(there) ? " (pull)"
						      : " (pull unless there)");
		}
		puts("");
	}
}

static void print_services(const json_t *plan)
{
	const json_t *list = json_object_get(plan, "services"), *s, *w;
	size_t i, k;

	json_array_foreach(list, i, s)
	{
		int64_t replace = json_int(s, "replace", 0), keep = json_int(s, "keep", 0);

		if (!replace || json_int(s, "parallelism", 0) < 0)
			continue;
		printf("service '%s': %lld of %lld tasks made anew", json_str_or(s, "name", "?"),
		       (long long)replace, (long long)(replace + keep));
		if (json_int(s, "parallelism", 1) > 0)
			printf(", %lld at a time", (long long)json_int(s, "parallelism", 1));
		else
			printf(", all at once");
		printf(", %s", json_str_or(s, "order", "stop-first"));
		json_array_foreach(json_object_get(s, "why"), k, w)
			printf("%s%s", k ? ", " : ": ", json_string_value(w));
		puts("");
	}
}

static int64_t sum(const json_t *plan, const char *key)
{
	const json_t *s;
	int64_t n = 0;
	size_t i;

	json_array_foreach(json_object_get(plan, "services"), i, s) n += json_int(s, key, 0);
	return n;
}

static void services_with(struct str *out, const json_t *plan, const char *action, const char *word)
{
	const json_t *s;
	size_t i, n = 0;

	json_array_foreach(json_object_get(plan, "services"), i, s)
	{
		if (!streq(json_str(s, "action"), action))
			continue;
		if (!n++)
			str_addf(out, "%s%s ", out->len ? "; " : "", word);
		else
			str_add(out, ", ");
		str_add(out, json_str_or(s, "name", "?"));
	}
}

void planout_all(const json_t *plan)
{
	const char *stack = json_str_or(plan, "stack", "?");
	const json_t *others = json_object_get(plan, "others"), *o;
	auto_str s = {0};
	size_t i;

	if (!json_bool(plan, "changed", false)) {
		printf("stack '%s': nothing to change\n", stack);
		return;
	}
	printf("stack '%s' (%s):\n", stack,
	       streq(json_str(plan, "action"), "create")   ? "new"
	       : streq(json_str(plan, "action"), "remove") ? "to be removed"
							   : "changed");
	planout_changes(plan);
	print_services(plan);
	print_tasks(plan);
	print_named(plan, "networks", "networks:");
	print_named(plan, "volumes", "volumes:");
	print_images(plan);
	json_array_foreach(others, i, o)
		printf("also '%s' of another stack gets a place on %s\n",
		       json_str_or(o, "name", "?"), json_str_or(o, "node", "?"));
	services_with(&s, plan, "create", "create");
	services_with(&s, plan, "update", "update");
	services_with(&s, plan, "remove", "remove");
	printf("plan: %s%s%lld tasks to create, %lld to replace, %lld to remove; %lld run on\n",
	       s.len ? s.data : "", s.len ? "; " : "", (long long)sum(plan, "create"),
	       (long long)sum(plan, "replace"), (long long)sum(plan, "remove"),
	       (long long)sum(plan, "keep"));
	if (sum(plan, "waits"))
		printf("plan: %lld tasks would wait, see '!' above\n",
		       (long long)sum(plan, "waits"));
}
