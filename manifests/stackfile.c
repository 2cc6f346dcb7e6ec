/* SPDX-License-Identifier: Apache-2.0
 * The way in of the stack language; see stackfile.h. */
#include "manifests/stackfile.h"
#include "manifests/config.h"
#include "manifests/decode.h"
#include "manifests/keyplace.h"
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

bool stackfile_blame(const struct stackfile_input *in, const char *path, const char *text,
		     struct diag *d)
{
	struct project p;
	struct diag again = {0}; /* what reading has to say was said */
	struct node *root = project_read(&p, in, &again);
	struct diag_place at = root ? keyplace_find(root, path) : (struct diag_place){0};
	diag_done(&again);
	if (at.line)
		diag_error(&again, at, "%s", text);
	project_done(&p);
	for (size_t i = 0; i < again.n; i++) {
		d->v = vec_grow(d->v, d->n, &d->cap, sizeof(*d->v));
		d->v[d->n++] = again.v[i];
		d->n_errors++;
	}
	free(again.v);
	return at.line > 0;
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
		j = config_json(root, take_ptr(c.stack), in, p.uses_default);
	project_done(&p);
	spec_stack_free(c.stack);
	if (d->n_errors == errors)
		return j;
	json_decref(j);
	return NULL;
}
