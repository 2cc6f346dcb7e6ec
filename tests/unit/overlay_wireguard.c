/* SPDX-License-Identifier: Apache-2.0
 * WireGuard's peers: what must be written and what has no place, and the keys both sides compute. */
#include "base/crypto.h"
#include "base/num.h"
#include "overlay/wireguard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct wg_peer peer(uint8_t key, const char *endpoint, const char *allowed)
{
	struct wg_peer p = {.port = 51820};
	memset(p.key, key, sizeof(p.key));
	assert_true(ipaddr_parse(endpoint, &p.endpoint));
	if (allowed)
		assert_true(ipaddr_parse(allowed, &p.allowed));
	return p;
}

static void compare(const struct wg_peer *want, const struct wg_peer *have, size_t n_set,
		    size_t n_del)
{
	auto_wg_list w = {0}, h = {0}, set = {0}, del = {0};
	if (want)
		wg_list_add(&w, want);
	if (have)
		wg_list_add(&h, have);
	wg_diff(&w, &h, &set, &del);
	assert_int_equal(set.n, n_set);
	assert_int_equal(del.n, n_del);
}

static void test_same(void **state)
{
	(void)state;
	struct wg_peer a = peer(1, "192.0.2.1", "fd63::1"), b = a;
	compare(&a, &a, 0, 0);
	b.met = true; /* a handshake is no difference */
	compare(&a, &b, 0, 0);
	compare(NULL, NULL, 0, 0);
}

static void test_each_difference(void **state)
{
	(void)state;
	struct wg_peer a = peer(1, "192.0.2.1", "fd63::1"), b = a;
	compare(&a, NULL, 1, 0);
	compare(NULL, &a, 0, 1);
	b = peer(2, "192.0.2.1", "fd63::1"); /* another key is another peer */
	compare(&a, &b, 1, 1);
	b = peer(1, "192.0.2.9", "fd63::1");
	compare(&a, &b, 1, 0);
	b = peer(1, "192.0.2.1", "fd63::2");
	compare(&a, &b, 1, 0);
	b = peer(1, "192.0.2.1", NULL);
	compare(&a, &b, 1, 0);
	compare(&b, &a, 1, 0); /* what may only shake hands must not send */
	b = a;
	b.port = 1;
	compare(&a, &b, 1, 0);
	b = a;
	b.extra = true; /* somebody let it send from more addresses */
	compare(&a, &b, 1, 0);
}

static void test_many(void **state)
{
	(void)state;
	auto_wg_list want = {0}, have = {0}, set = {0}, del = {0};
	for (int i = 255; i > 0; i--) {
		struct wg_peer p = peer((uint8_t)i, "192.0.2.1", "fd63::1");
		if (i % 2)
			wg_list_add(&want, &p);
		if (i % 3)
			wg_list_add(&have, &p);
	}
	wg_diff(&want, &have, &set, &del);
	assert_int_equal(set.n, 43); /* odd, and a multiple of 3 */
	assert_int_equal(del.n, 85); /* even, and no multiple of 3 */
	for (size_t i = 0; i < set.n; i++)
		assert_int_equal(set.v[i].key[0] % 6, 3);
}

/* The key 00 01 … 1f; its public half was computed by the ladder of RFC 7748, section 5, in Python. */
static void test_public_key(void **state)
{
	(void)state;
	uint8_t private_key[32], public_key[32], fresh[32];
	char hex[65];
	for (size_t i = 0; i < sizeof(private_key); i++)
		private_key[i] = (uint8_t)i;
	crypto_key_public(private_key, public_key);
	hex_encode(public_key, 32, hex);
	assert_string_equal(hex,
			    "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f");
	crypto_key_new(fresh); /* clamped, as the kernel keeps it */
	assert_int_equal(fresh[0] & 7, 0);
	assert_int_equal(fresh[31] >> 6, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_each_difference),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_public_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
