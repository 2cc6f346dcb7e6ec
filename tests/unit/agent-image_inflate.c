/* SPDX-License-Identifier: Apache-2.0
 * Decompression: members and frames in a row, what is cut or damaged, and bombs. */
#include "agent/image/inflate.h"
#include "base/mem.h"
#include "base/str.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define TEXT_BYTES 300000

struct source {
	const struct str *data;
	size_t at, step;
	size_t repeat; /* the data this many times */
};

static ssize_t from_source(void *arg, void *buf, size_t n)
{
	struct source *s = arg;
	if (s->at == s->data->len && s->repeat > 1) {
		s->repeat--;
		s->at = 0;
	}
	size_t left = s->data->len - s->at;
	n = n < left ? n : left;
	n = n < s->step ? n : s->step;
	memcpy(buf, s->data->data + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

static int inflate_steps(const struct str *in, size_t step, int64_t max, struct str *out)
{
	struct source s = {.data = in, .step = step};
	struct inflate *i = inflate_new(from_source, &s, max);
	char buf[4096];
	ssize_t n;
	while ((n = inflate_read(i, buf, sizeof(buf), NULL)) > 0)
		str_addn(out, buf, (size_t)n);
	inflate_free(i);
	return (int)n;
}

static void add_text(struct str *s)
{
	for (unsigned i = 0, x = 1; s->len < TEXT_BYTES; i++, x = x * 1103515245 + 12345)
		str_addf(s, "%u line %u\n", i, x >> 20);
}

static void add_gzip(struct str *to, const void *data, size_t n)
{
	z_stream z = {0};
	size_t max = compressBound(n) + 64;
	auto_free unsigned char *out = xmalloc(max);
	deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
	z.next_in = (unsigned char *)(uintptr_t)data;
	z.avail_in = (unsigned)n;
	z.next_out = out;
	z.avail_out = (unsigned)max;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	str_addn(to, out, max - z.avail_out);
	deflateEnd(&z);
}

static void add_zstd(struct str *to, const void *data, size_t n)
{
	size_t max = ZSTD_compressBound(n);
	auto_free void *out = xmalloc(max);
	size_t got = ZSTD_compress(out, max, data, n, 3);
	assert_false(ZSTD_isError(got));
	str_addn(to, out, got);
}

static void expect(const struct str *in, const struct str *text, size_t times)
{
	static const size_t steps[] = {1, 7, 65536, 1 << 20};
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		auto_str out = {0};
		assert_int_equal(inflate_steps(in, steps[i], 1 << 30, &out), 0);
		assert_int_equal(out.len, text->len * times);
		assert_memory_equal(out.data, text->data, text->len);
		assert_memory_equal(out.data + out.len - text->len, text->data, text->len);
	}
}

static void test_kinds(void **state)
{
	auto_str text = {0}, gzip = {0}, zstd = {0};
	(void)state;
	add_text(&text);
	expect(&text, &text, 1);
	add_gzip(&gzip, text.data, text.len);
	expect(&gzip, &text, 1);
	add_gzip(&gzip, text.data, text.len);
	add_gzip(&gzip, "", 0);
	expect(&gzip, &text, 2);
	for (int i = 0; i < 700; i++)
		str_addc(&gzip, '\0');
	expect(&gzip, &text, 2); /* padding */
	add_zstd(&zstd, text.data, text.len);
	str_addn(&zstd, "\x50\x2a\x4d\x18\x03\0\0\0abc", 11); /* a frame to skip */
	add_zstd(&zstd, text.data, text.len);
	expect(&zstd, &text, 2);
}

static void test_empty(void **state)
{
	auto_str none = {0}, out = {0};
	(void)state;
	str_add(&none, "");
	assert_int_equal(inflate_steps(&none, 10, 100, &out), 0);
	assert_int_equal(out.len, 0);
}

static void test_cut_and_damaged(void **state)
{
	auto_str text = {0}, gzip = {0}, zstd = {0};
	(void)state;
	add_text(&text);
	add_gzip(&gzip, text.data, text.len);
	add_zstd(&zstd, text.data, text.len);
	struct str *both[] = {&gzip, &zstd};
	for (size_t i = 0; i < 2; i++) {
		struct str cut = *both[i];
		for (size_t n = 8; n < both[i]->len; n += 997) {
			auto_str out = {0};
			cut.len = n;
			assert_true(inflate_steps(&cut, 100, 1 << 30, &out) < 0);
		}
		cut.len = both[i]->len - 1;
		auto_str out = {0}, more = {0};
		assert_true(inflate_steps(&cut, 100, 1 << 30, &out) < 0);
		str_addn(&more, both[i]->data, both[i]->len);
		str_add(&more, "junk behind it");
		assert_true(inflate_steps(&more, 100, 1 << 30, &out) < 0);
	}
	gzip.data[gzip.len / 2] ^= 0x55;
	auto_str out = {0};
	assert_true(inflate_steps(&gzip, 4096, 1 << 30, &out) < 0);
}

static void test_refused(void **state)
{
	static const char *const magic[] = {"\xfd"
					    "7zXZ",
					    "BZh91AY&SY", "\x04\x22\x4d\x18", "\x1f\x9d\x90"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(magic); i++) {
		auto_str in = {0}, out = {0};
		str_add(&in, magic[i]);
		str_addn(&in, "\0\0\0\0\0\0\0\0", 8);
		assert_int_equal(inflate_steps(&in, 100, 1000, &out), -ENOTSUP);
	}
}

/* Counts without keeping: 4 GiB of zeros in 4 MiB. */
static void test_bomb(void **state)
{
	static char zeros[1 << 20];
	auto_str gzip = {0};
	char buf[65536];
	int64_t total = 0;
	ssize_t n;
	(void)state;
	add_gzip(&gzip, zeros, sizeof(zeros));
	struct source s = {.data = &gzip, .step = 65536, .repeat = 4096};
	struct inflate *i = inflate_new(from_source, &s, 100LL << 30);
	while ((n = inflate_read(i, buf, sizeof(buf), NULL)) > 0)
		total += n;
	inflate_free(i);
	assert_int_equal(n, -EFBIG);
	assert_true(total <= 1LL << 30);
	auto_str out = {0};
	assert_int_equal(inflate_steps(&gzip, 65536, 1000, &out), -EFBIG);
}

static void test_huge_window(void **state)
{
	/* magic, a frame header that asks for a window of 2 GiB, an empty last block */
	static const char frame[] = "\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00";
	auto_str in = {0}, out = {0};
	(void)state;
	str_addn(&in, frame, sizeof(frame) - 1);
	assert_true(inflate_steps(&in, 100, 1 << 30, &out) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_cut_and_damaged),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_huge_window),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
