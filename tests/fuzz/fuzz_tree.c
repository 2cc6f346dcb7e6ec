/* SPDX-License-Identifier: Apache-2.0
 * YAML to a tree of nodes: anchors, merge keys, tags and limits, without anything of the language. */
#include "manifests/yaml.h"
#include <stdint.h>
#include <string.h>

/* Every node is reached from the root within the limit that the reader keeps. */
static size_t walk(const struct node *n, size_t depth)
{
	size_t weight = 1;
	if (depth > 200)
		abort();
	for (size_t i = 0; i < n->n && n->kind == NODE_SEQ && depth < 8; i++)
		weight += walk(n->items[i], depth + 1);
	for (size_t i = 0; i < n->n && n->kind == NODE_MAP && depth < 8; i++)
		weight += strlen(n->pairs[i].key) ? walk(n->pairs[i].value, depth + 1) : 0;
	return weight;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tree t = {0};
	struct diag d = {0};
	const struct node *root = yaml_read("f", (const char *)data, size, &t, &d);
	if (!root != (d.n_errors > 0))
		abort(); /* a tree, or a reason why there is none */
	if (root && root->weight < 20000)
		walk(root, 0);
	diag_finish(&d, "f", (const char *)data, size);
	tree_done(&t);
	diag_done(&d);
	return 0;
}
