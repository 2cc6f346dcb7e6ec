/* SPDX-License-Identifier: Apache-2.0
 * A stack file, the whole way: whatever is taken must come back from its canonical form the same. */
#include "cli/yamlout.h"
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

/* The canonical file as it is printed is read again, and means the same; false: the file was refused. */
static bool config_means_itself(const struct stackfile_input *in)
{
	struct diag d = {0};
	auto_json *j = stackfile_config(in, &d);
	bool taken = j != NULL;
	if (taken) {
		auto_free char *text = yamlout_text(j);
		struct stackfile_input again = *in;
		again.text = text;
		again.len = strlen(text);
		again.no_interpolate = true;
		again.profiles = &(struct strlist){0};
		auto_json *j2 = again.len <= STACKFILE_BYTES_MAX ? stackfile_config(&again, &d)
								 : json_incref(j);
		if (!j2 || !json_equal(j, j2)) {
			auto_free char *other = j2 ? yamlout_text(j2) : NULL;
			fprintf(stderr, "%s\n%s\n-- is not --\n%s\n", d.n ? d.v[0].text : "", text,
				other ? other : "");
			abort();
		}
	}
	diag_done(&d);
	return taken;
}

/* Something of a stack that was taken has a place in its file. */
static void blame(const struct stackfile_input *in, const struct spec_stack *s)
{
	const struct spec_service *last = &s->services[s->n_services - 1];
	struct diag d = {0};
	auto_free char *path =
		last->n_ports ? xasprintf("services.%s.ports[%zu]", last->name, last->n_ports - 1)
			      : xasprintf("services.%s.networks.default.mac_address", last->name);
	if (!stackfile_blame(in, path, "no", &d)) {
		fprintf(stderr, "'%s' is nowhere\n", path);
		abort();
	}
	diag_done(&d);
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
	if (s && s->n_services && size % 4 == 0)
		blame(&in, s);
	/* merged with itself: no crash, that is all; of what is refused a part will do */
	if (config_means_itself(&in) || size % 4 == 0) {
		in.more = &(struct stackfile_source){"g", (const char *)data, size, 0};
		in.n_more = 1;
		json_decref(stackfile_config(&in, &d));
	}
	spec_stack_free(s);
	diag_done(&d);
	kvlist_done(&env);
	return 0;
}
