/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests, indexes and image configurations: text to structures, with every check that can be made
 * without a network. Pure; fuzzed.
 */
#pragma once
#include "agent/image/image.h"
#include "base/digest.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_ACCEPT                                                                            \
	"Accept: application/vnd.oci.image.index.v1+json, "                                        \
	"application/vnd.oci.image.manifest.v1+json, "                                             \
	"application/vnd.docker.distribution.manifest.list.v2+json, "                              \
	"application/vnd.docker.distribution.manifest.v2+json"

struct blob_desc {
	char digest[DIGEST_TEXT];
	int64_t size;
};

struct index_entry {
	struct blob_desc desc;
	char *os, *arch, *variant; /* NULL: not said */
};

struct manifest {
	bool is_index;
	struct index_entry *entries; /* of an index */
	size_t n_entries;
	struct blob_desc config;  /* of a manifest */
	struct blob_desc *layers; /* lowest first */
	size_t n_layers;
};

/* content_type: what the registry said, NULL for a document from the own store. */
int manifest_parse(const char *text, size_t len, const char *content_type, struct manifest *ret,
		   struct err *err);
void manifest_done(struct manifest *m);
/* The entry of an index for "os/arch[/variant]". */
int manifest_choose(const struct manifest *m, const char *platform, struct blob_desc *ret,
		    struct err *err);
const char *platform_host(void); /* of this machine */

/* Fills the members of i that the configuration says; diff_ids lowest first. */
int image_config_parse(const char *text, size_t len, struct image *i, struct strlist *diff_ids,
		       struct err *err);

static inline void cleanup_manifest_done(struct manifest *m)
{
	manifest_done(m);
}
#define auto_manifest __attribute__((cleanup(cleanup_manifest_done))) struct manifest
