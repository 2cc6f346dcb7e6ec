/* SPDX-License-Identifier: Apache-2.0
 * The file of the node's sealing key; see sealkey.h. */
#include "agent/core/sealkey.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include <errno.h>
#include <string.h>

#define HEX_LEN  (2 * CRYPTO_KEY)
#define FILE_MAX 4096

/* False: what the file holds is no key. */
static bool parse(char *text, size_t n, struct crypto_pair *out)
{
	struct crypto_pair p = {0};
	bool ok = n == HEX_LEN + 1 && text[HEX_LEN] == '\n';
	text[ok ? HEX_LEN : 0] = '\0';
	ok = ok && hex_decode(text, p.secret, sizeof(p.secret));
	if (ok) {
		crypto_key_public(p.secret, p.pub);
		*out = p;
	}
	crypto_wipe(&p, sizeof(p));
	return ok;
}

static int make(const char *path, struct crypto_pair *out, struct err *err)
{
	struct crypto_pair p;
	char text[HEX_LEN + 2];
	crypto_pair_make(&p);
	hex_encode(p.secret, sizeof(p.secret), text);
	text[HEX_LEN] = '\n';
	int r = file_write_atomic(path, text, HEX_LEN + 1, 0600, err);
	if (r == 0)
		*out = p;
	crypto_wipe(text, sizeof(text));
	crypto_wipe(&p, sizeof(p));
	return r;
}

int sealkey_open(const char *path, struct crypto_pair *out, struct err *err)
{
	struct err why = {0};
	char *text = NULL;
	size_t n = 0;
	int r = file_read(path, FILE_MAX, &text, &n, &why);
	if (r == -ENOENT)
		return make(path, out, err);
	if (r < 0 && r != -EFBIG)
		return err_set(err, r, "%s", err_text(&why));
	bool ok = r == 0 && parse(text, n, out);
	if (text)
		crypto_wipe(text, n);
	free(text);
	if (ok)
		return 0;
	log_warn("agent",
		 "\"%s\" holds no key; a fresh one is made, and the controller seals configs and "
		 "secrets to it anew",
		 path);
	return make(path, out, err);
}
