/* SPDX-License-Identifier: Apache-2.0
 * The head of a frame on a conn: one byte of type, four bytes of length, big endian. Pure. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEAD 5

struct frame {
	uint8_t type;
	uint32_t len; /* of the payload that follows */
};

void frame_put(uint8_t head[FRAME_HEAD], uint8_t type, uint32_t len);
/* Reads the frame at data: 0 when the whole of it is there, -EAGAIN when more bytes are needed
 * (f->len is set once the head is there, 0 before), -EMSGSIZE when it claims more than max. */
int frame_get(const void *data, size_t n, uint32_t max, struct frame *f);
