/* SPDX-License-Identifier: Apache-2.0
 * Long forms of what has a short one, and defaults of canonical files; see shape.h. */
#include "base/num.h"
#include "manifests/limits.h"
#include "manifests/shape.h"
#include "manifests/words.h"

#include <stdio.h>
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
	put_text(x, out, "protocol", p->protocol ? p->protocol : "tcp");
	return out;
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
	return out;
}

static bool mount_word(struct shape *x, const char *word, struct node *out, struct node *options,
		       bool bind)
{
	if (strcmp(word, "ro") == 0)
		put_true(x, out, "read_only");
	else if (!bind && strcmp(word, "nocopy") == 0)
		put_true(x, options, "nocopy");
	else if (bind && strcasecmp(word, "z") == 0)
		shape_set(x, options, "selinux", shape_text(x, NODE_STR, word, out));
	else if (bind &&
		 (strstr(word, "private") || strstr(word, "shared") || strstr(word, "slave")))
		shape_set(x, options, "propagation", shape_text(x, NODE_STR, word, out));
	return true;
}

struct node *shape_mount(struct shape *x, const struct node *n)
{
	auto_free char *copy = xstrdup(node_is_scalar(n) ? n->text : "");
	char *rest = copy, *first = strsep(&rest, ":"), *second = strsep(&rest, ":");
	char *words = strsep(&rest, ":");
	if (rest || !*first || (second && !*second))
		return NULL;
	bool bind = second && strchr("/.~", *first);
	struct node *out = object(x, n, "type", bind ? "bind" : "volume");
	struct node *options = shape_node(x, NODE_MAP, n);
	if (second)
		put_text(x, out, "source", first);
	const char *target = second ? second : first;
	auto_free char *clean = target[0] == '/' ? path_clean(target) : xstrdup(target);
	put_text(x, out, "target", clean);
	for (char *word; (word = strsep(&words, ","));)
		mount_word(x, word, out, options, bind);
	if (bind)
		put_true(x, options, "create_host_path");
	shape_put(x, out, bind ? "bind" : "volume", options);
	return out;
}

struct node *shape_device(struct shape *x, const struct node *n)
{
	auto_free char *copy = xstrdup(node_is_scalar(n) ? n->text : "");
	char *rest = copy, *source = strsep(&rest, ":"), *target = strsep(&rest, ":");
	char *permissions = strsep(&rest, ":");
	if (rest || !*source)
		return NULL;
	struct node *out = object(x, n, "source", source);
	put_text(x, out, "target", target ? target : source);
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
	return shape_text(x, NODE_INT, text, n);
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

static void set_default(struct shape *x, struct node *map, const char *key, enum node_kind kind,
			const char *text)
{
	if (!node_find(map, key))
		shape_put(x, map, key, shape_text(x, kind, text, map));
}

static bool has_text(const struct node *map, const char *key, const char *text)
{
	const struct node_pair *p = node_find(map, key);
	return p && node_is_scalar(p->value) && strcmp(p->value->text, text) == 0;
}

static void complete_mount(struct shape *x, struct node *map)
{
	const struct node_pair *source = node_find(map, "source");
	if (source && node_is_scalar(source->value) && has_text(map, "type", "bind")) {
		auto_free char *path = shape_path(x, source->value->text);
		shape_set(x, map, "source", shape_text(x, NODE_STR, path, source->value));
	}
}

/* external: {name: X}, the old way, says two things */
static void complete_external(struct shape *x, struct node *map)
{
	const struct node_pair *p = node_find(map, "external");
	if (!p || p->value->kind != NODE_MAP)
		return;
	const struct node_pair *name = node_find(p->value, "name");
	struct node *value = name ? name->value : NULL;
	shape_set(x, map, "external", shape_text(x, NODE_BOOL, "true", p->value));
	if (value && !node_find(map, "name"))
		shape_put(x, map, "name", value);
}

/* permission bits, always octal; a number without a leading 0 is decimal */
static void complete_grant(struct shape *x, struct node *map)
{
	const struct node_pair *p = node_find(map, "mode");
	uint64_t value = 0;
	if (!p || !node_is_scalar(p->value))
		return;
	const char *text = p->value->text;
	if (text[0] == '0' || p->value->kind == NODE_STR) {
		char *end;
		value = strtoull(text + (str_starts(text, "0o") ? 2 : 0), &end, 8) & 077777;
		if (*end)
			return;
	} else if (!num_parse_u64(text, 077777, &value)) {
		return;
	}
	auto_free char *octal = xasprintf("0%llo", (unsigned long long)value);
	shape_set(x, map, "mode", shape_text(x, NODE_STR, octal, p->value));
}

static void complete_build(struct shape *x, struct node *map)
{
	if (!node_find(map, "context")) {
		auto_free char *path = shape_path(x, ".");
		put_text(x, map, "context", path);
	}
	if (!node_find(map, "dockerfile_inline"))
		set_default(x, map, "dockerfile", NODE_STR, "Dockerfile");
}

void shape_complete(struct shape *x, const struct record *r, struct node *map)
{
	if (r == &record_mount)
		complete_mount(x, map);
	if (r == &record_network || r == &record_volume || r == &record_top_config ||
	    r == &record_top_secret)
		complete_external(x, map);
	if (!x->finish)
		return;
	if (r == &record_grant)
		complete_grant(x, map);
	if (r == &record_build)
		complete_build(x, map);
	if (r == &record_port) {
		set_default(x, map, "mode", NODE_STR, "ingress");
		set_default(x, map, "protocol", NODE_STR, "tcp");
	}
	if (r == &record_depends) {
		set_default(x, map, "condition", NODE_STR, "service_started");
		set_default(x, map, "required", NODE_BOOL, "true");
	}
	if (r == &record_env_file)
		set_default(x, map, "required", NODE_BOOL, "true");
}
