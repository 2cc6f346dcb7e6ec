/* SPDX-License-Identifier: Apache-2.0
 * Members of wire objects; see wirefield.h. */
#include "manifests/wirefield.h"

#include <errno.h>
#include <string.h>

int wire_get_text(const json_t *j, const char *key, bool needed, char **ret, struct err *err)
{
	const json_t *v = json_object_get(j, key);
	if (!v && !needed)
		return 0;
	const char *s = json_string_value(v);
	if (!s || (needed && !*s))
		return err_set(err, -EINVAL, "'%s' must be a string", key);
	if (json_string_length(v) > WIRE_TEXT_MAX)
		return err_set(err, -EINVAL, "'%s' is longer than %d bytes", key, WIRE_TEXT_MAX);
	*ret = xstrdup(s);
	return 0;
}

/* Ids become parts of paths and of names of kernel objects, so nothing but these letters. */
int wire_get_id(const json_t *j, const char *key, bool needed, char **ret, struct err *err)
{
	char *id = NULL;
	int rc = wire_get_text(j, key, needed, &id, err);
	if (rc < 0 || !id)
		return rc;
	size_t n = strlen(id);
	if (n == 0 || n > 64 || strspn(id, "0123456789abcdef") != n) {
		free(id);
		return err_set(err, -EINVAL, "'%s' must be 1 to 64 lower-case hex digits", key);
	}
	*ret = id;
	return 0;
}

int wire_get_list(const json_t *j, const char *key, struct strlist *out, struct err *err)
{
	const json_t *list = json_object_get(j, key);
	if (!list)
		return 0;
	if (!json_is_array(list) || json_array_size(list) > WIRE_LIST_MAX)
		return err_set(err, -EINVAL, "'%s' must be a list of at most %d strings", key,
			       WIRE_LIST_MAX);
	size_t i;
	json_t *v;
	json_array_foreach(list, i, v)
	{
		if (!json_is_string(v) || json_string_length(v) > WIRE_TEXT_MAX)
			return err_set(err, -EINVAL, "'%s[%zu]' must be a string", key, i);
		strlist_add(out, json_string_value(v));
	}
	return 0;
}

int wire_get_map(const json_t *j, const char *key, struct kvlist *out, struct err *err)
{
	json_t *map = json_object_get(j, key);
	if (!map)
		return 0;
	if (!json_is_object(map) || json_object_size(map) > WIRE_LIST_MAX)
		return err_set(err, -EINVAL, "'%s' must be a mapping of at most %d strings", key,
			       WIRE_LIST_MAX);
	const char *k;
	json_t *v;
	json_object_foreach(map, k, v)
	{
		if (!json_is_string(v) || json_string_length(v) > WIRE_TEXT_MAX)
			return err_set(err, -EINVAL, "'%s.%.64s' must be a string", key, k);
		kvlist_set(out, k, json_string_value(v));
	}
	return 0;
}

int wire_get_int(const json_t *j, const char *key, int64_t min, int64_t max, int64_t *ret,
		 struct err *err)
{
	if (!json_object_get(j, key))
		return 0;
	return json_need_int(j, key, min, max, ret, err);
}
