/* SPDX-License-Identifier: Apache-2.0
 * A stack file, the whole way: whatever is taken must come back from its canonical form the same. */
#include "manifests/canon.h"
#include "manifests/stackfile.h"
#include <stdio.h>
#include <string.h>

static int read_env_file(const char *path, char **ret, size_t *len, void *arg)
{
	(void)path;
	(void)arg;
	*ret = xstrdup("A=1\nB=\"$A\"\n");
	*len = strlen(*ret);
	return 0;
}

static void round_trip(const struct spec_stack *s)
{
	struct err err = {0};
	struct spec_stack *again = NULL;
	auto_json *j = canon_stack(s);
	if (canon_stack_parse(j, &again, &err) < 0) {
		fprintf(stderr, "refused its own canonical form: %s\n", err.text);
		abort();
	}
	auto_json *j2 = canon_stack(again);
	if (!json_equal(j, j2))
		abort();
	spec_stack_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kvlist env = {0};
	struct diag d = {0};
	kvlist_set(&env, "HOME", "/root");
	kvlist_set(&env, "V", "value");
	struct stackfile_input in = {.file = "f",
				     .text = (const char *)data,
				     .len = size,
				     .project_dir = "/srv/app",
				     .env = &env,
				     .read = read_env_file};
	struct spec_stack *s = stackfile_parse(&in, &d);
	for (size_t i = 0; i < d.n; i++)
		free(diag_text(&d.v[i], true));
	if (s)
		round_trip(s);
	spec_stack_free(s);
	diag_done(&d);
	kvlist_done(&env);
	return 0;
}
