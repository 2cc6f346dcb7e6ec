/* SPDX-License-Identifier: Apache-2.0
 * Keys, certificates and contexts over OpenSSL; see tls.h. */
#include "base/tls.h"
#include "base/mem.h"
#include "base/num.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define BACKDATE_SEC 300 /* hosts' clocks differ a little */

struct tls {
	SSL_CTX *ctx;
};

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_CLEANUP(X509 *, X509_free);
DEFINE_CLEANUP(X509_REQ *, X509_REQ_free);
DEFINE_CLEANUP(BIO *, BIO_free);

static int fail(struct err *err, const char *what)
{
	char text[256] = "unknown cause";
	unsigned long code = ERR_peek_last_error();
	if (code)
		ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	return err_set(err, -EINVAL, "%s: %s", what, text);
}

static char *bio_text(BIO *bio)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);
	return xstrndup(data, n > 0 ? (size_t)n : 0);
}

static char *key_pem(EVP_PKEY *key)
{
	auto_(BIO_free) BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	return bio_text(bio);
}

static char *cert_pem(X509 *cert)
{
	auto_(BIO_free) BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(bio, cert);
	return bio_text(bio);
}

static X509 *parse_cert(const char *pem)
{
	auto_(BIO_free) BIO *bio = BIO_new_mem_buf(pem, -1);
	return PEM_read_bio_X509(bio, NULL, NULL, NULL);
}

/* Our keys have no passphrase; OpenSSL would ask the terminal for one. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static EVP_PKEY *parse_key(const char *pem)
{
	auto_(BIO_free) BIO *bio = BIO_new_mem_buf(pem, -1);
	return PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
}

static int set_subject(X509_NAME *name, const char *org, const char *cn)
{
	if (org && !X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)org,
					       -1, -1, 0))
		return -EINVAL;
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1,
					  -1, 0)
		       ? 0
		       : -EINVAL;
}

static int add_ext(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (!ext)
		return -EINVAL;
	int ok = X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	return ok ? 0 : -EINVAL;
}

/* Version, serial and dates of a new certificate. */
static int stamp(X509 *cert, int days)
{
	BIGNUM *serial = BN_new();
	bool ok = serial && BN_rand(serial, 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
		  BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)) &&
		  X509_set_version(cert, X509_VERSION_3) &&
		  X509_gmtime_adj(X509_getm_notBefore(cert), -BACKDATE_SEC) &&
		  X509_time_adj_ex(X509_getm_notAfter(cert), days, 0, NULL);
	BN_free(serial);
	return ok ? 0 : -EINVAL;
}

int tls_ca_create(const char *cn, int days, char **ret_key_pem, char **ret_cert_pem,
		  struct err *err)
{
	auto_(EVP_PKEY_free) EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	auto_(X509_free) X509 *cert = X509_new();
	if (!key || !cert || stamp(cert, days) < 0 ||
	    set_subject(X509_get_subject_name(cert), NULL, cn) < 0 ||
	    !X509_set_issuer_name(cert, X509_get_subject_name(cert)) ||
	    !X509_set_pubkey(cert, key) ||
	    add_ext(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") < 0 ||
	    add_ext(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") < 0 ||
	    add_ext(cert, cert, NID_subject_key_identifier, "hash") < 0 ||
	    !X509_sign(cert, key, NULL))
		return fail(err, "cannot make the CA's certificate");
	*ret_key_pem = key_pem(key);
	*ret_cert_pem = cert_pem(cert);
	return 0;
}

int tls_key_and_csr(const char *org, const char *cn, char **ret_key_pem, char **ret_csr_pem,
		    struct err *err)
{
	auto_(EVP_PKEY_free) EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	auto_(X509_REQ_free) X509_REQ *req = X509_REQ_new();
	if (!key || !req || !X509_REQ_set_version(req, X509_REQ_VERSION_1) ||
	    set_subject(X509_REQ_get_subject_name(req), org, cn) < 0 ||
	    !X509_REQ_set_pubkey(req, key) || !X509_REQ_sign(req, key, NULL))
		return fail(err, "cannot make a certificate request");
	auto_(BIO_free) BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509_REQ(bio, req);
	*ret_key_pem = key_pem(key);
	*ret_csr_pem = bio_text(bio);
	return 0;
}

static int fill_leaf(X509 *cert, X509 *ca, EVP_PKEY *pub, const char *org, const char *cn,
		     const char *dns, int days)
{
	if (stamp(cert, days) < 0 || set_subject(X509_get_subject_name(cert), org, cn) < 0 ||
	    !X509_set_issuer_name(cert, X509_get_subject_name(ca)) || !X509_set_pubkey(cert, pub) ||
	    add_ext(cert, ca, NID_basic_constraints, "critical,CA:FALSE") < 0 ||
	    add_ext(cert, ca, NID_key_usage, "critical,digitalSignature") < 0 ||
	    add_ext(cert, ca, NID_ext_key_usage, dns ? "serverAuth" : "clientAuth") < 0 ||
	    add_ext(cert, ca, NID_authority_key_identifier, "keyid") < 0)
		return -EINVAL;
	if (!dns)
		return 0;
	auto_free char *san = xasprintf("DNS:%s", dns);
	return add_ext(cert, ca, NID_subject_alt_name, san);
}

int tls_sign(const char *ca_key_pem, const char *ca_cert_pem, const char *csr_pem, const char *org,
	     const char *cn, const char *dns, int days, char **ret_cert_pem, struct err *err)
{
	auto_(EVP_PKEY_free) EVP_PKEY *ca_key = parse_key(ca_key_pem);
	auto_(X509_free) X509 *ca = parse_cert(ca_cert_pem);
	if (!ca_key || !ca)
		return fail(err, "cannot read the CA's key and certificate");
	auto_(BIO_free) BIO *bio = BIO_new_mem_buf(csr_pem, -1);
	auto_(X509_REQ_free) X509_REQ *req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	EVP_PKEY *pub = req ? X509_REQ_get0_pubkey(req) : NULL;
	if (!pub || EVP_PKEY_get_base_id(pub) != EVP_PKEY_ED25519 || X509_REQ_verify(req, pub) != 1)
		return fail(err, "the certificate request is not valid");
	auto_(X509_free) X509 *cert = X509_new();
	if (!cert || fill_leaf(cert, ca, pub, org, cn, dns, days) < 0 ||
	    !X509_sign(cert, ca_key, NULL))
		return fail(err, "cannot sign the certificate");
	*ret_cert_pem = cert_pem(cert);
	return 0;
}

int tls_cert_digest(const char *pem, char out[TLS_DIGEST_HEX], struct err *err)
{
	unsigned char hash[32];
	unsigned len = 0;
	auto_(X509_free) X509 *cert = parse_cert(pem);
	if (!cert || !X509_digest(cert, EVP_sha256(), hash, &len) || len != sizeof(hash))
		return fail(err, "not a certificate");
	hex_encode(hash, sizeof(hash), out);
	return 0;
}

int tls_cert_expiry(const char *pem, int64_t *ret, struct err *err)
{
	auto_(X509_free) X509 *cert = parse_cert(pem);
	struct tm tm;
	if (!cert || !ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm))
		return fail(err, "not a certificate");
	*ret = timegm(&tm);
	return 0;
}

static int use_identity(SSL_CTX *ctx, const char *key, const char *cert)
{
	auto_(EVP_PKEY_free) EVP_PKEY *k = parse_key(key);
	auto_(X509_free) X509 *c = parse_cert(cert);
	return k && c && SSL_CTX_use_certificate(ctx, c) == 1 &&
			       SSL_CTX_use_PrivateKey(ctx, k) == 1 &&
			       SSL_CTX_check_private_key(ctx) == 1
		       ? 0
		       : -EINVAL;
}

static int use_trust(SSL_CTX *ctx, const char *ca)
{
	auto_(X509_free) X509 *c = parse_cert(ca);
	return c && X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), c) == 1 ? 0 : -EINVAL;
}

static struct tls *new_context(const SSL_METHOD *method)
{
	struct tls *t = xcalloc(1, sizeof(*t));
	t->ctx = SSL_CTX_new(method);
	if (!t->ctx)
		abort();
	SSL_CTX_set_min_proto_version(t->ctx, TLS1_3_VERSION);
	SSL_CTX_set_mode(t->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return t;
}

struct tls *tls_server(const char *key, const char *cert, const char *ca, struct err *err)
{
	struct tls *t = new_context(TLS_server_method());
	SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(t->ctx, 0);
	if (use_identity(t->ctx, key, cert) < 0 || use_trust(t->ctx, ca) < 0) {
		fail(err, "cannot use the server's key and certificate");
		tls_free(t);
		return NULL;
	}
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
	return t;
}

struct tls *tls_client(const char *key, const char *cert, const char *ca, struct err *err)
{
	struct tls *t = new_context(TLS_client_method());
	if ((key && use_identity(t->ctx, key, cert) < 0) || (ca && use_trust(t->ctx, ca) < 0)) {
		fail(err, "cannot use the key and certificate");
		tls_free(t);
		return NULL;
	}
	SSL_CTX_set_verify(t->ctx, ca ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (ca)
		X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(t->ctx), TLS_CONTROLLER_NAME, 0);
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

void *tls_ssl_ctx(struct tls *t)
{
	return t->ctx;
}

/* A text with a NUL inside names nobody. */
static void copy_entry(X509_NAME *name, int nid, char out[TLS_DN_MAX])
{
	int at = X509_NAME_get_index_by_NID(name, nid, -1);
	if (at < 0)
		return;
	unsigned char *text = NULL;
	int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (n > 0 && n < TLS_DN_MAX && !memchr(text, 0, (size_t)n)) {
		memcpy(out, text, (size_t)n);
		out[n] = 0;
	}
	if (n >= 0)
		OPENSSL_free(text);
}

void tls_peer_subject(const void *ssl, char org[TLS_DN_MAX], char cn[TLS_DN_MAX])
{
	org[0] = cn[0] = 0;
	X509 *cert = SSL_get0_peer_certificate(ssl);
	if (!cert || SSL_get_verify_result(ssl) != X509_V_OK)
		return;
	copy_entry(X509_get_subject_name(cert), NID_organizationName, org);
	copy_entry(X509_get_subject_name(cert), NID_commonName, cn);
}

char *tls_trouble(const void *ssl, unsigned long code, const char *peer)
{
	long verified = SSL_get_verify_result(ssl);
	if (verified != X509_V_OK && (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER))
		return xasprintf("the certificate of %s is not to be trusted: %s", peer,
				 X509_verify_cert_error_string(verified));
	const char *reason = ERR_reason_error_string(code);
	if (reason && strstr(reason, "alert") &&
	    (strstr(reason, "certificate") || strstr(reason, "unknown ca")))
		return xasprintf("%s refused our certificate (%s); join or log in again", peer,
				 reason);
	return xasprintf("TLS with %s failed: %s", peer, reason ? reason : "unknown cause");
}
