/* SPDX-License-Identifier: Apache-2.0
 * Frames in libevent's buffers. For conn.c alone.
 */
#pragma once
#include "base/frame.h"

struct evbuffer;

/* Takes the first frame out of a buffer: 0 with its payload (f->len bytes and a NUL; caller frees),
 * -EAGAIN or -EMSGSIZE, both with f, as frame_get. */
int framebuf_take(struct evbuffer *in, uint32_t max, struct frame *f, char **ret_data);
void framebuf_add(struct evbuffer *out, uint8_t type, const void *data, size_t len);
void framebuf_add_raw(struct evbuffer *out, const void *data, size_t len); /* as it is */
