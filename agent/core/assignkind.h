/* SPDX-License-Identifier: Apache-2.0
 * What an assignment set does with objects of a kind, whatever that is. */
#pragma once
#include "manifests/wire.h"

struct assign_kind {
	size_t size;
	void (*free_obj)(void *obj);                               /* the memory too */
	int (*parse)(const json_t *j, void *out, struct err *err); /* out is untouched on failure */
	json_t *(*json)(const void *obj);
};
extern const struct assign_kind assign_kinds[KIND_MAX];
