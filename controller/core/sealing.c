/* SPDX-License-Identifier: Apache-2.0
 * The file of the cluster's sealing keys; see sealing.h. */
#include "controller/core/sealing.h"
#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>

void sealing_free(struct sealing *s)
{
	if (!s)
		return;
	free(s->path);
	crypto_wipe(s, sizeof(*s));
	free(s);
}
DEFINE_CLEANUP(struct sealing *, sealing_free);

static void put_bytes(json_t *j, const char *key, const unsigned char bytes[CRYPTO_KEY])
{
	char *text = crypto_base64(bytes, CRYPTO_KEY);
	json_put_str(j, key, text);
	crypto_wipe(text, strlen(text));
	free(text);
}

static bool get_bytes(const json_t *j, const char *key, unsigned char out[CRYPTO_KEY])
{
	const char *text = json_str(j, key);
	size_t n = 0;
	unsigned char *bytes = text ? crypto_unbase64(text, &n) : NULL;
	bool ok = bytes && n == CRYPTO_KEY;
	if (ok)
		memcpy(out, bytes, CRYPTO_KEY);
	if (bytes)
		crypto_wipe(bytes, n);
	free(bytes);
	return ok;
}

static json_t *pair_json(const struct crypto_pair *p)
{
	json_t *j = json_object();
	put_bytes(j, "public", p->pub);
	put_bytes(j, "secret", p->secret);
	return j;
}

static bool pair_parse(const json_t *j, struct crypto_pair *out)
{
	return get_bytes(j, "public", out->pub) && get_bytes(j, "secret", out->secret) &&
	       crypto_pair_good(out);
}

static int write_file(const struct sealing *s, struct err *err)
{
	auto_json *j = json_object();
	json_t *keys = json_array();
	put_bytes(j, "naming", s->naming);
	json_array_append_new(keys, pair_json(&s->now));
	if (s->rotating)
		json_array_append_new(keys, pair_json(&s->before));
	json_object_set_new(j, "keys", keys);
	char *text = json_text_pretty(j);
	int rc = file_write_atomic(s->path, text, strlen(text), 0600, err);
	crypto_wipe(text, strlen(text));
	free(text);
	return rc;
}

static int read_file(struct sealing *s, const json_t *j, struct err *err)
{
	const json_t *keys = json_object_get(j, "keys");
	size_t n = json_array_size(keys);
	bool ok = get_bytes(j, "naming", s->naming) && n >= 1 && n <= 2 &&
		  pair_parse(json_array_get(keys, 0), &s->now);
	s->rotating = n == 2;
	if (ok && s->rotating)
		ok = pair_parse(json_array_get(keys, 1), &s->before);
	return ok ? 0
		  : err_set(err, -EUCLEAN, "the file '%s' is damaged, restore it from a backup",
			    s->path);
}

int sealing_open(const char *dir, bool fresh, struct sealing **ret, struct err *err)
{
	auto_(sealing_free) struct sealing *s = xcalloc(1, sizeof(*s));
	struct err why = {0};
	int rc;
	s->path = xasprintf("%s/" SEALING_FILE, dir);
	auto_json *j = json_parse_file(s->path, &why);
	if (j) {
		rc = read_file(s, j, err);
	} else if (why.code == -ENOENT && fresh) {
		crypto_random(s->naming, sizeof(s->naming));
		crypto_pair_make(&s->now);
		rc = write_file(s, err);
	} else if (why.code == -ENOENT) {
		rc = err_set(err, -ENOENT,
			     "the file '%s' is missing, and with it the key of the configs and "
			     "secrets in the store; restore it from a backup, or, if it is lost, "
			     "start once with --new-sealing-key and apply the stacks again",
			     s->path);
	} else {
		rc = err_set(err, why.code ? why.code : -EUCLEAN, "%s", err_text(&why));
	}
	if (rc < 0)
		return rc;
	*ret = take_ptr(s);
	return 0;
}

bool sealing_rewrap(const struct sealing *s, const unsigned char key[SEALED_KEY],
		    const unsigned char to[CRYPTO_KEY], unsigned char out[SEALED_KEY])
{
	unsigned char wrapped[SEALED_KEY];
	bool ok = sealed_rewrap(key, &s->now, to, wrapped) ||
		  (s->rotating && sealed_rewrap(key, &s->before, to, wrapped));
	if (ok)
		memcpy(out, wrapped, SEALED_KEY);
	return ok;
}

int sealing_rotate(struct sealing *s, struct err *err)
{
	struct crypto_pair kept = s->before;
	if (s->rotating)
		return err_set(err, -EBUSY, "the last rotation of the key is not through yet");
	s->before = s->now;
	crypto_pair_make(&s->now);
	s->rotating = true;
	int rc = write_file(s, err);
	if (rc == 0)
		return 0;
	s->now = s->before;
	s->before = kept;
	s->rotating = false;
	return rc;
}

int sealing_rotated(struct sealing *s, struct err *err)
{
	if (!s->rotating)
		return 0;
	s->rotating = false;
	int rc = write_file(s, err);
	if (rc < 0)
		s->rotating = true;
	else
		crypto_wipe(&s->before, sizeof(s->before));
	return rc;
}
