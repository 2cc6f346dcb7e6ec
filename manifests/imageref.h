/* SPDX-License-Identifier: Apache-2.0
 *
 * Image names: [HOST[:PORT]/]PATH[:TAG][@DIGEST] (the OCI distribution and Docker reference
 * grammar). Names without a host belong to docker.io, and one-part names there to library/.
 */
#pragma once
#include "base/err.h"

struct imageref {
	char *host;   /* "docker.io", "10.0.0.1:5000" */
	char *path;   /* "library/nginx" */
	char *tag;    /* "latest" when neither tag nor digest was given; NULL with a digest alone */
	char *digest; /* "sha256:..." or NULL */
};
int imageref_parse(const char *text, struct imageref *out, struct err *err);
char *imageref_text(const struct imageref *r); /* full form; caller frees */
void imageref_done(struct imageref *r);
