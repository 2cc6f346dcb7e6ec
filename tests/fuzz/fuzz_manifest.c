/* SPDX-License-Identifier: Apache-2.0
 * Manifests, indexes, image configurations, references and challenges from any bytes. The first byte
 * chooses which. */
#include "agent/image/auth.h"
#include "agent/image/manifest.h"
#include "agent/image/ref.h"
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_manifest(const char *text, size_t n)
{
	struct manifest m;
	struct blob_desc d;
	if (manifest_parse(text, n, NULL, &m, NULL) < 0)
		return;
	if (m.is_index)
		manifest_choose(&m, "linux/arm/v7", &d, NULL);
	manifest_done(&m);
}

static void try_config(const char *text, size_t n)
{
	struct image *i = xcalloc(1, sizeof(*i));
	auto_strlist ids = {0};
	image_config_parse(text, n, i, &ids, NULL);
	image_free(i);
}

static void try_names(const char *text)
{
	struct challenge c;
	struct url u;
	auto_ref r = {0};
	if (ref_parse(text, &r, NULL) == 0) {
		auto_free char *name = ref_name(&r);
		auto_ref again = {0};
		if (ref_parse(name, &again, NULL) < 0)
			__builtin_trap();
	}
	if (challenge_parse(text, &c))
		challenge_done(&c);
	if (url_parse(text, &u)) {
		target_allowed(&u, &u);
		realm_trusted(&u, &u);
		url_done(&u);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	auto_free char *text = xstrndup((const char *)data + 1, size - 1);
	if (data[0] % 3 == 0)
		try_manifest((const char *)data + 1, size - 1);
	else if (data[0] % 3 == 1)
		try_config((const char *)data + 1, size - 1);
	else
		try_names(text);
	return 0;
}
