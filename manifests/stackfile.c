/* SPDX-License-Identifier: Apache-2.0
 * The way in of the stack language; see stackfile.h. */
#include "manifests/stackfile.h"
#include "manifests/decode.h"
#include "manifests/interp.h"
#include "manifests/yaml.h"

#include <string.h>

/* Values only: keys are names, and names do not change with the environment. */
static void interpolate(const struct stackfile_input *in, struct tree *t, struct diag *d)
{
	struct interp x = {.env = in->env, .d = d, .left = STACKFILE_BYTES_MAX};
	for (size_t i = 0; i < t->n && !diag_full(d); i++) {
		struct node *n = t->nodes[i];
		if (n->kind != NODE_STR || !strchr(n->text, '$'))
			continue;
		x.at = (struct diag_place){in->file, n->line, n->column};
		auto_free char *text = interp_text(&x, n->text);
		if (text)
			n->text = tree_text(t, text, strlen(text));
		n->broken = !text;
	}
}

struct spec_stack *stackfile_parse(const struct stackfile_input *in, struct diag *d)
{
	struct tree t = {0};
	struct decode c = {.d = d, .in = in, .stack = xcalloc(1, sizeof(*c.stack))};
	size_t errors = d->n_errors;
	struct node *root = NULL;
	if (in->len > STACKFILE_BYTES_MAX)
		diag_error(d, (struct diag_place){in->file, 0, 0},
			   "the file has %zu bytes; at most %u are allowed", in->len,
			   STACKFILE_BYTES_MAX);
	else
		root = yaml_read(in->file, in->text, in->len, &t, d);
	if (root) {
		interpolate(in, &t, d);
		decode_stack(&c, root);
	}
	tree_done(&t);
	diag_finish(d, in->file, in->text, in->len);
	if (d->n_errors == errors)
		return c.stack;
	spec_stack_free(c.stack);
	return NULL;
}
