/* SPDX-License-Identifier: Apache-2.0
 * An image put together from what is on this node: manifest, configuration and layers. */
#include "agent/image/image.h"
#include "agent/image/blob.h"
#include "agent/image/layers.h"
#include "agent/image/local.h"
#include "agent/image/manifest.h"
#include <errno.h>

void image_free(struct image *i)
{
	if (!i)
		return;
	free(i->ref);
	free(i->digest);
	strlist_done(&i->layers);
	strlist_done(&i->entrypoint);
	strlist_done(&i->cmd);
	strlist_done(&i->env);
	strlist_done(&i->volumes);
	strlist_done(&i->exposed);
	kvlist_done(&i->labels);
	free(i->user);
	free(i->working_dir);
	free(i->stop_signal);
	strlist_done(&i->health_test);
	free(i);
}

static int add_layers(const char *dir, const struct strlist *diff_ids, struct image *i,
		      struct err *err)
{
	char chain[DIGEST_TEXT];
	for (size_t n = 0; n < diff_ids->n; n++) {
		chain_id(n ? chain : NULL, diff_ids->v[n], chain);
		char *path = layer_path(dir, chain, err);
		if (!path)
			return -ENOENT;
		strlist_take(&i->layers, path);
	}
	return 0;
}

static int load(const char *dir, const char *digest, struct image *i, int64_t *size,
		struct err *err)
{
	auto_free char *text = NULL, *config = NULL;
	auto_manifest m = {0};
	auto_strlist diff_ids = {0};
	size_t len;
	int r;

	if ((r = blob_load(dir, digest, &text, &len, err)) < 0 ||
	    (r = manifest_parse(text, len, NULL, &m, err)) < 0)
		return r;
	if (m.is_index)
		return err_set(err, -EBADMSG, "the manifest '%.19s' is an index", digest);
	if ((r = blob_load(dir, m.config.digest, &config, &len, err)) < 0 ||
	    (r = image_config_parse(config, len, i, &diff_ids, err)) < 0)
		return r;
	*size = m.config.size;
	for (size_t n = 0; n < m.n_layers; n++)
		*size += m.layers[n].size;
	return add_layers(dir, &diff_ids, i, err);
}

struct image *local_image(const char *dir, const char *ref, const char *digest, int64_t *ret_size,
			  struct err *err)
{
	struct image *i = xcalloc(1, sizeof(*i));
	int64_t size = 0;
	if (load(dir, digest, i, &size, err) < 0) {
		image_free(i);
		return NULL;
	}
	i->ref = xstrdup(ref);
	i->digest = xstrdup(digest);
	if (ret_size)
		*ret_size = size;
	return i;
}
