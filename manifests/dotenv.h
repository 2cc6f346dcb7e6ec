/* SPDX-License-Identifier: Apache-2.0
 * Files of environment variables.
 */
#pragma once
#include "manifests/diag.h"

/* KEY=VALUE lines (.env): quotes, comments, export, interpolation against env. 0 or -EINVAL with a diag. */
int dotenv_parse(const char *file, const char *text, size_t len, const struct kvlist *env,
		 struct kvlist *out, struct diag *d);
/* The same without quotes and variables: what stands after the = is the value. */
int dotenv_parse_raw(const char *file, const char *text, size_t len, const struct kvlist *env,
		     struct kvlist *out, struct diag *d);
