/* SPDX-License-Identifier: Apache-2.0
 * Variables in text: every form, nested, with what is not set. */
#include "manifests/interp.h"
#include <stdint.h>
#include <stdlib.h>

#define ROOM 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kvlist env = {0};
	struct diag d = {0};
	kvlist_set(&env, "V", "value");
	kvlist_set(&env, "E", "");
	struct interp in = {.env = &env, .d = &d, .left = ROOM};
	auto_free char *text = xstrndup((const char *)data, size);
	auto_free char *out = interp_text(&in, text);
	if (!out != (d.n_errors > 0) || in.left > ROOM)
		abort(); /* a result, or a reason why there is none */
	diag_done(&d);
	kvlist_done(&env);
	return 0;
}
