/* SPDX-License-Identifier: Apache-2.0
 * `extends` and `include`: other services and files that a file builds on. Private to manifests/. */
#pragma once
#include "manifests/sources.h"

/* The files merged in their order, with what they extend and include; dir is the base of their
 * paths. NULL with errors. */
struct node *extends_model(struct project *p, const struct stackfile_source *files, size_t n,
			   const char *dir, const struct kvlist *env);
