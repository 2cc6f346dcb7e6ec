/* SPDX-License-Identifier: Apache-2.0
 * Certificates kept over restarts, signed for whom they should be; join tokens good and bad. */
#include "base/fd.h"
#include "base/json.h"
#include "controller/core/pki.h"
#include "controller/core/token.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static int setup(void **state)
{
	char *dir = xstrdup("/tmp/carrack-pki.XXXXXX");

	assert_non_null(mkdtemp(dir));
	*state = dir;
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(dir_remove(*state, NULL), 0);
	free(*state);
	return 0;
}

static void test_kept(void **state)
{
	struct pki *a = NULL, *b = NULL;
	auto_free char *path = xasprintf("%s/" PKI_FILE, (char *)*state);
	struct stat st;

	assert_int_equal(pki_open(*state, &a, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(strlen(a->ca_digest), 64);
	assert_int_equal(pki_open(*state, &b, NULL), 0);
	assert_string_equal(a->ca_cert, b->ca_cert);
	assert_string_equal(a->cert, b->cert);
	assert_string_equal(a->ca_digest, b->ca_digest);
	pki_free(a);
	pki_free(b);
}

static void test_agent(void **state)
{
	struct pki *p = NULL;
	auto_free char *key = NULL, *csr = NULL, *cert = NULL;
	int64_t expiry = 0, year = 365LL * 86400;
	struct err err = {0};
	char *none = NULL;

	assert_int_equal(pki_open(*state, &p, NULL), 0);
	assert_int_equal(tls_key_and_csr("carrack:operator", "liar", &key, &csr, NULL), 0);
	assert_int_equal(pki_sign_agent(p, csr, "node1", &cert, NULL), 0);
	assert_int_equal(tls_cert_expiry(cert, &expiry, NULL), 0);
	assert_true(expiry > time(NULL) + year - 86400 && expiry < time(NULL) + year + 86400);
	assert_true(pki_sign_agent(p, "junk", "node1", &none, &err) < 0);
	assert_null(none);
	assert_true(err.text[0]);
	pki_free(p);
}

static void test_damaged(void **state)
{
	auto_free char *path = xasprintf("%s/" PKI_FILE, (char *)*state);
	struct pki *p = NULL;
	struct err err = {0};

	assert_int_equal(file_write_atomic(path, "{\"ca_key\":\"x\"}", 14, 0600, NULL), 0);
	assert_true(pki_open(*state, &p, &err) < 0);
	assert_null(p);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(file_write_atomic(path, "{", 1, 0600, NULL), 0);
	assert_true(pki_open(*state, &p, &err) < 0);
	assert_null(p);
}

static void test_operator_file(void **state)
{
	auto_free char *path = xasprintf("%s/" PKI_OPERATOR_FILE, (char *)*state);
	auto_json *first = NULL, *second = NULL;
	auto_strlist addrs = {0};
	struct pki *p = NULL;
	struct tls *t;

	assert_int_equal(pki_open(*state, &p, NULL), 0);
	strlist_add(&addrs, "10.0.0.1:7677");
	assert_int_equal(pki_operator_file(p, *state, &addrs, NULL), 0);
	first = json_parse_file(path, NULL);
	assert_non_null(first);
	t = tls_client(json_str(first, "key"), json_str(first, "cert"), json_str(first, "ca"),
		       NULL);
	assert_non_null(t);
	tls_free(t);
	strlist_add(&addrs, "10.0.0.2:7677");
	assert_int_equal(pki_operator_file(p, *state, &addrs, NULL), 0);
	second = json_parse_file(path, NULL);
	assert_string_equal(json_str(first, "cert"), json_str(second, "cert"));
	assert_int_equal(json_array_size(json_object_get(second, "controller")), 2);
	pki_free(p);
}

static void test_tokens(void **state)
{
	struct tokens *t = tokens_new(), *again = tokens_new();
	struct jointoken a = {0}, b = {0};
	auto_free char *row_a = NULL, *row_b = NULL;
	auto_strlist gone = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(tokens_create(t, 1000, 5000, false, &a, &row_a, NULL), 0);
	assert_int_equal(tokens_create(t, 1000, 9000, true, &b, &row_b, NULL), 0);
	assert_null(strstr(row_a, a.secret));
	assert_int_equal(tokens_load(again, a.id, row_a, NULL), 0);
	assert_int_equal(tokens_load(again, b.id, row_b, NULL), 0);
	assert_int_equal(tokens_check(again, a.id, a.secret, 2000, NULL), 0);
	assert_int_equal(tokens_check(again, a.id, b.secret, 2000, &err), -EACCES);
	assert_int_equal(tokens_check(again, "unknown", a.secret, 2000, NULL), -EACCES);
	assert_int_equal(tokens_check(again, a.id, "", 2000, NULL), -EACCES);
	assert_int_equal(tokens_check(again, a.id, a.secret, 6000, NULL), -EACCES);
	assert_false(tokens_once(again, a.id));
	assert_true(tokens_once(again, b.id));
	tokens_expire(again, 6000, &gone);
	assert_int_equal(gone.n, 1);
	assert_string_equal(gone.v[0], a.id);
	assert_int_equal(tokens_check(again, b.id, b.secret, 6000, NULL), 0);
	assert_true(tokens_del(again, b.id));
	assert_false(tokens_del(again, b.id));
	assert_int_equal(tokens_check(again, b.id, b.secret, 6000, NULL), -EACCES);
	assert_int_equal(tokens_create(t, 0, 0, false, &a, &row_a, &err), -EINVAL);
	assert_true(tokens_load(t, "x", "{\"hash\":\"short\"}", NULL) < 0);
	assert_true(tokens_load(t, "x", "junk", NULL) < 0);
	tokens_free(t);
	tokens_free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_agent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_operator_file, setup, teardown),
		cmocka_unit_test(test_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
