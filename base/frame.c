/* SPDX-License-Identifier: Apache-2.0
 * Frame heads; see frame.h. */
#include "base/frame.h"

#include <errno.h>

void frame_put(uint8_t head[FRAME_HEAD], uint8_t type, uint32_t len)
{
	head[0] = type;
	head[1] = (uint8_t)(len >> 24);
	head[2] = (uint8_t)(len >> 16);
	head[3] = (uint8_t)(len >> 8);
	head[4] = (uint8_t)len;
}

int frame_get(const void *data, size_t n, uint32_t max, struct frame *f)
{
	const uint8_t *b = data;
	*f = (struct frame){0};
	if (n < FRAME_HEAD)
		return -EAGAIN;
	uint32_t len = (uint32_t)b[1] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 8 | b[4];
	if (len > max)
		return -EMSGSIZE;
	*f = (struct frame){.type = b[0], .len = len};
	return n - FRAME_HEAD >= len ? 0 : -EAGAIN;
}
