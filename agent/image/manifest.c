/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests and indexes of OCI and Docker. A document that could be read as both kinds, or that is
 * not what the registry announced, is refused: two readers must never see two images in it.
 */
#include "agent/image/manifest.h"
#include "base/json.h"
#include "manifests/limits.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

enum doc_kind { DOC_UNKNOWN, DOC_INDEX, DOC_MANIFEST, DOC_OLD };

static enum doc_kind kind_of(const char *media_type, size_t n)
{
	static const struct {
		const char *type;
		enum doc_kind kind;
	} known[] = {
		{"application/vnd.oci.image.index.v1+json", DOC_INDEX},
		{"application/vnd.oci.image.manifest.v1+json", DOC_MANIFEST},
		{"application/vnd.docker.distribution.manifest.list.v2+json", DOC_INDEX},
		{"application/vnd.docker.distribution.manifest.v2+json", DOC_MANIFEST},
		{"application/vnd.docker.distribution.manifest.v1+json", DOC_OLD},
		{"application/vnd.docker.distribution.manifest.v1+prettyjws", DOC_OLD},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strlen(known[i].type) == n && strncasecmp(known[i].type, media_type, n) == 0)
			return known[i].kind;
	return DOC_UNKNOWN;
}

static int doc_kind(const json_t *doc, const char *content_type, enum doc_kind *ret,
		    struct err *err)
{
	const char *own = json_str(doc, "mediaType");
	bool index = json_object_get(doc, "manifests") != NULL;
	bool image = json_object_get(doc, "layers") || json_object_get(doc, "config");
	enum doc_kind kind = index ? DOC_INDEX : DOC_MANIFEST;

	if (index && image)
		return err_set(err, -EBADMSG,
			       "the manifest is both an index and an image, which is refused");
	if (json_object_get(doc, "mediaType") && !own)
		return err_set(err, -EBADMSG, "the manifest's 'mediaType' is not a string");
	if (content_type) {
		size_t n = strcspn(content_type, "; \t");
		if (own && (strlen(own) != n || strncasecmp(own, content_type, n) != 0))
			return err_set(
				err, -EBADMSG,
				"the manifest calls itself '%.100s', but the registry sent it "
				"as '%.*s'",
				own, (int)(n < 100 ? n : 100), content_type);
		if (!own)
			own = content_type;
	}
	enum doc_kind said = own ? kind_of(own, strcspn(own, "; \t")) : kind;
	if (said == DOC_OLD)
		return err_set(err, -ENOTSUP,
			       "the image is in the old schema 1, which is not supported; push it "
			       "again with a current tool");
	if (said == DOC_UNKNOWN)
		return err_set(err, -EBADMSG, "'%.100s' is not a kind of manifest that is known",
			       own);
	if (said != kind)
		return err_set(err, -EBADMSG,
			       "the manifest is not what its media type '%.100s' says",
			       own ? own : "");
	*ret = kind;
	return 0;
}

static int desc_parse(const json_t *j, int64_t size_max, struct blob_desc *ret, struct err *err)
{
	const char *digest;
	int64_t size;
	int r;

	if ((r = json_need_str(j, "digest", &digest, err)) < 0)
		return r;
	if (!digest_valid(digest))
		return err_set(err, -EBADMSG,
			       "the manifest names the digest '%.100s'; only sha256 is "
			       "supported",
			       digest);
	if ((r = json_need_int(j, "size", 0, size_max, &size, err)) < 0)
		return r;
	memcpy(ret->digest, digest, DIGEST_TEXT);
	ret->size = size;
	return 0;
}

static int parse_index(const json_t *doc, struct manifest *m, struct err *err)
{
	const json_t *list = json_object_get(doc, "manifests");
	if (!json_is_array(list) || json_array_size(list) > LIMIT_SERVICE_LIST)
		return err_set(err, -EBADMSG, "the index has no usable list 'manifests'");
	m->entries = xcalloc(json_array_size(list) + 1, sizeof(*m->entries));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *j = json_array_get(list, i);
		const json_t *platform = json_object_get(j, "platform");
		struct index_entry *e = &m->entries[m->n_entries];
		int r = desc_parse(j, LIMIT_MANIFEST_BYTES, &e->desc, err);
		if (r < 0)
			return r;
		e->os = xstrdup(json_str(platform, "os"));
		e->arch = xstrdup(json_str(platform, "architecture"));
		e->variant = xstrdup(json_str(platform, "variant"));
		m->n_entries++;
	}
	return 0;
}

static int parse_image(const json_t *doc, struct manifest *m, struct err *err)
{
	const json_t *list = json_object_get(doc, "layers");
	int r = desc_parse(json_object_get(doc, "config"), LIMIT_MANIFEST_BYTES, &m->config, err);
	if (r < 0)
		return err_wrap(err, r, "the manifest's 'config'");
	if (!json_is_array(list) || json_array_size(list) > LIMIT_IMAGE_LAYERS)
		return err_set(err, -EBADMSG, "the manifest has no list 'layers' of at most %d",
			       LIMIT_IMAGE_LAYERS);
	m->layers = xcalloc(json_array_size(list) + 1, sizeof(*m->layers));
	for (size_t i = 0; i < json_array_size(list); i++) {
		r = desc_parse(json_array_get(list, i), LIMIT_LAYER_BYTES, &m->layers[i], err);
		if (r < 0)
			return err_wrap(err, r, "layer %zu of the manifest", i + 1);
		m->n_layers++;
	}
	return 0;
}

int manifest_parse(const char *text, size_t len, const char *content_type, struct manifest *ret,
		   struct err *err)
{
	auto_manifest m = {0};
	enum doc_kind kind = DOC_UNKNOWN;
	int r;

	if (len > LIMIT_MANIFEST_BYTES)
		return err_set(err, -EFBIG, "the manifest is larger than %d bytes",
			       LIMIT_MANIFEST_BYTES);
	auto_json *doc = json_parse(text, len, err);
	if (!doc)
		return err_wrap(err, -EBADMSG, "the manifest is not valid JSON");
	if (!json_is_object(doc))
		return err_set(err, -EBADMSG, "the manifest is not a JSON object");
	if (json_int(doc, "schemaVersion", 0) == 1)
		return err_set(err, -ENOTSUP,
			       "the image is in the old schema 1, which is not supported; push it "
			       "again with a current tool");
	if (json_int(doc, "schemaVersion", 0) != 2)
		return err_set(err, -EBADMSG, "the manifest's 'schemaVersion' is not 2");
	if ((r = doc_kind(doc, content_type, &kind, err)) < 0)
		return r;
	m.is_index = kind == DOC_INDEX;
	r = m.is_index ? parse_index(doc, &m, err) : parse_image(doc, &m, err);
	if (r < 0)
		return r;
	*ret = m;
	m = (struct manifest){0};
	return 0;
}

void manifest_done(struct manifest *m)
{
	for (size_t i = 0; i < m->n_entries; i++) {
		free(m->entries[i].os);
		free(m->entries[i].arch);
		free(m->entries[i].variant);
	}
	free(m->entries);
	free(m->layers);
	*m = (struct manifest){0};
}

const char *platform_host(void)
{
#if defined(__x86_64__)
	return "linux/amd64";
#elif defined(__aarch64__)
	return "linux/arm64";
#elif defined(__riscv)
	return "linux/riscv64";
#elif defined(__powerpc64__)
	return "linux/ppc64le";
#elif defined(__s390x__)
	return "linux/s390x";
#elif defined(__arm__)
	return "linux/arm";
#else
	return "linux/386";
#endif
}

/* How well an entry fits: 0 not at all, 2 exactly, 1 when only the variant is open. */
static int fit(const struct index_entry *e, const char *os, const char *arch, const char *variant)
{
	if (!e->os || !e->arch || !streq(e->os, os) || !streq(e->arch, arch))
		return 0;
	if (streq(e->variant, variant))
		return 2;
	if (!e->variant || (!variant && (streq(e->variant, "v8") || streq(e->variant, "v1"))))
		return 1;
	return !variant;
}

int manifest_choose(const struct manifest *m, const char *platform, struct blob_desc *ret,
		    struct err *err)
{
	auto_free char *copy = xstrdup(platform);
	char *save = NULL, *os = strtok_r(copy, "/", &save), *arch = strtok_r(NULL, "/", &save),
	     *variant = strtok_r(NULL, "/", &save);
	const struct index_entry *best = NULL;
	int best_fit = 0;
	auto_str there = {0};

	if (!os || !arch)
		return err_set(err, -EINVAL, "'%s' is not a platform; write OS/ARCHITECTURE",
			       platform);
	for (size_t i = 0; i < m->n_entries; i++) {
		const struct index_entry *e = &m->entries[i];
		int f = fit(e, os, arch, variant);
		if (f > best_fit) {
			best = e;
			best_fit = f;
		}
		if (e->os && e->arch && there.len < 200 && !streq(e->os, "unknown"))
			str_addf(&there, "%s%.30s/%.30s", there.len ? ", " : "", e->os, e->arch);
	}
	if (!best)
		return err_set(err, -ENOENT,
			       "there is no image for the platform '%s'; there is: %s", platform,
			       there.len ? there.data : "none");
	*ret = best->desc;
	return 0;
}
