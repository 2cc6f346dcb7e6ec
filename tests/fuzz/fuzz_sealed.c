/* SPDX-License-Identifier: Apache-2.0
 * Sealed configs and secrets, as a client sends them and as an agent gets them: read, written again, and
 * opened with a key that some of the seeds are sealed to. */
#include "manifests/sealed.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static const struct crypto_pair *pair(void)
{
	static struct crypto_pair p;
	if (!p.secret[0]) {
		memset(p.secret, 7, sizeof(p.secret));
		crypto_key_public(p.secret, p.pub);
	}
	return &p;
}

/* What is left of a value when it is opened is what its length said. */
static void open_it(const struct sealed *s)
{
	char *value = NULL;
	size_t n = 0;
	struct err err = {0};
	unsigned char again[SEALED_KEY];
	int rc = sealed_open(s, pair(), &value, &n, &err);
	if (rc < 0) {
		if ((rc != -EACCES && rc != -EBADMSG) || !err.text[0])
			abort();
		return;
	}
	if (n != sealed_value_len(s) || !sealed_rewrap(s->key, pair(), pair()->pub, again))
		abort();
	free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sealed s, t;
	auto_json *j = json_parse((const char *)data, size, NULL);
	if (!j || sealed_parse(j, &s, NULL) < 0)
		return 0;
	auto_json *a = sealed_json(&s);
	if (sealed_parse(a, &t, NULL) < 0)
		abort();
	auto_json *b = sealed_json(&t);
	if (!json_equal(a, b) || !sealed_version_valid(t.version) || !sealed_name_valid(t.name))
		abort();
	open_it(&s);
	sealed_done(&s);
	sealed_done(&t);
	return 0;
}
