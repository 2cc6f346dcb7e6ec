/* SPDX-License-Identifier: Apache-2.0
 * What a peer may send: frames, and the heads of HTTP requests and answers. */
#include "base/conn.h"
#include "base/frame.h"
#include "base/httphead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_frames(const uint8_t *data, size_t size)
{
	struct frame f;
	while (frame_get(data, size, CONN_FRAME_MAX, &f) == 0) {
		uint8_t head[FRAME_HEAD];
		frame_put(head, f.type, f.len);
		if (memcmp(head, data, FRAME_HEAD) != 0 || f.len > size - FRAME_HEAD)
			abort();
		data += FRAME_HEAD + f.len;
		size -= FRAME_HEAD + f.len;
	}
}

static void check_head(struct httphead *h, bool request)
{
	if (request && (!h->method || !h->path || h->path[0] != '/'))
		abort();
	if (!request && (h->status < 100 || h->status > 599))
		abort();
	if (h->query.n > HTTPHEAD_FIELDS_MAX || h->fields.n > HTTPHEAD_FIELDS_MAX)
		abort();
	httphead_has(h, "connection", "upgrade");
	httphead_done(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct httphead h;
	struct err err;
	read_frames(data, size);
	size_t head = httphead_length(data, size);
	if (head && httphead_request((const char *)data, head, &h, &err) == 0)
		check_head(&h, true);
	if (head && httphead_response((const char *)data, head, &h, &err) == 0)
		check_head(&h, false);
	/* Also bytes that hold no whole head: the parsers must not lean on that. */
	if (httphead_request((const char *)data, size, &h, &err) == 0)
		check_head(&h, true);
	return 0;
}
