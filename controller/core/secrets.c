/* SPDX-License-Identifier: Apache-2.0
 * Sealed versions: which there are and who needs them; see secrets.h. */
#include "controller/core/secrets.h"

#include <errno.h>
#include <string.h>

void version_free(void *p)
{
	struct version *v = p;
	if (!v)
		return;
	sealed_done(&v->s);
	free(v);
}

void secret_free(void *p)
{
	struct secret *s = p;
	if (!s)
		return;
	free(s->name);
	free(s->version);
	kvlist_done(&s->labels);
	free(s);
}

char *secret_key(bool config, const char *name)
{
	return xasprintf("%s/%s", sealed_kind(config), name);
}

static struct version *version_get(struct cluster *c, const char *version)
{
	struct version *v = map_get(&c->versions, version);
	if (v)
		return v;
	v = xcalloc(1, sizeof(*v));
	memcpy(v->s.version, version, SEALED_VERSION);
	v->waiting = NO_MARK;
	map_set(&c->versions, version, v);
	return v;
}

void version_ref(struct cluster *c, const char *version)
{
	if (!version)
		return;
	struct version *v = version_get(c, version);
	v->refs++;
	v->used = true;
	marks_del(&c->versions_waiting, &v->waiting);
}

void version_unref(struct cluster *c, const char *version)
{
	struct version *v = version ? map_get(&c->versions, version) : NULL;
	if (v && v->refs && --v->refs == 0)
		marks_add(&c->versions_waiting, v, &v->waiting);
}

void secrets_count(struct cluster *c, const struct spec_service *s, bool add)
{
	for (size_t i = 0; i < s->n_secrets + s->n_configs; i++) {
		const char *version = i < s->n_secrets ? s->secrets[i].version
						       : s->configs[i - s->n_secrets].version;
		if (add)
			version_ref(c, version);
		else
			version_unref(c, version);
	}
}

void secrets_count_stack(struct cluster *c, const struct spec_stack *s, bool add)
{
	for (size_t i = 0; s && i < s->n_services; i++)
		secrets_count(c, &s->services[i], add);
}

/* Marks leave holes where something went: the vector is made dense again here. */
void secrets_sweep(struct cluster *c)
{
	struct marks *w = &c->versions_waiting;
	size_t live = 0;
	for (size_t i = 0; i < w->n; i++) {
		struct version *v = w->v[i];
		if (!v)
			continue;
		if (!v->used && c->now < v->born_ms + SECRETS_WAIT_MS) {
			v->waiting = live;
			w->v[live++] = v;
			continue;
		}
		if (v->s.data) {
			c->versions_bytes -= strlen(v->s.data);
			cluster_put(c, "sealed", v->s.version, NULL);
		}
		char version[SEALED_VERSION + 1];
		memcpy(version, v->s.version, sizeof(version));
		map_del(&c->versions, version);
	}
	w->n = live;
}

struct version *version_add(struct cluster *c, struct sealed *s, int64_t time_ms)
{
	struct version *v = version_get(c, s->version);
	sealed_done(&v->s);
	v->s = *s;
	*s = (struct sealed){0};
	v->time_ms = time_ms;
	v->born_ms = c->now;
	c->versions_bytes += strlen(v->s.data);
	if (!v->refs)
		marks_add(&c->versions_waiting, v, &v->waiting);
	return v;
}

static int resolve_external(const struct cluster *c, const struct spec_secret *top, bool config,
			    const char **ret, struct err *err)
{
	auto_free char *key = secret_key(config, top->name);
	const struct secret *s = map_get(&c->secrets, key);
	if (!s)
		return err_set(err, -ENOENT,
			       "the external %s '%s' is not there; make it with `carrack %s "
			       "create %s FILE`",
			       sealed_kind(config), top->name, config ? "configs" : "secret",
			       top->name);
	*ret = s->version;
	return 0;
}

static int resolve_own(const struct cluster *c, const struct spec_stack *spec,
		       const struct spec_secret *top, bool config, struct err *err)
{
	const struct version *v = top->version ? map_get(&c->versions, top->version) : NULL;
	if (!top->version)
		return err_set(err, -EINVAL, "the %s '%s' came without a version of its value",
			       sealed_kind(config), top->key);
	if (c->rehearsing && (!v || !v->s.data))
		return 0;
	if (!v || !v->s.data)
		return err_set(err, -ESTALE,
			       "the value of the %s '%s' has not reached the controller; apply "
			       "again",
			       sealed_kind(config), top->key);
	if (v->s.config != config || !streq(v->s.stack, spec->name) || !streq(v->s.name, top->name))
		return err_set(err, -EINVAL, "the value sent for the %s '%s' is that of another",
			       sealed_kind(config), top->key);
	return 0;
}

static int resolve_grant(const struct cluster *c, const struct spec_stack *spec,
			 struct spec_grant *g, bool config, struct err *err)
{
	const struct spec_secret *top = spec_find_secret(spec, config, g->source);
	if (!top)
		return err_set(err, -EINVAL, "there is no %s '%s' in the stack",
			       sealed_kind(config), g->source);
	const char *version = top->version;
	int rc = top->external ? resolve_external(c, top, config, &version, err)
			       : resolve_own(c, spec, top, config, err);
	if (rc < 0)
		return rc;
	free(g->version);
	g->version = xstrdup(version);
	return 0;
}

int secrets_resolve(const struct cluster *c, struct spec_stack *spec, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i < spec->n_services; i++) {
		struct spec_service *s = &spec->services[i];
		for (size_t k = 0; rc == 0 && k < s->n_secrets; k++)
			rc = resolve_grant(c, spec, &s->secrets[k], false, err);
		for (size_t k = 0; rc == 0 && k < s->n_configs; k++)
			rc = resolve_grant(c, spec, &s->configs[k], true, err);
		if (rc < 0)
			return err_wrap(err, rc, "the service '%s'", s->name);
	}
	return 0;
}

void row_secret(struct cluster *c, const struct secret *s)
{
	auto_json *j = json_object();
	auto_free char *key = secret_key(s->config, s->name);
	json_put_str(j, "version", s->version);
	json_put_kvlist(j, "labels", &s->labels);
	json_put_int(j, "created", s->created_ms);
	json_put_int(j, "updated", s->updated_ms);
	cluster_put(c, "secrets", key, json_text(j));
}

int load_sealed(struct cluster *c, const char *version, const json_t *j, struct err *err)
{
	struct sealed s;
	int rc = sealed_parse(j, &s, err);
	if (rc < 0)
		return rc;
	if (!streq(s.version, version)) {
		sealed_done(&s);
		return err_set(err, -EUCLEAN, "it holds another version");
	}
	version_add(c, &s, json_int(j, "time", 0));
	return 0;
}

int load_secret(struct cluster *c, const char *key, const json_t *j, struct err *err)
{
	const char *version, *slash = strchr(key, '/');
	int rc = json_need_str(j, "version", &version, err);
	if (rc < 0)
		return rc;
	if (!slash || !sealed_version_valid(version))
		return err_set(err, -EUCLEAN, "it names no version");
	struct secret *s = xcalloc(1, sizeof(*s));
	s->config = str_starts(key, "config/");
	s->name = xstrdup(slash + 1);
	s->version = xstrdup(version);
	json_kvlist(j, "labels", &s->labels);
	s->created_ms = json_int(j, "created", 0);
	s->updated_ms = json_int(j, "updated", 0);
	map_set(&c->secrets, key, s);
	version_ref(c, version);
	return 0;
}
