/* SPDX-License-Identifier: Apache-2.0
 * Values sealed and sent; see seal.h. */
#include "cli/seal.h"
#include "base/http.h"
#include <errno.h>
#include <string.h>

struct keys { /* what the cluster seals and names with */
	unsigned char pub[CRYPTO_KEY], naming[CRYPTO_KEY];
	json_t *versions; /* that are there, of one stack */
};

static void keys_done(struct keys *k)
{
	json_decref(k->versions);
	crypto_wipe(k, sizeof(*k));
}

static int take_key(const json_t *j, const char *key, unsigned char out[CRYPTO_KEY],
		    struct err *err)
{
	const char *text = json_str(j, key);
	size_t n = 0;
	auto_free unsigned char *bytes = text ? crypto_unbase64(text, &n) : NULL;

	if (!bytes || n != CRYPTO_KEY)
		return err_set(err, -EPROTO,
			       "the controller did not tell the key for configs and secrets");
	memcpy(out, bytes, CRYPTO_KEY);
	crypto_wipe(bytes, n);
	return 0;
}

static int keys_get(struct client *c, const char *stack, struct keys *k, struct err *err)
{
	auto_free char *name = stack ? http_escape(stack) : NULL;
	auto_json *j = NULL;
	int r = client_get(c, &j, err, "/v1/sealing%s%s", name ? "?stack=" : "", name ? name : "");

	if (!r)
		r = take_key(j, "public_key", k->pub, err);
	if (!r)
		r = take_key(j, "naming_key", k->naming, err);
	if (!r)
		k->versions = json_incref(json_object_get(j, "versions"));
	return r;
}

static bool is_there(const struct keys *k, const char *version)
{
	const json_t *v;
	size_t i;

	json_array_foreach(k->versions, i, v) if (streq(json_string_value(v), version)) return true;
	return false;
}

static json_t *seal(const struct keys *k, struct sealed_id id, const char *version,
		    const void *value, size_t n)
{
	struct sealed s;

	sealed_make(k->pub, id, version, value, n, &s);
	json_t *j = sealed_json(&s);

	sealed_done(&s);
	return j;
}

static void seal_one(const struct keys *k, const char *stack, struct spec_secret *s, bool config,
		     enum seal_what what, json_t *out)
{
	const struct sealed_id id = {config, stack, s->name};
	char version[SEALED_VERSION + 1];

	if (s->external || !s->value)
		return;
	sealed_version(k->naming, id, s->value, s->value_len, version);
	free(s->version);
	s->version = xstrdup(version);
	if (what == SEAL_ALL || (what == SEAL_MISSING && !is_there(k, version)))
		json_array_append_new(out, seal(k, id, version, s->value, s->value_len));
}

static bool has_values(const struct spec_secret *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!v[i].external && v[i].value)
			return true;
	return false;
}

int seal_stack(struct client *c, struct spec_stack *stack, enum seal_what what, json_t **ret,
	       struct err *err)
{
	auto_json *out = json_array();
	struct keys k = {0};
	int r = 0;

	if (has_values(stack->secrets, stack->n_secrets) ||
	    has_values(stack->configs, stack->n_configs))
		r = keys_get(c, stack->name, &k, err);
	for (size_t i = 0; !r && i < stack->n_secrets; i++)
		seal_one(&k, stack->name, &stack->secrets[i], false, what, out);
	for (size_t i = 0; !r && i < stack->n_configs; i++)
		seal_one(&k, stack->name, &stack->configs[i], true, what, out);
	keys_done(&k);
	if (!r)
		*ret = take_ptr(out);
	return r;
}

int seal_send(struct client *c, const char *stack, const json_t *sealed, struct err *err)
{
	struct keys k = {0};
	const json_t *one;
	size_t i;
	int r = json_array_size(sealed) ? keys_get(c, stack, &k, err) : 0;

	json_array_foreach(sealed, i, one)
	{
		auto_free char *version = http_escape(json_str_or(one, "version", ""));
		auto_free char *path = xasprintf("/v1/sealed/%s", version);

		if (!r && !is_there(&k, version))
			r = client_do(c, "PUT", path, one, NULL, err);
	}
	keys_done(&k);
	return r;
}

int seal_value(struct client *c, struct sealed_id id, const void *value, size_t n, json_t **ret,
	       struct err *err)
{
	char version[SEALED_VERSION + 1];
	struct keys k = {0};
	int r = keys_get(c, NULL, &k, err);

	if (!r) {
		sealed_version(k.naming, id, value, n, version);
		*ret = seal(&k, id, version, value, n);
	}
	keys_done(&k);
	return r;
}
