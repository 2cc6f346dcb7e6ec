/* SPDX-License-Identifier: Apache-2.0
 * Decompression of layers: the one file that knows ISA-L and zstd. */
#include "agent/image/inflate.h"
#include "base/mem.h"
#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <string.h>
#include <zstd.h>

#define IN_BYTES        (256 << 10)
#define ZSTD_WINDOW_LOG 27 /* 128 MiB, what zstd's own tool takes without being asked */
/* A layer may grow to this size at any ratio; beyond it, only RATIO_MAX times what came in. */
#define RATIO_FREE_BYTES (1LL << 30)
#define RATIO_MAX        200
#define TAR_MAGIC_AT     257 /* of "ustar" in a first header: a name may look like a magic */

enum inflate_kind { KIND_UNKNOWN, KIND_PLAIN, KIND_GZIP, KIND_ZSTD };

struct inflate {
	inflate_source source;
	void *arg;
	enum inflate_kind kind;
	int64_t max_out, total_in, total_out;
	size_t in_at, in_len;
	bool in_end;
	bool between; /* at a border of members or frames, where an end is a good end */
	struct inflate_state gzip;
	ZSTD_DStream *zstd;
	uint8_t in[IN_BYTES];
};

struct inflate *inflate_new(inflate_source source, void *arg, int64_t max_out)
{
	struct inflate *s = xcalloc(1, sizeof(*s));
	s->source = source;
	s->arg = arg;
	s->max_out = max_out;
	s->between = true;
	return s;
}

void inflate_free(struct inflate *s)
{
	if (!s)
		return;
	ZSTD_freeDStream(s->zstd);
	free(s);
}

/* Moves what is left to the front and reads until want bytes are there or the input ended. */
static int fill(struct inflate *s, size_t want)
{
	if (s->in_at) {
		memmove(s->in, s->in + s->in_at, s->in_len - s->in_at);
		s->in_len -= s->in_at;
		s->in_at = 0;
	}
	while (!s->in_end && s->in_len < want) {
		ssize_t n = s->source(s->arg, s->in + s->in_len, IN_BYTES - s->in_len);
		if (n < 0)
			return (int)n;
		s->in_end = n == 0;
		s->in_len += (size_t)n;
		s->total_in += n;
	}
	return 0;
}

static bool has_magic(const struct inflate *s, const char *magic, size_t n)
{
	return s->in_len - s->in_at >= n && memcmp(s->in + s->in_at, magic, n) == 0;
}

static bool zstd_magic(const struct inflate *s)
{
	const uint8_t *p = s->in + s->in_at;
	return has_magic(s, "\x28\xb5\x2f\xfd", 4) ||
	       (s->in_len - s->in_at >= 4 && (p[0] & 0xf0) == 0x50 &&
		memcmp(p + 1, "\x2a\x4d\x18", 3) == 0);
}

static int detect(struct inflate *s, struct err *err)
{
	static const struct {
		const char *name, *magic;
		size_t n;
	} refused[] = {
		{"xz", "\xfd\x37\x7a\x58\x5a\x00", 6},
		{"bzip2", "BZh", 3},
		{"lz4", "\x04\x22\x4d\x18", 4},
		{"compress", "\x1f\x9d", 2},
		{"lzip", "LZIP", 4},
		{"lzop", "\x89LZO", 4},
	};
	int r = fill(s, TAR_MAGIC_AT + 5);
	if (r < 0)
		return err_sys(err, r, "cannot read the layer");
	bool tar = s->in_len >= TAR_MAGIC_AT + 5 && memcmp(s->in + TAR_MAGIC_AT, "ustar", 5) == 0;
	for (size_t i = 0; i < ARRAY_LEN(refused) && !tar; i++)
		if (has_magic(s, refused[i].magic, refused[i].n))
			return err_set(
				err, -ENOTSUP,
				"the layer is compressed with %s; only gzip, zstd and plain tar "
				"are supported",
				refused[i].name);
	if (tar) {
		s->kind = KIND_PLAIN;
	} else if (has_magic(s, "\x1f\x8b", 2)) {
		isal_inflate_init(&s->gzip);
		s->gzip.crc_flag = ISAL_GZIP;
		s->kind = KIND_GZIP;
	} else if (zstd_magic(s)) {
		s->zstd = ZSTD_createDStream();
		if (!s->zstd)
			abort();
		ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
		s->kind = KIND_ZSTD;
	} else {
		s->kind = KIND_PLAIN;
	}
	return 0;
}

static ssize_t broken(struct inflate *s, struct err *err)
{
	if (s->in_end && s->in_at == s->in_len)
		return err_set(err, -EBADMSG, "the compressed layer ends too early");
	return err_set(err, -EBADMSG, "the compressed layer is damaged");
}

/* At a border between members: what follows is another member, the end, or zeros (padding). */
static int next_member(struct inflate *s, bool *end, struct err *err)
{
	int r = fill(s, 4);
	if (r < 0)
		return err_sys(err, r, "cannot read the layer");
	*end = s->in_len == 0;
	if (*end)
		return 0;
	if (s->kind == KIND_GZIP && has_magic(s, "\x1f\x8b", 2)) {
		isal_inflate_reset(&s->gzip);
		s->gzip.crc_flag = ISAL_GZIP;
		return 0;
	}
	if (s->kind == KIND_ZSTD && zstd_magic(s))
		return 0;
	while (s->in_len > 0 && !s->in_end) {
		if (s->in[0] != 0 || memcmp(s->in, s->in + 1, s->in_len - 1) != 0)
			break;
		s->in_at = s->in_len;
		if ((r = fill(s, 1)) < 0)
			return err_sys(err, r, "cannot read the layer");
	}
	*end = s->in_len == 0 || (s->in[0] == 0 && memcmp(s->in, s->in + 1, s->in_len - 1) == 0);
	return *end ? 0 : err_set(err, -EBADMSG, "there is something behind the compressed layer");
}

static ssize_t read_gzip(struct inflate *s, void *buf, size_t n, struct err *err)
{
	s->gzip.next_out = buf;
	s->gzip.avail_out = (uint32_t)n;
	s->gzip.next_in = s->in + s->in_at;
	s->gzip.avail_in = (uint32_t)(s->in_len - s->in_at);
	int r = isal_inflate(&s->gzip);
	s->in_at = s->in_len - s->gzip.avail_in;
	if (r != ISAL_DECOMP_OK && r != ISAL_END_INPUT && r != ISAL_OUT_OVERFLOW)
		return broken(s, err);
	s->between = s->gzip.block_state == ISAL_BLOCK_FINISH;
	return (ssize_t)(n - s->gzip.avail_out);
}

static ssize_t read_zstd(struct inflate *s, void *buf, size_t n, struct err *err)
{
	ZSTD_outBuffer out = {.dst = buf, .size = n};
	ZSTD_inBuffer in = {.src = s->in, .size = s->in_len, .pos = s->in_at};
	size_t r = ZSTD_decompressStream(s->zstd, &out, &in);
	s->in_at = in.pos;
	if (ZSTD_isError(r))
		return err_set(err, -EBADMSG, "the compressed layer is damaged: %s",
			       ZSTD_getErrorName(r));
	s->between = r == 0;
	return (ssize_t)out.pos;
}

static ssize_t read_plain(struct inflate *s, void *buf, size_t n)
{
	size_t have = s->in_len - s->in_at;
	if (n > have)
		n = have;
	memcpy(buf, s->in + s->in_at, n);
	s->in_at += n;
	return (ssize_t)n;
}

static int count_out(struct inflate *s, ssize_t n, struct err *err)
{
	s->total_out += n;
	if (s->total_out > s->max_out)
		return err_set(err, -EFBIG, "the layer unpacks to more than %lld MiB",
			       (long long)(s->max_out >> 20));
	if (s->total_out > RATIO_FREE_BYTES && s->total_out / RATIO_MAX > s->total_in)
		return err_set(err, -EFBIG,
			       "the layer unpacks to more than %d times its size, which is refused",
			       RATIO_MAX);
	return 0;
}

/* One step of the decoder; 0 may also mean "no output yet". */
static ssize_t step(struct inflate *s, void *buf, size_t n, bool *end, struct err *err)
{
	int r;
	if (s->kind != KIND_PLAIN && s->between) {
		if ((r = next_member(s, end, err)) < 0 || *end)
			return r;
		s->between = false;
	}
	bool had_none = false;
	if (s->in_at == s->in_len) {
		if ((r = fill(s, 1)) < 0)
			return err_sys(err, r, "cannot read the layer");
		had_none = s->in_len == 0;
	}
	if (s->kind == KIND_PLAIN) {
		*end = had_none;
		return read_plain(s, buf, n);
	}
	ssize_t got = s->kind == KIND_GZIP ? read_gzip(s, buf, n, err) : read_zstd(s, buf, n, err);
	if (got == 0 && had_none && !s->between)
		return broken(s, err);
	return got;
}

ssize_t inflate_read(struct inflate *s, void *buf, size_t n, struct err *err)
{
	int r;
	if (s->kind == KIND_UNKNOWN && (r = detect(s, err)) < 0)
		return r;
	for (;;) {
		bool end = false;
		ssize_t got = step(s, buf, n, &end, err);
		if (got < 0 || end)
			return got;
		if (got > 0)
			return (r = count_out(s, got, err)) < 0 ? r : got;
	}
}
