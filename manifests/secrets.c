/* SPDX-License-Identifier: Apache-2.0
 * Configs and secrets: the stack's, those of a service, and the values out of files, the environment
 * or the stack file itself; see decode.h. */
#include "base/num.h"
#include "manifests/decode.h"
#include "manifests/limits.h"
#include "manifests/sealed.h"
#include "manifests/shape.h"

#include <errno.h>
#include <string.h>

#define ID_LAST  4294967294 /* the largest uid_t that is one */
#define MODE_MAX 07777

static const char *kind_name(bool config)
{
	return config ? "config" : "secret";
}

/* --- the stack's */

static size_t count_sources(const struct spec_secret *s)
{
	return (size_t)(s->file != NULL) + (size_t)(s->environment != NULL) +
	       (size_t)(s->content != NULL);
}

static void secret_check(struct decode *c, const struct node *n, const struct spec_secret *s,
			 bool config)
{
	decode_own_name(c, node_child(n, "name"), s->name);
	if (s->external && (count_sources(s) || s->labels.n))
		decode_error(c, n,
			     "an external %s is made by itself; only 'name' may stand beside "
			     "'external'",
			     kind_name(config));
	else if (c->in && !s->external && count_sources(s) == 0 && !node_find(n, "driver"))
		decode_error(c, n,
			     "the %s '%s' has no value; give it 'file', 'environment'%s or "
			     "'external'",
			     kind_name(config), s->key, config ? ", 'content'" : "");
	else if (count_sources(s) > 1)
		decode_error(c, n,
			     "the %s '%s' has more than one value; keep one of 'file', "
			     "'environment'%s",
			     kind_name(config), s->key, config ? " and 'content'" : "");
}

/* Something in it is wrong and was said. */
static bool has_broken(const struct node *n)
{
	for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++)
		if (n->pairs[i].value->broken)
			return true;
	return n->broken;
}

static void decode_all(struct decode *c, const struct node *n, bool config)
{
	struct map *known = config ? &c->configs : &c->secrets;
	const struct record *r = config ? &record_top_config : &record_top_secret;
	size_t *count = config ? &c->stack->n_configs : &c->stack->n_secrets;
	if (!decode_map(c, n, LIMIT_STACK_SECRETS))
		return;
	struct spec_secret *v = xcalloc(n->n + 1, sizeof(*v));
	*(config ? &c->stack->configs : &c->stack->secrets) = v;
	for (size_t i = 0; i < n->n && !diag_full(c->d); i++) {
		const struct node_pair *p = &n->pairs[i];
		if (str_starts(p->key, "x-"))
			continue;
		struct decode_mark mark = decode_enter(c, p->key);
		struct spec_secret *s = &v[*count];
		map_set(known, p->key, c->stack);
		if (decode_key_valid(c, p, kind_name(config))) {
			(*count)++;
			record_init(r, s);
			s->key = xstrdup(p->key);
			size_t errors = c->d->n_errors;
			decode_record(c, p->value, r, s);
			if (!s->name)
				s->name = s->external ? xstrdup(p->key)
						      : xasprintf("%s_%s", c->stack->name, p->key);
			if (c->d->n_errors == errors && !has_broken(p->value))
				secret_check(c, p->value, s, config);
		}
		decode_leave(c, mark);
	}
}

FIELD_DECODER(decode_top_secrets)
{
	(void)f;
	(void)obj;
	decode_all(c, n, false);
}

FIELD_DECODER(decode_top_configs)
{
	(void)f;
	(void)obj;
	decode_all(c, n, true);
}

FIELD_DECODER(decode_version)
{
	char **to = (char **)((char *)obj + f->offset);
	const char *text;
	if (!decode_string(c, n, &text))
		return;
	if (!sealed_version_valid(text)) {
		decode_error(c, n, "'%.100s' is not the version of a config or secret", text);
		return;
	}
	free(*to);
	*to = xstrdup(text);
}

/* --- a service's */

FIELD_DECODER(decode_grant_id)
{
	int64_t *to = (int64_t *)((char *)obj + f->offset);
	const char *text;
	if (!decode_scalar(c, n, &text))
		return;
	if (!num_parse_i64(text, 0, ID_LAST, to))
		decode_refuse(c, n, "'%s' must be a number from 0 to %lld, not '%.100s'", c->key,
			      (long long)ID_LAST, text);
}

/* Text and numbers with a leading 0 are octal; other numbers, as YAML knows them, are not. */
FIELD_DECODER(decode_grant_mode)
{
	int64_t *to = (int64_t *)((char *)obj + f->offset);
	const char *text;
	if (!decode_scalar(c, n, &text))
		return;
	const char *digits = text + (str_starts(text, "0o") ? 2 : 0);
	bool octal = n->kind == NODE_STR || text[0] == '0';
	int64_t mode = -1;
	if (octal && *digits && strlen(digits) <= 6 && strspn(digits, "01234567") == strlen(digits))
		mode = (int64_t)strtoul(digits, NULL, 8);
	else if (!octal && !num_parse_i64(text, 0, MODE_MAX, &mode))
		mode = -1;
	if (mode < 0 || mode > MODE_MAX)
		decode_error(c, n, "'%s' must be permission bits such as 0440, not '%.100s'",
			     c->key, text);
	else
		*to = mode;
}

static json_t *id_json(int64_t id)
{
	return id ? json_sprintf("%lld", (long long)id) : NULL;
}

json_t *encode_grant_uid(const void *obj)
{
	return id_json(((const struct spec_grant *)obj)->uid);
}

json_t *encode_grant_gid(const void *obj)
{
	return id_json(((const struct spec_grant *)obj)->gid);
}

json_t *encode_grant_mode(const void *obj)
{
	int64_t mode = ((const struct spec_grant *)obj)->mode;
	return mode == 0444 ? NULL : json_integer(mode);
}

/* What is not absolute lies in /run/secrets, for configs in /. */
static bool grant_target(struct decode *c, const struct node *n, struct spec_grant *g, bool config)
{
	const char *given = g->target && *g->target ? g->target : g->source;
	auto_free char *full = given[0] == '/'
				       ? xstrdup(given)
				       : xasprintf("%s/%s", config ? "" : "/run/secrets", given);
	char *clean = decode_container_path(c, n, full);
	if (!clean)
		return false;
	free(g->target);
	g->target = clean;
	if (clean[1])
		return true;
	decode_error(c, n, "a %s cannot be mounted at '/'; write a path to a file in 'target'",
		     kind_name(config));
	return false;
}

static bool below(const char *path, const char *file)
{
	size_t n = strlen(file);
	return strncmp(path, file, n) == 0 && path[n] == '/';
}

/* A file takes its own place, and leaves none below it for other files and mounts. */
static const char *target_taken(const struct spec_service *s, const char *target)
{
	for (size_t i = 0; i < s->n_secrets + s->n_configs; i++) {
		const char *other = i < s->n_secrets ? s->secrets[i].target
						     : s->configs[i - s->n_secrets].target;
		if (streq(other, target) || below(target, other) || below(other, target))
			return other;
	}
	for (size_t i = 0; i < s->n_mounts; i++)
		if (streq(s->mounts[i].target, target) || below(s->mounts[i].target, target))
			return s->mounts[i].target;
	for (size_t i = 0; i < s->tmpfs.n; i++) { /* PATH or PATH:OPTIONS */
		auto_free char *path = xstrndup(s->tmpfs.v[i], strcspn(s->tmpfs.v[i], ":"));
		if (streq(path, target) || below(path, target))
			return s->tmpfs.v[i];
	}
	return NULL;
}

static bool grant_check(struct decode *c, const struct node *n, struct spec_grant *g, bool config,
			const struct spec_service *s)
{
	const char *what = kind_name(config);
	if (!g->source || !*g->source) {
		decode_error(c, n, "a %s of a service needs 'source', its name under '%ss'", what,
			     what);
		return false;
	}
	const struct map *known = config ? &c->configs : &c->secrets;
	if (c->stack && !map_has(known, g->source)) {
		auto_free char *near = decode_near(known, g->source);
		decode_error(c, n,
			     "the %s '%.100s' is not there; declare it under the top-level '%ss'%s",
			     what, g->source, what, near);
		return false;
	}
	if (!spec_key_valid(g->source)) {
		decode_error(c, n, "'%.100s' is not the name of a %s", g->source, what);
		return false;
	}
	if (!grant_target(c, n, g, config))
		return false;
	const char *other = target_taken(s, g->target);
	if (!other)
		return true;
	if (streq(other, g->target))
		decode_refuse(c, n,
			      "something is mounted at '%.200s' already; choose another 'target'",
			      other);
	else
		decode_refuse(c, n,
			      "'%.200s' and '%.200s' cannot both be there: one is a file; choose "
			      "another 'target'",
			      other, g->target);
	return false;
}

static void decode_one(struct decode *c, const struct node *n, struct spec_service *s, bool config)
{
	struct spec_grant g;
	const char *source;
	size_t errors = c->d->n_errors;
	record_init(&record_grant, &g);
	if (n->kind == NODE_MAP)
		decode_record(c, n, &record_grant, &g);
	else if (decode_string(c, n, &source))
		g.source = xstrdup(source);
	if (c->d->n_errors > errors || !grant_check(c, n, &g, config, s)) {
		spec_grant_done(&g);
		return;
	}
	if (config)
		s->configs[s->n_configs++] = g;
	else
		s->secrets[s->n_secrets++] = g;
}

static void decode_grants(struct decode *c, const struct node *n, struct spec_service *s,
			  bool config)
{
	if (!decode_list(c, n, LIMIT_SERVICE_SECRETS))
		return;
	struct spec_grant *v = xcalloc(n->n + 1, sizeof(*v));
	*(config ? &s->configs : &s->secrets) = v;
	for (size_t i = 0; i < n->n && !diag_full(c->d); i++) {
		struct decode_mark mark = decode_enter_item(c, i);
		decode_one(c, n->items[i], s, config);
		decode_leave(c, mark);
	}
}

FIELD_DECODER(decode_secrets)
{
	(void)f;
	decode_grants(c, n, obj, false);
}

FIELD_DECODER(decode_configs)
{
	(void)f;
	decode_grants(c, n, obj, true);
}

static json_t *grants_json(const struct spec_grant *v, size_t n)
{
	json_t *j = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(j, encode_record(&record_grant, &v[i], 0));
	return j;
}

json_t *encode_secrets(const void *obj)
{
	const struct spec_service *s = obj;
	return grants_json(s->secrets, s->n_secrets);
}

json_t *encode_configs(const void *obj)
{
	const struct spec_service *s = obj;
	return grants_json(s->configs, s->n_configs);
}

/* --- values */

static void read_value(struct decode *c, const struct node *n, struct spec_secret *s, bool config)
{
	size_t max = config ? LIMIT_CONFIG_BYTES : LIMIT_SECRET_BYTES;
	auto_free char *path = decode_host_path(c, n, s->file);
	if (!path)
		return;
	int rc =
		c->in->read ? c->in->read(path, &s->value, &s->value_len, c->in->read_arg) : -EPERM;
	if (rc == -EFBIG)
		decode_error(c, n, "the file '%.200s' of the %s '%s' is larger than %zu KiB", path,
			     kind_name(config), s->key, max >> 10);
	else if (rc < 0)
		decode_error(c, n, "cannot read the file '%.200s' of the %s '%s': %s", path,
			     kind_name(config), s->key, strerror(-rc));
}

static void take_variable(struct decode *c, const struct node *n, struct spec_secret *s,
			  bool config)
{
	const char *value = c->in->env ? kvlist_get(c->in->env, s->environment) : NULL;
	if (!value) {
		decode_error(c, n,
			     "the variable '%.100s' of the %s '%s' is not set; export it or write "
			     "it into .env",
			     s->environment, kind_name(config), s->key);
		return;
	}
	s->value = xstrdup(value);
	s->value_len = strlen(value);
}

static void load_value(struct decode *c, const struct node *n, struct spec_secret *s, bool config)
{
	size_t max = config ? LIMIT_CONFIG_BYTES : LIMIT_SECRET_BYTES;
	const char *key = s->file ? "file" : s->environment ? "environment" : "content";
	const struct node *at = node_child(n, key);
	if (s->file) {
		read_value(c, at, s, config);
	} else if (s->environment) {
		take_variable(c, at, s, config);
	} else if (s->content) {
		s->value = xstrdup(s->content);
		s->value_len = strlen(s->content);
	}
	if (s->value && s->value_len > max)
		decode_error(c, at, "the %s '%s' has %zu bytes; at most %zu KiB are allowed",
			     kind_name(config), s->key, s->value_len, max >> 10);
}

void decode_values(struct decode *c, const struct node *root)
{
	for (size_t i = 0; i < c->stack->n_services; i++) {
		const struct spec_service *sv = &c->stack->services[i];
		for (size_t k = 0; k < sv->n_secrets + sv->n_configs; k++) {
			bool config = k >= sv->n_secrets;
			const struct spec_grant *g =
				config ? &sv->configs[k - sv->n_secrets] : &sv->secrets[k];
			struct spec_secret *s = spec_find_secret(c->stack, config, g->source);
			const struct node *all = node_child(root, config ? "configs" : "secrets");
			if (s && !s->external && !s->value && !diag_full(c->d))
				load_value(c, node_child(all, s->key), s, config);
		}
	}
}
