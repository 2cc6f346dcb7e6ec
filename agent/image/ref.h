/* SPDX-License-Identifier: Apache-2.0
 * Names of images as people write them, taken apart: [host[:port]/]path[:tag][@digest]. Pure. */
#pragma once
#include "base/err.h"
#include "base/mem.h"

struct ref {
	char *host; /* "docker.io" when none was written */
	char *repo; /* "library/" in front of bare names on docker.io */
	char *tag;  /* "latest" when neither tag nor digest was written; NULL with a digest alone */
	char *digest; /* NULL unless written */
};

int ref_parse(const char *text, struct ref *ret, struct err *err);
void ref_done(struct ref *r);
char *ref_name(const struct ref *r);           /* the full name; caller frees */
const char *ref_version(const struct ref *r);  /* what to ask the registry for: digest or tag */
const char *ref_registry(const struct ref *r); /* the host to speak to */

static inline void cleanup_ref_done(struct ref *r)
{
	ref_done(r);
}
#define auto_ref __attribute__((cleanup(cleanup_ref_done))) struct ref
