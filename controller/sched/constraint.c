/* SPDX-License-Identifier: Apache-2.0
 * "node.labels.disk == ssd" and "linux/arm64"; see constraint.h. */
#include "controller/sched/constraint.h"

#include <string.h>
#include <strings.h>

#define KEY_MAX 256

struct constraint {
	char key[KEY_MAX], value[KEY_MAX];
	bool equal;
};

static bool take_trimmed(const char *from, const char *to, char out[KEY_MAX])
{
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
		to--;
	size_t n = (size_t)(to - from);
	if (n == 0 || n >= KEY_MAX)
		return false;
	memcpy(out, from, n);
	out[n] = '\0';
	return true;
}

static bool split(const char *text, struct constraint *c)
{
	const char *op = strstr(text, "=="), *differ = strstr(text, "!=");
	c->equal = op && (!differ || op < differ);
	if (!c->equal)
		op = differ;
	return op && take_trimmed(text, op, c->key) &&
	       take_trimmed(op + 2, op + 2 + strlen(op + 2), c->value);
}

static const char *label_of(const char *key)
{
	if (str_starts(key, "node.labels.") && key[12])
		return key + 12;
	return str_starts(key, "engine.labels.") && key[14] ? key + 14 : NULL;
}

bool sched_constraint_valid(const char *text)
{
	static const char *const keys[] = {"node.id",     "node.hostname",    "node.name",
					   "node.role",   "node.platform.os", "node.platform.arch",
					   "node.address"};
	struct constraint c;
	if (!text || !split(text, &c))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (streq(c.key, keys[i]))
			return true;
	return label_of(c.key) != NULL;
}

static const char *arch_name(const char *arch)
{
	if (!arch)
		return "";
	if (!strcasecmp(arch, "x86_64") || !strcasecmp(arch, "x86-64"))
		return "amd64";
	return !strcasecmp(arch, "aarch64") ? "arm64" : arch;
}

/* Every agent is a worker: carrack's controllers run no tasks of their own. */
static const char *value_of(const char *key, const struct sched_node *n)
{
	if (streq(key, "node.id"))
		return n->id;
	if (streq(key, "node.hostname") || streq(key, "node.name"))
		return n->name;
	if (streq(key, "node.role"))
		return "worker";
	if (streq(key, "node.platform.os"))
		return n->os;
	if (streq(key, "node.address"))
		return n->address;
	return n->labels && label_of(key) ? kvlist_get(n->labels, label_of(key)) : NULL;
}

bool constraint_met(const char *text, const struct sched_node *n)
{
	struct constraint c;
	if (!split(text, &c) || !sched_constraint_valid(text))
		return false;
	bool same;
	if (streq(c.key, "node.platform.arch")) {
		same = !strcasecmp(arch_name(n->arch), arch_name(c.value));
	} else {
		const char *v = value_of(c.key, n);
		same = v && !strcasecmp(v, c.value);
	}
	return same == c.equal;
}

bool constraint_platform(const char *platform, const struct sched_node *n)
{
	char os[KEY_MAX], arch[KEY_MAX];
	if (!platform || !*platform)
		return true;
	const char *slash = strchr(platform, '/');
	const char *end = slash ? slash : platform + strlen(platform);
	if (take_trimmed(platform, end, os) && n->os && strcasecmp(os, n->os))
		return false;
	if (!slash)
		return true;
	const char *arch_end = strchr(slash + 1, '/'); /* a variant may follow */
	if (!arch_end)
		arch_end = slash + strlen(slash);
	return !take_trimmed(slash + 1, arch_end, arch) || !n->arch ||
	       !strcasecmp(arch_name(arch), arch_name(n->arch));
}
