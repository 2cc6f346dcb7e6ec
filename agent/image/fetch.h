/* SPDX-License-Identifier: Apache-2.0
 *
 * The layers of one image, downloaded and unpacked side by side: for each, one thread fills the blob
 * and one follows it through digest, inflate, digest and unpack.
 */
#pragma once
#include "agent/image/layers.h"
#include "agent/image/registry.h"

struct fetch_progress {
	int layers_done, layers_total;
	int64_t bytes_done, bytes_total;
};

struct fetch {
	const char *dir;
	struct registry *registry;
	const struct manifest *manifest;
	const struct strlist *diff_ids; /* as many as the manifest has layers */
	void (*progress)(const struct fetch_progress *p);
};
/* 0 when every layer is published. On failure nothing half made is left. */
int fetch_layers(const struct fetch *f, struct err *err);
/* One small blob by itself, into memory. */
int fetch_document(const char *dir, struct registry *r, struct registry_conn *c,
		   const struct blob_desc *desc, char **ret, size_t *ret_len, struct err *err);
