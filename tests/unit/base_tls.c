/* SPDX-License-Identifier: Apache-2.0
 * Certificates of the cluster's own CA, and what is refused. Handshakes: base_httpd.c. */
#include "base/digest.h"
#include "base/mem.h"
#include "base/tls.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <string.h>
#include <time.h>

#define DAY 86400

struct ca {
	char *key, *cert;
};

static void ca_open(struct ca *ca)
{
	assert_int_equal(tls_ca_create("carrack", 3650, &ca->key, &ca->cert, NULL), 0);
}

static void ca_close(struct ca *ca)
{
	free(ca->key);
	free(ca->cert);
}

static void test_ca(void **state)
{
	struct ca ca;
	char a[TLS_DIGEST_HEX], b[TLS_DIGEST_HEX];
	int64_t ends = 0;
	(void)state;
	ca_open(&ca);
	assert_non_null(strstr(ca.key, "BEGIN PRIVATE KEY"));
	assert_non_null(strstr(ca.cert, "BEGIN CERTIFICATE"));
	assert_int_equal(tls_cert_digest(ca.cert, a, NULL), 0);
	assert_int_equal(strlen(a), 64);
	struct ca other;
	ca_open(&other);
	assert_int_equal(tls_cert_digest(other.cert, b, NULL), 0);
	assert_string_not_equal(a, b);
	assert_int_equal(tls_cert_expiry(ca.cert, &ends, NULL), 0);
	assert_in_range(ends, time(NULL) + 3649 * (int64_t)DAY, time(NULL) + 3651 * (int64_t)DAY);
	ca_close(&ca);
	ca_close(&other);
}

static void test_sign(void **state)
{
	struct ca ca;
	struct err err = {0};
	auto_free char *key = NULL, *csr = NULL, *cert = NULL;
	int64_t ends = 0;
	(void)state;
	ca_open(&ca);
	assert_int_equal(tls_key_and_csr("carrack:agent", "n1", &key, &csr, &err), 0);
	assert_int_equal(tls_sign(ca.key, ca.cert, csr, "carrack:agent", "n1", NULL, 30, &cert,
				  &err),
			 0);
	assert_int_equal(tls_cert_expiry(cert, &ends, NULL), 0);
	assert_in_range(ends, time(NULL) + 29 * DAY, time(NULL) + 31 * DAY);
	struct tls *t = tls_client(key, cert, ca.cert, &err);
	assert_non_null(t);
	assert_non_null(tls_ssl_ctx(t));
	tls_free(t);
	tls_free(NULL);
	ca_close(&ca);
}

static void test_refused(void **state)
{
	struct ca ca;
	struct err err = {0};
	auto_free char *key = NULL, *csr = NULL, *cert = NULL, *other_key = NULL, *other_csr = NULL;
	char digest[TLS_DIGEST_HEX] = "kept";
	int64_t ends = 5;
	(void)state;
	ca_open(&ca);
	tls_key_and_csr("o", "n", &key, &csr, NULL);
	tls_key_and_csr("o", "n", &other_key, &other_csr, NULL);
	assert_true(tls_sign(ca.key, ca.cert, "nonsense", "o", "n", NULL, 1, &cert, &err) < 0);
	assert_non_null(strstr(err.text, "the certificate request is not valid"));
	assert_null(cert);
	/* A request whose signature does not fit is somebody else's key. */
	auto_free char *broken = xstrdup(csr);
	char *p = strstr(broken, "-----END") - 12;
	*p = *p == 'A' ? 'B' : 'A';
	assert_true(tls_sign(ca.key, ca.cert, broken, "o", "n", NULL, 1, &cert, &err) < 0);
	assert_true(tls_sign("x", ca.cert, csr, "o", "n", NULL, 1, &cert, &err) < 0);
	assert_true(tls_sign(ca.key, ca.cert, "", "o", "n", NULL, 1, &cert, &err) < 0);
	assert_true(tls_cert_digest("x", digest, &err) < 0);
	assert_string_equal(digest, "kept");
	assert_true(tls_cert_expiry(key, &ends, &err) < 0);
	assert_int_equal(ends, 5);
	assert_int_equal(tls_sign(ca.key, ca.cert, csr, "o", "n", NULL, 1, &cert, &err), 0);
	assert_null(tls_client(other_key, cert, ca.cert, &err)); /* another's key */
	assert_null(tls_server(key, cert, "x", &err));
	assert_null(tls_server("x", cert, ca.cert, &err));
	ca_close(&ca);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ca),
		cmocka_unit_test(test_sign),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
