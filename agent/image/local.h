/* SPDX-License-Identifier: Apache-2.0
 * An image put together from what is on this node, without any network. */
#pragma once
#include "agent/image/image.h"

/* digest: of a platform's manifest. NULL with err when a part is missing. size: compressed. */
struct image *local_image(const char *dir, const char *ref, const char *digest, int64_t *ret_size,
			  struct err *err);
