/* SPDX-License-Identifier: Apache-2.0
 * Plans asked for, shown and saved; see planask.h. */
#include "cli/planask.h"
#include "base/fd.h"
#include "base/http.h"
#include "cli/out.h"
#include "cli/planout.h"
#include "manifests/canon.h"
#include "manifests/planfile.h"
#include <string.h>

json_t *planask_files(const struct loadstack *from, char **ret_name)
{
	__attribute__((cleanup(cleanup_spec_stack_free))) struct spec_stack *stack =
		loadstack_parse(from);
	json_t *request;

	if (!stack)
		return NULL;
	request = json_object();
	json_object_set_new(request, "stack", canon_stack(stack));
	*ret_name = xstrdup(stack->name);
	return request;
}

static int save(const char *path, const char *stack, const json_t *request, const json_t *plan,
		struct err *err)
{
	auto_free char *text = planfile_text(stack, request, plan);
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

	if (!r && how->out)
		r = save(how->out, stack, request, plan, &err);
	if (r) {
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
