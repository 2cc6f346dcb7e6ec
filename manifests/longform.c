/* SPDX-License-Identifier: Apache-2.0
 * Long forms of what has a short one; see shape.h. */
#include "base/num.h"
#include "manifests/limits.h"
#include "manifests/shape.h"
#include "manifests/words.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct node *object(struct shape *x, const struct node *n, const char *key, const char *text)
{
	struct node *out = shape_node(x, NODE_MAP, n);
	shape_put(x, out, key, shape_text(x, NODE_STR, text, n));
	return out;
}

static void put_text(struct shape *x, struct node *map, const char *key, const char *text)
{
	shape_put(x, map, key, shape_text(x, NODE_STR, text, map));
}

static void put_true(struct shape *x, struct node *map, const char *key)
{
	shape_put(x, map, key, shape_text(x, NODE_BOOL, "true", map));
}

static bool range_parse(const char *text, uint64_t *from, uint64_t *to)
{
	const char *dash = strchr(text, '-');
	auto_free char *first = dash ? xstrndup(text, (size_t)(dash - text)) : xstrdup(text);
	if (!num_parse_u64(first, UINT16_MAX, from))
		return false;
	*to = *from;
	return (!dash || num_parse_u64(dash + 1, UINT16_MAX, to)) && *from <= *to;
}

struct port_text { /* pieces of "IP:PUBLISHED:TARGET/PROTOCOL"; NULL: absent */
	const char *ip, *published, *target, *protocol;
};

static void port_split(char *text, struct port_text *p)
{
	*p = (struct port_text){0};
	char *slash = strrchr(text, '/');
	if (slash) {
		*slash = '\0';
		p->protocol = slash + 1;
	}
	char *last = strrchr(text, ':');
	p->target = last ? last + 1 : text;
	if (!last)
		return;
	*last = '\0';
	char *before = strrchr(text, ':');
	p->published = before ? before + 1 : text;
	if (before) {
		*before = '\0';
		p->ip = text;
		size_t n = strlen(text);
		if (n > 1 && text[0] == '[' && text[n - 1] == ']') {
			text[n - 1] = '\0';
			p->ip = text + 1;
		}
	}
	if (!*p->published)
		p->published = NULL;
}

static struct node *one_port(struct shape *x, const struct node *n, const struct port_text *p,
			     uint64_t target, const char *published)
{
	char text[24];
	struct node *out = shape_node(x, NODE_MAP, n);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)target);
	put_text(x, out, "mode", "ingress");
	if (p->ip && *p->ip)
		put_text(x, out, "host_ip", p->ip);
	shape_put(x, out, "target", shape_text(x, NODE_INT, text, n));
	if (published)
		put_text(x, out, "published", published);
	auto_free char *protocol = xstrdup(p->protocol && *p->protocol ? p->protocol : "tcp");
	for (char *c = protocol; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	put_text(x, out, "protocol", protocol);
	return out;
}

/* As text: Compose writes the ports of a range in this order. */
static int by_target(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;
	return strcmp(node_child(*x, "target")->text, node_child(*y, "target")->text);
}

struct node *shape_port(struct shape *x, const struct node *n)
{
	uint64_t from, to, first = 0, last = 0;
	struct port_text p;
	auto_free char *copy = xstrdup(node_is_scalar(n) ? n->text : "");
	port_split(copy, &p);
	if (!range_parse(p.target, &from, &to) || to - from >= LIMIT_SERVICE_PORTS ||
	    (p.published && !range_parse(p.published, &first, &last)))
		return NULL;
	bool choice = p.published && from == to && first != last;
	if (p.published && !choice && last - first != to - from)
		return NULL;
	struct node *out = shape_node(x, NODE_SEQ, n);
	for (uint64_t i = 0; i <= to - from; i++) {
		char text[24];
		snprintf(text, sizeof(text), "%llu", (unsigned long long)(first + i));
		const char *published = choice ? p.published : p.published ? text : NULL;
		node_push(out, one_port(x, n, &p, from + i, published));
	}
	qsort(out->items, out->n, sizeof(*out->items), by_target);
	return out;
}

struct mount_text { /* the long form being made */
	struct shape *x;
	struct node *out, *bind, *volume; /* the last two: NULL when there is no such option */
};

static struct node *part(struct mount_text *m, struct node **where)
{
	if (!*where)
		*where = shape_node(m->x, NODE_MAP, m->out);
	return *where;
}

/* A word that means nothing is left out, as in Compose, but not without a word. */
static void mount_word_unknown(const struct mount_text *m, const char *word)
{
	const struct node *n = m->out;
	struct diag_place at = {n->file ? n->file : m->x->file, n->line, n->column};
	const char text[] = "'%.50s' is not an option of a volume; leave it out";
	if (m->x->d && m->x->strict)
		diag_error(m->x->d, at, text, word);
	else if (m->x->d)
		diag_warn(m->x->d, at, text, word);
}

static void mount_propagation(struct mount_text *m, const char *word)
{
	static const char *const propagations[] = {"private", "rprivate", "shared",
						   "rshared", "slave",    "rslave"};
	for (size_t i = 0; i < ARRAY_LEN(propagations); i++) {
		if (!streq(word, propagations[i]))
			continue;
		shape_set(m->x, part(m, &m->bind), "propagation",
			  shape_text(m->x, NODE_STR, word, m->out));
		return;
	}
	mount_word_unknown(m, word);
}

/* Words that mean nothing on Linux are left out. */
static void mount_word(struct mount_text *m, const char *word)
{
	static const char *const hints[] = {"rw",         "cached",  "delegated",
					    "consistent", "default", ""};
	bool known = false;
	for (size_t i = 0; i < ARRAY_LEN(hints); i++)
		known = known || streq(word, hints[i]);
	if (streq(word, "ro"))
		put_true(m->x, m->out, "read_only");
	else if (streq(word, "nocopy"))
		put_true(m->x, part(m, &m->volume), "nocopy");
	else if (strcasecmp(word, "z") == 0)
		shape_set(m->x, part(m, &m->bind), "selinux",
			  shape_text(m->x, NODE_STR, word, m->out));
	else if (!known)
		mount_propagation(m, word);
}

/* "C:\\x" is a path of Windows, "C:/x:/y" too; "v:/y" is a volume with a short name. */
static bool has_drive(const char *p)
{
	return isalpha((unsigned char)p[0]) && p[1] == ':' &&
	       (p[2] == '\\' || (p[2] == '/' && strstr(p + 2, ":/")));
}

/* The piece up to the next ':', which the drive of a Windows path does not end. */
static char *mount_piece(char **rest)
{
	char *start = *rest, *p = start;
	if (!start)
		return NULL;
	p = strchr(has_drive(p) ? p + 2 : p, ':');
	if (p)
		*p++ = '\0';
	*rest = p;
	return start;
}

static bool is_host_path(const char *text)
{
	return (*text && strchr("/.~", *text)) || str_starts(text, "\\\\") ||
	       (isalpha((unsigned char)text[0]) && text[1] == ':');
}

struct node *shape_mount(struct shape *x, const struct node *n)
{
	auto_free char *copy = xstrdup(node_is_scalar(n) ? n->text : "");
	char *rest = copy, *first = mount_piece(&rest), *second = mount_piece(&rest);
	char *words = mount_piece(&rest);
	if (rest || !*first || (second && !*second) || (words && !*words))
		return NULL;
	bool bind = second && is_host_path(first);
	struct mount_text m = {x, object(x, n, "type", bind ? "bind" : "volume"), NULL, NULL};
	if (second)
		put_text(x, m.out, "source", first);
	const char *target = second ? second : first;
	auto_free char *clean = target[0] == '/' ? path_clean(target) : xstrdup(target);
	put_text(x, m.out, "target", clean);
	for (char *word; (word = strsep(&words, ","));)
		mount_word(&m, word);
	if (bind)
		put_true(x, part(&m, &m.bind), "create_host_path");
	else
		part(&m, &m.volume);
	if (m.bind)
		shape_put(x, m.out, "bind", m.bind);
	if (m.volume)
		shape_put(x, m.out, "volume", m.volume);
	return m.out;
}

struct node *shape_device(struct shape *x, const struct node *n)
{
	auto_free char *copy = xstrdup(node_is_scalar(n) ? n->text : "");
	char *rest = copy, *source = strsep(&rest, ":"), *target = strsep(&rest, ":");
	char *permissions = strsep(&rest, ":");
	if (rest || !*source)
		return NULL;
	struct node *out = object(x, n, "source", source);
	put_text(x, out, "target", target && *target ? target : source);
	put_text(x, out, "permissions", permissions ? permissions : "rwm");
	return out;
}

struct node *shape_dependency(struct shape *x, const struct node *at)
{
	return object(x, at, "condition", "service_started");
}

struct node *shape_env_file(struct shape *x, const struct node *n)
{
	return node_is_scalar(n) ? object(x, n, "path", n->text) : NULL;
}

struct node *shape_config(struct shape *x, const struct node *n)
{
	return node_is_scalar(n) ? object(x, n, "source", n->text) : NULL;
}

struct node *shape_secret(struct shape *x, const struct node *n)
{
	return shape_config(x, n);
}

struct node *shape_build_secret(struct shape *x, const struct node *n)
{
	return shape_config(x, n);
}

struct node *shape_ulimit(struct shape *x, const struct node *n)
{
	int64_t value;
	char text[32];
	if (!node_is_scalar(n) || !num_parse_i64(n->text, INT64_MIN, INT64_MAX, &value))
		return NULL;
	snprintf(text, sizeof(text), "%lld", (long long)value);
	struct node *number = shape_text(x, NODE_INT, text, n);
	if (value != 0)
		return number;
	/* Compose writes 0 in full */
	struct node *out = shape_node(x, NODE_MAP, n);
	shape_put(x, out, "soft", number);
	shape_put(x, out, "hard", number);
	return out;
}

/* NAME=ADDRESS of "NAME:ADDRESS" or a pair of a mapping. */
static void push_host(struct shape *x, struct node *out, const char *name, const struct node *v)
{
	auto_free char *text = NULL;
	const char *address = v->text;
	size_t len = strlen(address);
	if (len > 1 && address[0] == '[' && address[len - 1] == ']')
		text = xasprintf("%s=%.*s", name, (int)len - 2, address + 1);
	else
		text = xasprintf("%s=%s", name, address);
	node_push(out, shape_text(x, NODE_STR, text, v));
}

static void host_line(struct shape *x, struct node *out, const struct node *item)
{
	size_t at = strcspn(item->text, "=");
	if (!item->text[at])
		at = strcspn(item->text, ":");
	if (!node_is_scalar(item) || !item->text[at]) {
		node_push(out, (struct node *)item);
		return;
	}
	auto_free char *name = xstrndup(item->text, at);
	struct node address = *item;
	address.text = item->text + at + 1;
	push_host(x, out, name, &address);
}

struct node *shape_hosts(struct shape *x, const struct node *n)
{
	struct node *out = shape_node(x, NODE_SEQ, n);
	if (n->kind != NODE_SEQ && n->kind != NODE_MAP)
		return (struct node *)n;
	for (size_t i = 0; i < n->n; i++) {
		if (n->kind == NODE_SEQ) {
			host_line(x, out, n->items[i]);
			continue;
		}
		const struct node_pair *p = &n->pairs[i];
		size_t count = p->value->kind == NODE_SEQ ? p->value->n : 1;
		for (size_t k = 0; k < count; k++)
			push_host(x, out, p->key,
				  p->value->kind == NODE_SEQ ? p->value->items[k] : p->value);
	}
	return out;
}

struct node *shape_ssh(struct shape *x, const struct node *n)
{
	struct node *out = shape_node(x, NODE_SEQ, n);
	if (n->kind != NODE_MAP)
		return (struct node *)n;
	for (size_t i = 0; i < n->n; i++) {
		const struct node_pair *p = &n->pairs[i];
		bool plain = !node_is_scalar(p->value) || !*p->value->text;
		auto_free char *text =
			plain ? xstrdup(p->key) : xasprintf("%s=%s", p->key, p->value->text);
		node_push(out, shape_text(x, NODE_STR, text, n));
	}
	return out;
}

struct node *shape_test(struct shape *x, const struct node *n)
{
	struct node *out = shape_node(x, NODE_SEQ, n);
	if (!node_is_scalar(n))
		return (struct node *)n;
	node_push(out, shape_text(x, NODE_STR, "CMD-SHELL", n));
	node_push(out, shape_text(x, NODE_STR, n->text, n));
	return out;
}

struct node *shape_gpus(struct shape *x, const struct node *n)
{
	if (!node_is_scalar(n) || strcmp(n->text, "all") != 0)
		return NULL;
	struct node *out = shape_node(x, NODE_MAP, n);
	shape_put(x, out, "count", shape_text(x, NODE_INT, "-1", n));
	return out;
}

struct node *shape_build(struct shape *x, const struct node *n)
{
	return node_is_scalar(n) ? object(x, n, "context", n->text) : NULL;
}

struct node *shape_extends(struct shape *x, const struct node *n)
{
	return node_is_scalar(n) ? object(x, n, "service", n->text) : NULL;
}

struct node *shape_include(struct shape *x, const struct node *n)
{
	return node_is_scalar(n) ? object(x, n, "path", n->text) : NULL;
}
