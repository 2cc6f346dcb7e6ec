/* SPDX-License-Identifier: Apache-2.0
 * Plans asked for, shown and saved; see planask.h. */
#include "cli/planask.h"
#include "base/fd.h"
#include "base/http.h"
#include "cli/out.h"
#include "cli/planout.h"
#include "cli/seal.h"
#include "manifests/canon.h"
#include "manifests/planfile.h"
#include <string.h>

int planask_stack(struct client *c, struct spec_stack *stack, bool values, json_t **ret,
		  json_t **ret_sealed, struct err *err)
{
	int r = seal_stack(c, stack, values ? SEAL_ALL : SEAL_NAMES, ret_sealed, err);

	if (r)
		return r;
	*ret = json_object();
	json_object_set_new(*ret, "stack", canon_stack(stack));
	return 0;
}

static int save(const char *path, const struct planfile *f, struct err *err)
{
	auto_free char *text = planfile_text(f);
	auto_free char *line = xasprintf("%s\n", text);

	return file_write_atomic(path, line, strlen(line), 0600, err);
}

int planask_run(struct client *c, const char *stack, const json_t *request,
		const struct planask *how)
{
	auto_free char *escaped = http_escape(stack);
	auto_free char *path = xasprintf("/v1/stacks/%s/plan", escaped);
	auto_json *plan = NULL;
	struct err err = {0};
	int r = client_do(c, "POST", path, request, &plan, &err);

	if (!r && how->out) {
		const struct planfile f = {(char *)stack, (json_t *)request, plan,
					   (json_t *)how->sealed};

		r = save(how->out, &f, &err);
	}
	if (r) {
		if (how->from)
			loadstack_error(how->from, &err);
		else
			out_error("%s", err_text(&err));
		return PLAN_ERROR;
	}
	if (how->json)
		out_json(plan);
	else if (how->diff)
		planout_changes(plan);
	else
		planout_all(plan);
	if (how->out && !how->json)
		printf("saved in '%s'; `carrack apply %s` does exactly this\n", how->out, how->out);
	return json_bool(plan, "changed", false) ? PLAN_CHANGES : PLAN_NOTHING;
}
