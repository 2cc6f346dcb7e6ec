/* SPDX-License-Identifier: Apache-2.0
 * The index of names on this node, a small JSON file. Knows no blobs. */
#include "agent/image/refs.h"
#include "agent/image/manifest.h"
#include "agent/image/ref.h"
#include "base/digest.h"
#include "base/fd.h"
#include <errno.h>
#include <string.h>

int refs_open(const char *dir, struct refs *ret, struct err *err)
{
	struct err why = {0};
	auto_free char *path = xasprintf("%s/refs.json", dir);
	auto_json *doc = json_parse_file(path, &why);
	if (!doc && why.code != -ENOENT)
		return err_set(err, why.code, "%s", why.text);
	json_t *images = json_object_get(doc, "images");
	ret->images = json_is_object(images) ? json_incref(images) : json_object();
	ret->path = take_ptr(path);
	ret->changes = 1;
	return 0;
}

void refs_done(struct refs *r)
{
	free(r->path);
	json_decref(r->images);
	*r = (struct refs){0};
}

int refs_key(const char *ref, const char *platform, char **ret, struct err *err)
{
	auto_ref parsed = {0};
	int r = ref_parse(ref, &parsed, err);
	if (r < 0)
		return r;
	auto_free char *name = ref_name(&parsed);
	if (platform && !streq(platform, platform_host()))
		*ret = xasprintf("%s %s", name, platform);
	else
		*ret = take_ptr(name);
	return 0;
}

const char *refs_digest(const struct refs *r, const char *key)
{
	const char *digest = json_str(json_object_get(r->images, key), "digest");
	return digest && digest_valid(digest) ? digest : NULL;
}

int refs_set(struct refs *r, const char *key, const char *digest, int64_t size, struct err *err)
{
	if (streq(refs_digest(r, key), digest))
		return 0;
	json_t *image = json_object();
	json_put_str(image, "digest", digest);
	json_put_int(image, "size", size);
	json_object_set_new(r->images, key, image);
	r->changes++;
	auto_json *doc = json_object();
	json_object_set(doc, "images", r->images);
	auto_free char *text = json_text_pretty(doc);
	return file_write_atomic(r->path, text, strlen(text), 0600, err);
}

json_t *refs_list(const struct refs *r)
{
	json_t *list = json_array();
	const char *key;
	json_t *image;
	json_object_foreach(r->images, key, image)
	{
		json_t *j = json_object();
		json_put_str(j, "ref", key);
		json_put_str(j, "digest", json_str(image, "digest"));
		json_put_int(j, "size", json_int(image, "size", 0));
		json_array_append_new(list, j);
	}
	return list;
}
