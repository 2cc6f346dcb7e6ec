/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON through jansson. This header is the only place that includes it; json_t and its functions
 * are used directly by all rooms, with these additions. Typed getters never fail: a member that is
 * absent or of another type gives the default. Decoders of input from outside use json_need_*,
 * which leave a sentence that names the member.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define JSON_TEXT_MAX (64u << 20) /* bytes of one document that json_parse accepts */

/* Strict: UTF-8, no duplicate keys, nothing after the value. NULL with err on failure. */
json_t *json_parse(const char *text, size_t len, struct err *err);
json_t *json_parse_file(const char *path, struct err *err); /* -ENOENT in err->code if absent */
char *json_text(const json_t *j);                           /* compact; caller frees; never NULL */
char *json_text_canonical(const json_t *j);                 /* compact, keys sorted */
char *json_text_pretty(const json_t *j); /* indented by 2, no newline at the end */

const char *json_str(const json_t *obj, const char *key); /* NULL: absent; borrowed */
const char *json_str_or(const json_t *obj, const char *key, const char *def);
int64_t json_int(const json_t *obj, const char *key, int64_t def);
double json_num(const json_t *obj, const char *key, double def);
bool json_bool(const json_t *obj, const char *key, bool def);
void json_strlist(const json_t *obj, const char *key, struct strlist *out); /* appends strings */
void json_kvlist(const json_t *obj, const char *key, struct kvlist *out);   /* null: no value */

int json_need_str(const json_t *obj, const char *key, const char **ret, struct err *err);
int json_need_int(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t *ret,
		  struct err *err);

/* Setters that leave out what is empty: NULL strings, empty lists. */
void json_put_str(json_t *obj, const char *key, const char *value);
void json_put_int(json_t *obj, const char *key, int64_t value);
void json_put_bool(json_t *obj, const char *key, bool value);
void json_put_strlist(json_t *obj, const char *key, const struct strlist *l);
void json_put_kvlist(json_t *obj, const char *key, const struct kvlist *l);
/* Takes value's reference; leaves out NULL and empty arrays and objects. */
void json_put_new(json_t *obj, const char *key, json_t *value);

static inline void cleanup_json_decref(json_t **j)
{
	json_decref(*j);
}
#define auto_json __attribute__((cleanup(cleanup_json_decref))) json_t
