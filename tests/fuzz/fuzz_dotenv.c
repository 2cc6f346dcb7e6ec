/* SPDX-License-Identifier: Apache-2.0
 * .env files: quotations, escapes, comments and variables. */
#include "manifests/dotenv.h"
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kvlist env = {0}, out = {0};
	struct diag d = {0};
	kvlist_set(&env, "V", "value");
	kvlist_set(&env, "E", "");
	int rc = dotenv_parse("f", (const char *)data, size, &env, &out, &d);
	if ((rc < 0) != (d.n_errors > 0))
		abort();
	diag_finish(&d, "f", (const char *)data, size);
	for (size_t i = 0; i < d.n; i++)
		free(diag_text(&d.v[i], true));
	diag_done(&d);
	kvlist_done(&out);
	kvlist_done(&env);
	return 0;
}
