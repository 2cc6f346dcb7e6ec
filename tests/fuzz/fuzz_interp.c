/* SPDX-License-Identifier: Apache-2.0
 * Variables in text, and .env files that use them. */
#include "manifests/dotenv.h"
#include "manifests/interp.h"
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kvlist env = {0}, out = {0};
	struct diag d = {0};
	kvlist_set(&env, "V", "value");
	kvlist_set(&env, "E", "");
	struct interp in = {.env = &env, .d = &d, .left = 4096};
	auto_free char *text = xstrndup((const char *)data, size);
	free(interp_text(&in, text));
	dotenv_parse("f", (const char *)data, size, &env, &out, &d);
	diag_finish(&d, "f", (const char *)data, size);
	for (size_t i = 0; i < d.n; i++)
		free(diag_text(&d.v[i], true));
	diag_done(&d);
	kvlist_done(&out);
	kvlist_done(&env);
	return 0;
}
