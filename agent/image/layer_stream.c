/* SPDX-License-Identifier: Apache-2.0
 * The pipe from blob to unpack of one layer; knows neither network nor names of layers. */
#include "agent/image/layer_stream.h"
#include "agent/image/inflate.h"
#include "base/mem.h"
#include "manifests/limits.h"
#include <errno.h>
#include <string.h>

#define OUT_BYTES (512 << 10) /* large steps for the hash, small enough for the cache */

struct stream {
	const struct layer_stream *s;
	int64_t at; /* in the blob */
	struct inflate *inflate;
	struct sha256 *hash;
	struct err blob_err; /* why the blob failed, which goes before "cannot read" */
	unsigned char *buf;
};

static ssize_t from_blob(void *arg, void *buf, size_t n)
{
	struct stream *t = arg;
	ssize_t got = blob_read(t->s->blob, t->at, buf, n, &t->blob_err);
	if (got > 0) {
		t->at += got;
		if (t->s->progress)
			atomic_fetch_add(t->s->progress, got);
	}
	return got;
}

static ssize_t to_archive(void *arg, const void **buf, struct err *err)
{
	struct stream *t = arg;
	ssize_t n = inflate_read(t->inflate, t->buf, OUT_BYTES, err);
	if (n < 0 && t->blob_err.code < 0)
		return err_set(err, t->blob_err.code, "%s", t->blob_err.text);
	if (n > 0)
		sha256_add(t->hash, t->buf, (size_t)n);
	*buf = t->buf;
	return n;
}

/* Tar ends before the stream does; the rest counts for the digests. */
static int drain(struct stream *t, struct err *err)
{
	const void *buf;
	ssize_t n;
	while ((n = to_archive(t, &buf, err)) > 0)
		;
	return (int)n;
}

int layer_stream_unpack(const struct layer_stream *s, const struct overlayfs_lowers *lowers,
			struct unpack_result *res, struct err *err)
{
	struct stream t = {.s = s, .hash = sha256_new(), .buf = xmalloc(OUT_BYTES)};
	char found[DIGEST_TEXT];
	t.inflate = inflate_new(from_blob, &t, LIMIT_LAYER_BYTES);
	int r = unpack_tar(s->root, to_archive, &t, lowers, res, err);
	if (r == 0)
		r = drain(&t, err);
	if (r == 0) {
		sha256_end(t.hash, found);
		if (strcmp(found, s->diff_id) != 0)
			r = err_set(err, -EBADMSG,
				    "a layer's content is not the '%.19s' that the image's "
				    "configuration names",
				    s->diff_id);
	}
	inflate_free(t.inflate);
	sha256_free(t.hash);
	free(t.buf);
	return r;
}
