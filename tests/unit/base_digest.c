/* SPDX-License-Identifier: Apache-2.0
 * Digests, token hashes and random against known answers. */
#include "base/crypto.h"
#include "base/digest.h"
#include "base/frame.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>

#define EMPTY "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC   "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void test_sha256(void **state)
{
	char text[DIGEST_TEXT];
	(void)state;
	sha256_text("", 0, text);
	assert_string_equal(text, EMPTY);
	sha256_text("abc", 3, text);
	assert_string_equal(text, ABC);
	struct sha256 *h = sha256_new();
	sha256_add(h, "a", 1);
	sha256_add(h, "", 0);
	sha256_add(h, "bc", 2);
	sha256_end(h, text);
	sha256_free(h);
	sha256_free(NULL);
	assert_string_equal(text, ABC);
}

static void test_digest_valid(void **state)
{
	(void)state;
	assert_true(digest_valid(ABC));
	assert_false(digest_valid(""));
	assert_false(digest_valid("sha256:"));
	assert_false(digest_valid(ABC "0"));
	assert_false(digest_valid("sha512:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f"
				  "20015ad"));
	assert_false(digest_valid("sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f"
				  "20015ad"));
	assert_false(digest_valid("sha256:../816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f"
				  "20015ad"));
}

static void test_crypto(void **state)
{
	char hash[65], same[65];
	unsigned char a[32] = {0}, b[32] = {0};
	(void)state;
	crypto_hash_hex("abc", 3, hash);
	assert_string_equal(hash,
			    "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
	crypto_hash_hex("abc", 3, same);
	assert_true(crypto_equal(hash, same, 64));
	crypto_random(a, sizeof(a));
	crypto_random(b, sizeof(b));
	assert_false(crypto_equal(a, b, sizeof(a)));
	crypto_wipe(a, sizeof(a));
	crypto_wipe(b, sizeof(b));
	assert_true(crypto_equal(a, b, sizeof(a)));
}

static void test_frames(void **state)
{
	uint8_t bytes[FRAME_HEAD + 3] = {0};
	struct frame f;
	(void)state;
	frame_put(bytes, 'q', 3);
	assert_memory_equal(bytes, "q\0\0\0\3", FRAME_HEAD);
	for (size_t n = 0; n < sizeof(bytes); n++) {
		assert_int_equal(frame_get(bytes, n, 100, &f), -EAGAIN);
		assert_int_equal(f.len, n < FRAME_HEAD ? 0 : 3);
	}
	assert_int_equal(frame_get(bytes, sizeof(bytes), 100, &f), 0);
	assert_int_equal(f.type, 'q');
	assert_int_equal(frame_get(bytes, sizeof(bytes), 2, &f), -EMSGSIZE);
	frame_put(bytes, 'q', UINT32_MAX);
	assert_int_equal(frame_get(bytes, sizeof(bytes), 1u << 24, &f), -EMSGSIZE);
	assert_int_equal(frame_get(bytes, sizeof(bytes), UINT32_MAX, &f), -EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_digest_valid),
		cmocka_unit_test(test_crypto),
		cmocka_unit_test(test_frames),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
