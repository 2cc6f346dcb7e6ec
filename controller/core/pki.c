/* SPDX-License-Identifier: Apache-2.0
 * Certificates of the cluster: who signs what for how long, and the files that keep them. */
#include "controller/core/pki.h"
#include "base/crypto.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/num.h"
#include <errno.h>
#include <string.h>
#include <time.h>

#define CA_DAYS         7300
#define CONTROLLER_DAYS 3650
#define OPERATOR_DAYS   3650
#define RENEW_SECONDS   (365LL * 86400)

static void secret_free(char *pem)
{
	if (pem)
		crypto_wipe(pem, strlen(pem));
	free(pem);
}
DEFINE_CLEANUP(char *, secret_free);

void pki_free(struct pki *p)
{
	if (!p)
		return;
	secret_free(p->ca_key);
	secret_free(p->key);
	free(p->ca_cert);
	free(p->cert);
	free(p);
}

static int make_pair(const struct pki *p, const char *org, const char *cn, const char *dns,
		     int days, char **ret_key, char **ret_cert, struct err *err)
{
	auto_(secret_free) char *key = NULL;
	auto_free char *csr = NULL, *cert = NULL;
	int r = tls_key_and_csr(org, cn, &key, &csr, err);

	if (!r)
		r = tls_sign(p->ca_key, p->ca_cert, csr, org, cn, dns, days, &cert, err);
	if (r)
		return r;
	*ret_key = take_ptr(key);
	*ret_cert = take_ptr(cert);
	return 0;
}

static int make_controller(struct pki *p, struct err *err)
{
	char *key = NULL, *cert = NULL;
	int r = make_pair(p, "carrack:controller", "controller", TLS_CONTROLLER_NAME,
			  CONTROLLER_DAYS, &key, &cert, err);

	if (r)
		return r;
	secret_free(p->key);
	free(p->cert);
	p->key = key;
	p->cert = cert;
	return 0;
}

static int write_json(const char *path, const json_t *j, struct err *err)
{
	auto_(secret_free) char *text = json_text_pretty(j);

	return file_write_atomic(path, text, strlen(text), 0600, err);
}

static int pki_write(const struct pki *p, const char *path, struct err *err)
{
	auto_json *j = json_object();

	json_put_str(j, "ca_key", p->ca_key);
	json_put_str(j, "ca_cert", p->ca_cert);
	json_put_str(j, "key", p->key);
	json_put_str(j, "cert", p->cert);
	return write_json(path, j, err);
}

static int pki_create(struct pki *p, const char *path, struct err *err)
{
	char id[13];
	auto_free char *cn = NULL;
	int r;

	/* A name of its own for each cluster's CA: two of them in one trust store stay apart. */
	random_hex(id, 12);
	cn = xasprintf("carrack CA %s", id);
	r = tls_ca_create(cn, CA_DAYS, &p->ca_key, &p->ca_cert, err);
	if (!r)
		r = make_controller(p, err);
	return r ? r : pki_write(p, path, err);
}

static int pki_read(struct pki *p, const char *path, const json_t *j, struct err *err)
{
	const char *ca_key, *ca_cert, *key, *cert;
	int64_t expiry = 0;
	int r;

	if (json_need_str(j, "ca_key", &ca_key, err) ||
	    json_need_str(j, "ca_cert", &ca_cert, err) || json_need_str(j, "key", &key, err) ||
	    json_need_str(j, "cert", &cert, err))
		return err_wrap(err, -EUCLEAN, "file '%s' is damaged, restore it from a backup",
				path);
	p->ca_key = xstrdup(ca_key);
	p->ca_cert = xstrdup(ca_cert);
	p->key = xstrdup(key);
	p->cert = xstrdup(cert);
	r = tls_cert_expiry(p->cert, &expiry, err);
	if (r)
		return err_wrap(err, r, "file '%s' is damaged, restore it from a backup", path);
	if (expiry - (int64_t)time(NULL) > RENEW_SECONDS)
		return 0;
	r = make_controller(p, err);
	return r ? r : pki_write(p, path, err);
}

int pki_open(const char *dir, struct pki **ret, struct err *err)
{
	auto_free char *path = xasprintf("%s/" PKI_FILE, dir);
	auto_(pki_free) struct pki *p = xcalloc(1, sizeof(*p));
	struct err why = {0};
	auto_json *j = json_parse_file(path, &why);
	int r;

	if (j)
		r = pki_read(p, path, j, err);
	else if (why.code == -ENOENT)
		r = pki_create(p, path, err);
	else
		r = err_set(err, why.code ? why.code : -EUCLEAN, "%s", err_text(&why));
	if (!r)
		r = tls_cert_digest(p->ca_cert, p->ca_digest, err);
	if (r)
		return r;
	*ret = take_ptr(p);
	return 0;
}

int pki_sign_agent(const struct pki *p, const char *csr_pem, const char *node_id,
		   char **ret_cert_pem, struct err *err)
{
	return tls_sign(p->ca_key, p->ca_cert, csr_pem, "carrack:agent", node_id, NULL,
			PKI_AGENT_DAYS, ret_cert_pem, err);
}

static json_t *addrs_json(const struct strlist *addrs)
{
	json_t *a = json_array();

	for (size_t i = 0; i < addrs->n; i++)
		json_array_append_new(a, json_string(addrs->v[i]));
	return a;
}

int pki_operator_file(const struct pki *p, const char *dir, const struct strlist *addrs,
		      struct err *err)
{
	auto_free char *path = xasprintf("%s/" PKI_OPERATOR_FILE, dir);
	auto_json *j = json_parse_file(path, NULL);
	auto_json *want = addrs_json(addrs);
	auto_(secret_free) char *key = NULL;
	auto_free char *cert = NULL;
	int r;

	/* A context of another CA is from a data directory that was put together by hand. */
	if (j && streq(json_str(j, "ca"), p->ca_cert) && json_str(j, "key") &&
	    json_str(j, "cert")) {
		if (json_equal(json_object_get(j, "controller"), want))
			return 0;
	} else {
		r = make_pair(p, "carrack:operator", "operator", NULL, OPERATOR_DAYS, &key, &cert,
			      err);
		if (r)
			return r;
		json_decref(j);
		j = json_object();
		json_put_str(j, "ca", p->ca_cert);
		json_put_str(j, "cert", cert);
		json_put_str(j, "key", key);
	}
	json_object_set(j, "controller", want);
	return write_json(path, j, err);
}
