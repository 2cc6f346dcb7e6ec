/* SPDX-License-Identifier: Apache-2.0
 * Saved plans to text and back; see planfile.h. */
#include "manifests/planfile.h"
#include "base/digest.h"
#include "manifests/spec.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define MARK "carrack_plan"

void planfile_done(struct planfile *f)
{
	free(f->stack);
	json_decref(f->request);
	json_decref(f->plan);
	json_decref(f->sealed);
	*f = (struct planfile){0};
}

/* Of everything but the digest itself. */
static void digest_of(const json_t *j, char out[DIGEST_TEXT])
{
	auto_json *copy = json_copy((json_t *)j);
	json_object_del(copy, "digest");
	auto_free char *text = json_text_canonical(copy);
	sha256_text(text, strlen(text), out);
}

char *planfile_text(const struct planfile *f)
{
	char digest[DIGEST_TEXT];
	auto_json *j = json_object();
	json_object_set_new(j, MARK, json_integer(PLANFILE_VERSION));
	json_object_set_new(j, "stack", json_string(f->stack));
	json_object_set(j, "request", f->request);
	json_object_set(j, "plan", f->plan);
	if (json_array_size(f->sealed))
		json_object_set(j, "sealed", f->sealed);
	digest_of(j, digest);
	json_object_set_new(j, "digest", json_string(digest));
	return json_text_pretty(j);
}

bool planfile_is(const char *text, size_t len)
{
	static const char want[] = "{\"" MARK "\"";
	size_t k = 0;
	for (size_t i = 0; i < len && want[k]; i++) {
		if (isspace((unsigned char)text[i]))
			continue;
		if (text[i] != want[k++])
			return false;
	}
	return !want[k];
}

static int check(const json_t *j, struct err *err)
{
	char digest[DIGEST_TEXT];
	int64_t version = json_int(j, MARK, 0);
	const char *stack = json_str(j, "stack");
	const json_t *sealed = json_object_get(j, "sealed");
	if (version != PLANFILE_VERSION)
		return err_set(err, -EINVAL,
			       "it is a plan of version %lld, and this carrack reads version %d",
			       (long long)version, PLANFILE_VERSION);
	digest_of(j, digest);
	if (!streq(json_str(j, "digest"), digest))
		return err_set(err, -EINVAL, "it was changed after it was saved; plan again");
	if (!stack || !spec_name_valid(stack) || !json_is_object(json_object_get(j, "request")) ||
	    !json_is_object(json_object_get(j, "plan")) || (sealed && !json_is_array(sealed)) ||
	    !streq(json_str(json_object_get(j, "plan"), "stack"), stack))
		return err_set(err, -EINVAL, "it is no plan that carrack wrote");
	return 0;
}

int planfile_parse(const char *text, size_t len, struct planfile *out, struct err *err)
{
	auto_json *j = json_parse(text, len, err);
	if (!j)
		return err_wrap(err, -EINVAL, "it is cut or damaged");
	if (!json_is_object(j))
		return err_set(err, -EINVAL, "it is no plan that carrack wrote");
	int r = check(j, err);
	if (r < 0)
		return r;
	*out = (struct planfile){.stack = xstrdup(json_str(j, "stack")),
				 .request = json_incref(json_object_get(j, "request")),
				 .plan = json_incref(json_object_get(j, "plan")),
				 .sealed = json_incref(json_object_get(j, "sealed"))};
	return 0;
}
