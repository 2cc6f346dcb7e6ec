/* SPDX-License-Identifier: Apache-2.0
 * What operators ask of configs and secrets: values that come sealed, names made by hand, lists. No
 * answer has a value in it, sealed or not. */
#include "controller/core/cluster.h"
#include "controller/core/sealing.h"
#include "controller/core/secrets.h"
#include "manifests/limits.h"

#include <errno.h>
#include <string.h>

/* Its key is then sealed to the cluster's present one, which during a rotation it may not be yet. */
static int check_sealed(const struct cluster *c, struct sealed *s, struct err *err)
{
	if (!c->cfg.sealing)
		return err_set(err, -ENOTSUP, "this controller keeps no configs and secrets");
	if (!sealing_rewrap(c->cfg.sealing, s->key, c->cfg.sealing->now.pub, s->key))
		return err_set(err, -EINVAL,
			       "the value of the %s '%s' is sealed to another key than the "
			       "cluster's present one; apply or plan again",
			       sealed_kind(s->config), s->name);
	if (c->versions.n >= SECRETS_MAX || c->versions_bytes + strlen(s->data) > SECRETS_BYTES_MAX)
		return err_set(err, -E2BIG,
			       "the configs and secrets of the cluster would be more than %d, or "
			       "larger than %u MiB together; remove some, or put what is large "
			       "into a volume or an image",
			       SECRETS_MAX, SECRETS_BYTES_MAX / 4 * 3 >> 20);
	return 0;
}

static void row_sealed(struct cluster *c, const struct version *v)
{
	auto_json *j = sealed_json(&v->s);
	json_put_int(j, "time", v->time_ms);
	cluster_put(c, "sealed", v->s.version, json_text(j));
}

/* One that is there already stays as it is: the version is the value's name. */
static int take_sealed(struct cluster *c, const json_t *j, char version[SEALED_VERSION + 1],
		       struct sealed_id *must, struct err *err)
{
	struct sealed s;
	int rc = sealed_parse(j, &s, err);
	if (rc < 0)
		return rc;
	memcpy(version, s.version, sizeof(s.version));
	if (must && (s.config != must->config || s.stack || !streq(s.name, must->name)))
		rc = err_set(err, -EINVAL, "the value sent is that of another %s",
			     sealed_kind(must->config));
	const struct version *there = map_get(&c->versions, s.version);
	if (rc == 0 && there && there->s.data)
		rc = there->s.config == s.config && streq(there->s.stack, s.stack) &&
				     streq(there->s.name, s.name)
			     ? 1
			     : err_set(err, -EEXIST, "the version '%s' is that of another value",
				       s.version);
	if (rc == 0)
		rc = check_sealed(c, &s, err);
	if (rc == 0)
		row_sealed(c, version_add(c, &s, c->wall));
	else
		sealed_done(&s);
	return rc < 0 ? rc : 0;
}

int cluster_sealed_put(struct cluster *c, const json_t *body, struct err *err)
{
	char version[SEALED_VERSION + 1];
	return take_sealed(c, body, version, NULL, err);
}

json_t *cluster_sealing_json(const struct cluster *c, const char *stack)
{
	const struct sealing *s = c->cfg.sealing;
	json_t *j = json_object(), *versions = json_array();
	if (s) {
		auto_free char *pub = crypto_base64(s->now.pub, CRYPTO_KEY);
		auto_free char *naming = crypto_base64(s->naming, CRYPTO_KEY);
		json_put_str(j, "public_key", pub);
		json_put_str(j, "naming_key", naming);
	}
	map_each(&c->versions, e)
	{
		const struct version *v = e->val;
		if (stack && v->s.data && streq(v->s.stack, stack))
			json_array_append_new(versions, json_string(v->s.version));
	}
	json_object_set_new(j, "versions", versions);
	return j;
}

void cluster_rewrap(struct cluster *c)
{
	map_each(&c->versions, e)
	{
		struct version *v = e->val;
		if (v->s.data && c->cfg.sealing &&
		    sealing_rewrap(c->cfg.sealing, v->s.key, c->cfg.sealing->now.pub, v->s.key))
			row_sealed(c, v);
	}
}

/* --- who uses what */

static bool is_external(const struct spec_stack *spec, const struct spec_grant *g, bool config,
			const char *name)
{
	const struct spec_secret *top = spec_find_secret(spec, config, g->source);
	return top && top->external && streq(top->name, name);
}

/* Sets the version of what the service takes of an external one (NULL: only looks); does it? */
static bool service_uses(const struct spec_stack *spec, struct spec_service *s, bool config,
			 const char *name, const char *version)
{
	struct spec_grant *v = config ? s->configs : s->secrets;
	size_t n = config ? s->n_configs : s->n_secrets;
	bool uses = false;
	for (size_t i = 0; i < n; i++) {
		if (!is_external(spec, &v[i], config, name))
			continue;
		uses = true;
		if (!version)
			continue;
		free(v[i].version);
		v[i].version = xstrdup(version);
	}
	return uses;
}

static void add_users(const struct cluster *c, const struct secret *s, struct strlist *out)
{
	map_each(&c->stacks, e)
	{
		const struct stack *st = e->val;
		for (size_t i = 0; !st->removing && i < st->spec->n_services; i++) {
			struct spec_service *sv = &st->spec->services[i];
			if (service_uses(st->spec, sv, s->config, s->name, NULL))
				strlist_addf(out, "%s/%s", st->name, sv->name);
		}
	}
}

/* Services that use it get the new version, and roll to it. */
static void roll_users(struct cluster *c, const struct secret *s)
{
	map_each(&c->stacks, e)
	{
		struct stack *st = e->val;
		auto_strlist changed = {0};
		if (st->removing)
			continue;
		for (size_t i = 0; i < st->spec->n_services; i++) {
			struct spec_service *sv = &st->spec->services[i];
			if (!service_uses(st->spec, sv, s->config, s->name, NULL))
				continue;
			strlist_add(&changed, sv->name);
			secrets_count(c, sv, false);
			service_uses(st->spec, sv, s->config, s->name, s->version);
			secrets_count(c, sv, true);
		}
		if (changed.n)
			stack_respec(c, st, &changed);
	}
}

/* --- names made by hand */

static const char *verb_of(bool config)
{
	return config ? "configs" : "secret";
}

static int no_such(bool config, const char *name, struct err *err)
{
	return err_set(err, -ENOENT, "there is no %s '%.128s'; `carrack %s ls` lists them",
		       sealed_kind(config), name, verb_of(config));
}

static int labels_check(const json_t *labels, struct err *err)
{
	const char *key;
	json_t *v;
	size_t bytes = 0;
	json_object_foreach((json_t *)labels, key, v) bytes += strlen(key) + json_string_length(v);
	if (json_object_size(labels) <= LIMIT_SECRET_LABELS && bytes <= LIMIT_LABELS_BYTES)
		return 0;
	return err_set(err, -E2BIG, "it may have at most %d labels, of %d KiB together",
		       LIMIT_SECRET_LABELS, LIMIT_LABELS_BYTES >> 10);
}

static int name_check(const struct cluster *c, const struct sealed_id *id, const json_t *body,
		      const struct secret *there, struct err *err)
{
	const char *kind = sealed_kind(id->config), *name = id->name;
	if (!sealed_name_valid(name))
		return err_set(err, -EINVAL,
			       "the name of a %s has letters, digits, '_', '.' and '-', at most %d",
			       kind, SEALED_NAME_MAX);
	if (there && !json_bool(body, "replace", false))
		return err_set(err, -EEXIST,
			       "the %s '%s' is there already; `carrack %s update %s` gives it a "
			       "new value",
			       kind, name, verb_of(id->config), name);
	if (!there && !json_bool(body, "create", true))
		return no_such(id->config, name, err);
	if (!there && c->secrets.n >= SECRETS_MAX)
		return err_set(err, -ENOSPC, "the cluster has %d configs and secrets already",
			       SECRETS_MAX);
	return 0;
}

int cluster_secret_put(struct cluster *c, bool config, const char *name, const json_t *body,
		       json_t **ret, struct err *err)
{
	auto_free char *key = secret_key(config, name);
	struct secret *s = map_get(&c->secrets, key);
	struct sealed_id must = {.config = config, .name = name};
	char version[SEALED_VERSION + 1];
	int rc = name_check(c, &must, body, s, err);
	if (rc == 0)
		rc = labels_check(json_object_get(body, "labels"), err);
	if (rc == 0)
		rc = take_sealed(c, json_object_get(body, "sealed"), version, &must, err);
	if (rc < 0)
		return rc;
	bool fresh = !s, changed = fresh || !streq(s->version, version);
	if (fresh) {
		s = xcalloc(1, sizeof(*s));
		s->config = config;
		s->name = xstrdup(name);
		s->created_ms = c->wall;
		map_set(&c->secrets, key, s);
	}
	if (json_object_get(body, "labels")) {
		kvlist_done(&s->labels);
		json_kvlist(body, "labels", &s->labels);
	}
	if (changed) {
		version_ref(c, version);
		version_unref(c, s->version);
		free(s->version);
		s->version = xstrdup(version);
		s->updated_ms = c->wall;
		roll_users(c, s);
	}
	row_secret(c, s);
	auto_strlist users = {0};
	add_users(c, s, &users);
	*ret = json_object();
	json_put_bool(*ret, "created", fresh);
	json_put_bool(*ret, "changed", changed);
	json_put_strlist(*ret, "used_by", &users);
	struct event_of of = {.type = config ? "config_changed" : "secret_changed"};
	if (changed)
		cluster_event(c, &of, "the %s '%s' %s", sealed_kind(config), name,
			      fresh ? "was made" : "has a new value");
	return 0;
}

/* The stack that has one of this name in its file, or NULL. */
static const struct stack *stack_with(const struct cluster *c, bool config, const char *name)
{
	map_each(&c->stacks, e)
	{
		const struct stack *st = e->val;
		const struct spec_secret *v = config ? st->spec->configs : st->spec->secrets;
		size_t n = config ? st->spec->n_configs : st->spec->n_secrets;
		for (size_t i = 0; i < n; i++)
			if (!v[i].external && streq(v[i].name, name))
				return st;
	}
	return NULL;
}

int cluster_secret_del(struct cluster *c, bool config, const char *name, struct err *err)
{
	auto_free char *key = secret_key(config, name);
	struct secret *s = map_get(&c->secrets, key);
	const struct stack *st = s ? NULL : stack_with(c, config, name);
	auto_strlist users = {0};
	if (st)
		return err_set(err, -EBUSY,
			       "the %s '%s' belongs to the stack '%s'; take it out of its file",
			       sealed_kind(config), name, st->name);
	if (!s)
		return no_such(config, name, err);
	add_users(c, s, &users);
	if (users.n)
		return err_set(err, -EBUSY,
			       "the %s '%s' is used by the service '%s'%s; take it out of that "
			       "first",
			       sealed_kind(config), name, users.v[0],
			       users.n > 1 ? " and others" : "");
	version_unref(c, s->version);
	cluster_put(c, "secrets", key, NULL);
	map_del(&c->secrets, key);
	struct event_of of = {.type = config ? "config_removed" : "secret_removed"};
	cluster_event(c, &of, "the %s '%s' was removed", sealed_kind(config), name);
	return 0;
}

/* --- lists */

static void put_version(const struct cluster *c, json_t *j, const char *version)
{
	const struct version *v = version ? map_get(&c->versions, version) : NULL;
	json_put_str(j, "version", version);
	if (v && v->s.data)
		json_put_int(j, "size", (int64_t)sealed_value_len(&v->s));
}

static json_t *secret_json(const struct cluster *c, const struct secret *s)
{
	json_t *j = json_object(), *users = json_array();
	auto_strlist list = {0};
	add_users(c, s, &list);
	for (size_t i = 0; i < list.n; i++)
		json_array_append_new(users, json_string(list.v[i]));
	json_put_str(j, "name", s->name);
	json_put_str(j, "kind", sealed_kind(s->config));
	json_put_kvlist(j, "labels", &s->labels);
	put_version(c, j, s->version);
	json_put_int(j, "created_ms", s->created_ms);
	json_put_int(j, "updated_ms", s->updated_ms);
	json_object_set_new(j, "used_by", users);
	return j;
}

static json_t *owned_json(const struct cluster *c, const struct stack *st,
			  const struct spec_secret *s, bool config)
{
	json_t *j = json_object(), *users = json_array();
	const struct version *v = s->version ? map_get(&c->versions, s->version) : NULL;
	for (size_t i = 0; i < st->spec->n_services; i++) {
		const struct spec_service *sv = &st->spec->services[i];
		const struct spec_grant *g = config ? sv->configs : sv->secrets;
		size_t n = config ? sv->n_configs : sv->n_secrets, k = 0;
		while (k < n && !streq(g[k].source, s->key))
			k++;
		if (k < n)
			json_array_append_new(users, json_sprintf("%s/%s", st->name, sv->name));
	}
	json_put_str(j, "name", s->name);
	json_put_str(j, "kind", sealed_kind(config));
	json_put_str(j, "stack", st->name);
	json_put_kvlist(j, "labels", &s->labels);
	put_version(c, j, s->version);
	if (v)
		json_put_int(j, "updated_ms", v->time_ms);
	json_object_set_new(j, "used_by", users);
	return j;
}

json_t *cluster_secrets_json(const struct cluster *c, bool config)
{
	json_t *list = json_array();
	map_each(&c->secrets, e)
	{
		const struct secret *s = e->val;
		if (s->config == config)
			json_array_append_new(list, secret_json(c, s));
	}
	map_each(&c->stacks, e)
	{
		const struct stack *st = e->val;
		const struct spec_secret *v = config ? st->spec->configs : st->spec->secrets;
		size_t n = config ? st->spec->n_configs : st->spec->n_secrets;
		for (size_t i = 0; i < n; i++)
			if (!v[i].external)
				json_array_append_new(list, owned_json(c, st, &v[i], config));
	}
	return list;
}

json_t *cluster_secret_json(const struct cluster *c, bool config, const char *name)
{
	auto_json *all = cluster_secrets_json(c, config);
	json_t *one;
	size_t i;
	json_array_foreach(all, i,
			   one) if (streq(json_str(one, "name"), name)) return json_incref(one);
	return NULL;
}
