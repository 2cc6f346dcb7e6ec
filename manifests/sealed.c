/* SPDX-License-Identifier: Apache-2.0
 * Sealed versions of configs and secrets; see sealed.h. */
#include "manifests/sealed.h"
#include "base/num.h"
#include "manifests/limits.h"
#include "manifests/spec.h"

#include <errno.h>
#include <string.h>

const char *sealed_kind(bool config)
{
	return config ? "config" : "secret";
}

bool sealed_version_valid(const char *text)
{
	return strlen(text) == SEALED_VERSION && strspn(text, "0123456789abcdef") == SEALED_VERSION;
}

/* Kind, stack and name, each with its NUL: no two ids give the same bytes. */
static void id_bytes(struct sealed_id id, struct str *out)
{
	const char *parts[] = {sealed_kind(id.config), id.stack ? id.stack : "", id.name};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		str_addn(out, parts[i], strlen(parts[i]) + 1);
}

void sealed_version(const unsigned char naming[CRYPTO_KEY], struct sealed_id id, const void *value,
		    size_t n, char out[SEALED_VERSION + 1])
{
	auto_str head = {0};
	unsigned char hash[32];
	id_bytes(id, &head);
	size_t len = head.len + n;
	unsigned char *all = xmalloc(len);
	memcpy(all, head.data, head.len);
	memcpy(all + head.len, n ? value : "", n);
	crypto_keyed_hash(naming, all, len, hash);
	crypto_wipe(all, len);
	free(all);
	hex_encode(hash, SEALED_VERSION / 2, out);
}

/* What is bound to the value: its id and its version. */
static void bound_bytes(const struct sealed *s, struct str *out)
{
	id_bytes(sealed_id_of(s), out);
	str_addn(out, s->version, SEALED_VERSION);
}

void sealed_make(const unsigned char pub[CRYPTO_KEY], struct sealed_id id, const char *version,
		 const void *value, size_t n, struct sealed *out)
{
	unsigned char key[CRYPTO_KEY], *locked = xmalloc(n + CRYPTO_LOCK);
	auto_str bound = {0};
	*out = (struct sealed){.config = id.config,
			       .stack = xstrdup(id.stack),
			       .name = xstrdup(id.name)};
	memcpy(out->version, version, SEALED_VERSION);
	crypto_random(key, sizeof(key));
	bound_bytes(out, &bound);
	crypto_lock(key, (struct crypto_bound){bound.data, bound.len}, n ? value : "", n, locked);
	crypto_seal(pub, key, sizeof(key), out->key);
	crypto_wipe(key, sizeof(key));
	out->data = crypto_base64(locked, n + CRYPTO_LOCK);
	free(locked);
}

bool sealed_rewrap(const unsigned char key[SEALED_KEY], const struct crypto_pair *from,
		   const unsigned char to[CRYPTO_KEY], unsigned char out[SEALED_KEY])
{
	unsigned char plain[CRYPTO_KEY];
	bool ok = crypto_unseal(from, key, SEALED_KEY, plain);
	if (ok)
		crypto_seal(to, plain, sizeof(plain), out);
	crypto_wipe(plain, sizeof(plain));
	return ok;
}

int sealed_open(const struct sealed *s, const struct crypto_pair *p, char **ret, size_t *ret_n,
		struct err *err)
{
	unsigned char key[CRYPTO_KEY];
	size_t n = 0;
	auto_free unsigned char *locked = crypto_unbase64(s->data, &n);
	auto_str bound = {0};
	if (!locked || n < CRYPTO_LOCK || !crypto_unseal(p, s->key, sizeof(s->key), key))
		return err_set(err, -EACCES, "the %s '%s' is not sealed for this node",
			       sealed_kind(s->config), s->name);
	unsigned char *value = xmalloc(n - CRYPTO_LOCK + 1);
	bound_bytes(s, &bound);
	bool ok =
		crypto_unlock(key, (struct crypto_bound){bound.data, bound.len}, locked, n, value);
	crypto_wipe(key, sizeof(key));
	if (!ok) {
		free(value);
		return err_set(err, -EBADMSG, "the %s '%s' was changed on its way",
			       sealed_kind(s->config), s->name);
	}
	value[n - CRYPTO_LOCK] = '\0';
	*ret = (char *)value;
	*ret_n = n - CRYPTO_LOCK;
	return 0;
}

json_t *sealed_json(const struct sealed *s)
{
	json_t *j = json_object();
	auto_free char *key = crypto_base64(s->key, sizeof(s->key));
	json_put_str(j, "version", s->version);
	json_put_str(j, "kind", sealed_kind(s->config));
	json_put_str(j, "stack", s->stack);
	json_put_str(j, "name", s->name);
	json_put_str(j, "key", key);
	json_put_str(j, "data", s->data);
	return j;
}

/* Without a tree: a value may be a megabyte, and goes to many nodes. Names are of characters that JSON
 * has no need to escape: parse sees to that. */
void sealed_write(const struct sealed *s, struct str *out)
{
	auto_free char *key = crypto_base64(s->key, sizeof(s->key));
	str_addf(out, "{\"version\":\"%s\",\"kind\":\"%s\"", s->version, sealed_kind(s->config));
	if (s->stack)
		str_addf(out, ",\"stack\":\"%s\"", s->stack);
	str_addf(out, ",\"name\":\"%s\",\"key\":\"%s\",\"data\":\"", s->name, key);
	str_add(out, s->data);
	str_add(out, "\"}");
}

bool sealed_name_valid(const char *name)
{
	size_t n = strlen(name);
	return n > 0 && n <= SEALED_NAME_MAX && !strchr(".-", name[0]) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
		       n;
}

static int parse_key(const char *text, struct sealed *s, struct err *err)
{
	size_t n = 0;
	auto_free unsigned char *key = crypto_unbase64(text, &n);
	if (!key || n != SEALED_KEY)
		return err_set(err, -EINVAL, "'key' must be %d bytes in base64", SEALED_KEY);
	memcpy(s->key, key, SEALED_KEY);
	return 0;
}

static int parse_data(const json_t *v, struct sealed *s, struct err *err)
{
	size_t n = 0, max = s->config ? LIMIT_CONFIG_BYTES : LIMIT_SECRET_BYTES;
	const char *text = json_string_value(v);
	if (json_string_length(v) > (max + CRYPTO_LOCK + 2) / 3 * 4)
		return err_set(err, -EINVAL, "the %s '%s' is larger than %zu KiB",
			       sealed_kind(s->config), s->name, max >> 10);
	auto_free unsigned char *data = crypto_unbase64(text, &n);
	if (!data || n < CRYPTO_LOCK)
		return err_set(err, -EINVAL, "'data' must be a sealed value in base64");
	s->data = xstrdup(text);
	return 0;
}

static int parse(const json_t *j, struct sealed *s, struct err *err)
{
	const char *version, *kind, *name, *key, *data, *stack = json_str(j, "stack");
	int rc = json_need_str(j, "version", &version, err);
	if (rc == 0)
		rc = json_need_str(j, "kind", &kind, err);
	if (rc == 0)
		rc = json_need_str(j, "name", &name, err);
	if (rc == 0)
		rc = json_need_str(j, "key", &key, err);
	if (rc == 0)
		rc = json_need_str(j, "data", &data, err);
	if (rc < 0)
		return rc;
	if (!sealed_version_valid(version))
		return err_set(err, -EINVAL, "'version' must be %d lower-case hex digits",
			       SEALED_VERSION);
	if (!streq(kind, "config") && !streq(kind, "secret"))
		return err_set(err, -EINVAL, "'kind' must be config or secret");
	if (!sealed_name_valid(name) || (stack && !spec_name_valid(stack)))
		return err_set(err, -EINVAL,
			       "names of configs and secrets may have letters, digits, '_', '.' "
			       "and '-', at most %d",
			       SEALED_NAME_MAX);
	memcpy(s->version, version, SEALED_VERSION);
	s->config = streq(kind, "config");
	s->name = xstrdup(name);
	s->stack = xstrdup(stack);
	rc = parse_key(key, s, err);
	return rc == 0 ? parse_data(json_object_get(j, "data"), s, err) : rc;
}

int sealed_parse(const json_t *j, struct sealed *out, struct err *err)
{
	struct sealed s = {0};
	int rc = parse(j, &s, err);
	if (rc < 0)
		sealed_done(&s);
	else
		*out = s;
	return rc;
}

size_t sealed_value_len(const struct sealed *s)
{
	size_t len = strlen(s->data), pad = 0;
	while (pad < 2 && len > pad && s->data[len - 1 - pad] == '=')
		pad++;
	return len / 4 * 3 - pad - CRYPTO_LOCK;
}

void sealed_done(struct sealed *s)
{
	free(s->stack);
	free(s->name);
	free(s->data);
	*s = (struct sealed){0};
}
