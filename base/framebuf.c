/* SPDX-License-Identifier: Apache-2.0
 * Frames in libevent's buffers; see framebuf.h. */
#include "base/framebuf.h"
#include "base/mem.h"

#include <errno.h>
#include <event2/buffer.h>

int framebuf_take(struct evbuffer *in, uint32_t max, struct frame *f, char **ret_data)
{
	uint8_t head[FRAME_HEAD];
	ev_ssize_t got = evbuffer_copyout(in, head, sizeof(head));
	int r = frame_get(head, got > 0 ? (size_t)got : 0, max, f);
	if (r == -EMSGSIZE)
		return r;
	if (got < FRAME_HEAD || evbuffer_get_length(in) < FRAME_HEAD + (size_t)f->len)
		return -EAGAIN;
	char *data = xmalloc((size_t)f->len + 1);
	evbuffer_drain(in, FRAME_HEAD);
	evbuffer_remove(in, data, f->len);
	data[f->len] = 0;
	*ret_data = data;
	return 0;
}

void framebuf_add_raw(struct evbuffer *out, const void *data, size_t len)
{
	if (len && evbuffer_add(out, data, len) < 0)
		abort(); /* only memory can be short */
}

void framebuf_add(struct evbuffer *out, uint8_t type, const void *data, size_t len)
{
	uint8_t head[FRAME_HEAD];
	frame_put(head, type, (uint32_t)len);
	framebuf_add_raw(out, head, sizeof(head));
	framebuf_add_raw(out, data, len);
}
