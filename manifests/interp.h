/* SPDX-License-Identifier: Apache-2.0
 *
 * Variables in text: $V ${V} ${V:-x} ${V-x} ${V:?x} ${V?x} ${V:+x} ${V+x}, nested in x, and $$ for a
 * dollar sign. A dollar sign that begins none of these is just that. Private to manifests/.
 */
#pragma once
#include "manifests/diag.h"

struct interp {
	const struct kvlist *env;    /* may be NULL */
	const struct kvlist *before; /* looked at after env; may be NULL */
	struct diag *d;
	struct diag_place at; /* of the text, for findings */
	size_t left;          /* bytes that results may still have, all together */
};
/* NULL with an error in d. A variable that is not set and has no default is a warning. */
char *interp_text(struct interp *in, const char *text);
