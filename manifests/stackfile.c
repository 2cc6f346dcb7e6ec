/* SPDX-License-Identifier: Apache-2.0
 * The way in of the stack language; see stackfile.h. */
#include "manifests/stackfile.h"
#include "manifests/config.h"
#include "manifests/decode.h"
#include "manifests/project.h"

#include <string.h>

struct spec_stack *stackfile_parse(const struct stackfile_input *in, struct diag *d)
{
	struct project p;
	struct decode c = {.d = d, .in = in, .stack = xcalloc(1, sizeof(*c.stack)), .off = &p.off};
	size_t errors = d->n_errors;
	struct node *root = project_read(&p, in, d);
	if (root)
		decode_stack(&c, root);
	project_done(&p);
	if (d->n_errors == errors)
		return c.stack;
	spec_stack_free(c.stack);
	return NULL;
}

json_t *stackfile_config(const struct stackfile_input *in, struct diag *d)
{
	struct project p;
	struct stackfile_input canonical = *in;
	size_t errors = d->n_errors;
	canonical.canonical = true;
	struct decode c = {.d = d,
			   .in = &canonical,
			   .stack = xcalloc(1, sizeof(*c.stack)),
			   .off = &p.off};
	struct node *root = project_read(&p, &canonical, d);
	json_t *j = NULL;
	if (root && root->kind != NODE_MAP)
		decode_error(&c, root, "a stack must be a mapping with 'services' in it, not %s",
			     node_kind_text(root->kind));
	else if (root && decode_stack(&c, root) && in->no_normalize)
		j = config_plain_json(root, c.stack->name);
	else if (root && d->n_errors == errors)
		j = config_json(root, take_ptr(c.stack), in->env, p.uses_default);
	project_done(&p);
	spec_stack_free(c.stack);
	if (d->n_errors == errors)
		return j;
	json_decref(j);
	return NULL;
}
