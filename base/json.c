/* SPDX-License-Identifier: Apache-2.0
 * JSON helpers over jansson; see json.h. */
#include "base/json.h"
#include "base/fd.h"

#include <errno.h>
#include <string.h>

json_t *json_parse(const char *text, size_t len, struct err *err)
{
	json_error_t at;
	if (len > JSON_TEXT_MAX) {
		err_set(err, -EFBIG, "JSON of %zu bytes is larger than %u", len, JSON_TEXT_MAX);
		return NULL;
	}
	if (len && memchr(text, '\0', len)) { /* the library would stop there and say all is well */
		err_set(err, -EINVAL, "not valid JSON: there is a NUL byte in it");
		return NULL;
	}
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &at);
	if (!j)
		err_set(err, -EINVAL, "not valid JSON at line %d, column %d: %s", at.line,
			at.column, at.text);
	return j;
}

json_t *json_parse_file(const char *path, struct err *err)
{
	auto_free char *text = NULL;
	size_t len = 0;
	if (file_read(path, JSON_TEXT_MAX, &text, &len, err) < 0)
		return NULL;
	json_t *j = json_parse(text, len, err);
	if (!j)
		err_wrap(err, -EINVAL, "'%s'", path);
	return j;
}

static char *dump(const json_t *j, size_t flags)
{
	char *text = json_dumps(j, flags | JSON_ENCODE_ANY);
	return text ? text : xstrdup("null");
}

char *json_text(const json_t *j)
{
	return dump(j, JSON_COMPACT);
}

char *json_text_canonical(const json_t *j)
{
	return dump(j, JSON_COMPACT | JSON_SORT_KEYS);
}

char *json_text_pretty(const json_t *j)
{
	return dump(j, JSON_INDENT(2));
}

const char *json_str(const json_t *obj, const char *key)
{
	return json_string_value(json_object_get(obj, key));
}

const char *json_str_or(const json_t *obj, const char *key, const char *def)
{
	const char *s = json_str(obj, key);
	return s ? s : def;
}

int64_t json_int(const json_t *obj, const char *key, int64_t def)
{
	const json_t *v = json_object_get(obj, key);
	return json_is_integer(v) ? json_integer_value(v) : def;
}

double json_num(const json_t *obj, const char *key, double def)
{
	const json_t *v = json_object_get(obj, key);
	return json_is_number(v) ? json_number_value(v) : def;
}

bool json_bool(const json_t *obj, const char *key, bool def)
{
	const json_t *v = json_object_get(obj, key);
	return json_is_boolean(v) ? json_is_true(v) : def;
}

void json_strlist(const json_t *obj, const char *key, struct strlist *out)
{
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(obj, key), i, v)
	{
		if (json_is_string(v))
			strlist_add(out, json_string_value(v));
	}
}

void json_kvlist(const json_t *obj, const char *key, struct kvlist *out)
{
	const char *k;
	json_t *v;
	json_object_foreach(json_object_get(obj, key), k, v)
	{
		if (json_is_string(v) || json_is_null(v))
			kvlist_set(out, k, json_string_value(v));
	}
}

int json_need_str(const json_t *obj, const char *key, const char **ret, struct err *err)
{
	const char *s = json_str(obj, key);
	if (!s)
		return err_set(err, -EINVAL, "'%s' must be a string", key);
	*ret = s;
	return 0;
}

int json_need_int(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t *ret,
		  struct err *err)
{
	const json_t *v = json_object_get(obj, key);
	if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
		return err_set(err, -EINVAL, "'%s' must be a whole number from %lld to %lld", key,
			       (long long)min, (long long)max);
	*ret = json_integer_value(v);
	return 0;
}

void json_put_new(json_t *obj, const char *key, json_t *value)
{
	bool empty = !value || (json_is_array(value) && json_array_size(value) == 0) ||
		     (json_is_object(value) && json_object_size(value) == 0);
	if (empty)
		json_decref(value);
	else
		json_object_set_new(obj, key, value);
}

void json_put_str(json_t *obj, const char *key, const char *value)
{
	if (value)
		json_object_set_new(obj, key, json_string(value));
}

void json_put_int(json_t *obj, const char *key, int64_t value)
{
	json_object_set_new(obj, key, json_integer(value));
}

void json_put_bool(json_t *obj, const char *key, bool value)
{
	json_object_set_new(obj, key, json_boolean(value));
}

void json_put_strlist(json_t *obj, const char *key, const struct strlist *l)
{
	json_t *array = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(array, json_string(l->v[i]));
	json_put_new(obj, key, array);
}

void json_put_kvlist(json_t *obj, const char *key, const struct kvlist *l)
{
	json_t *object = json_object();
	for (size_t i = 0; i < l->n; i++)
		json_object_set_new(object, l->v[i].k,
				    l->v[i].v ? json_string(l->v[i].v) : json_null());
	json_put_new(obj, key, object);
}
