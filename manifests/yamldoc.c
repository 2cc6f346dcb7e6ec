/* SPDX-License-Identifier: Apache-2.0
 * See yamldoc.h. */
#include "manifests/yamldoc.h"
#include "manifests/config.h"
#include "manifests/yaml.h"

#include <errno.h>

json_t *yamldoc_json(const char *file, const char *text, size_t len, struct err *err)
{
	struct tree t = {0};
	struct diag d = {0};
	const struct node *root = yaml_read(file, text, len, &t, &d);
	json_t *j = root && d.n_errors == 0 ? node_json(root) : NULL;
	if (!j && d.n)
		err_set(err, -EINVAL, "%s:%d:%d: %s", file, d.v[0].line, d.v[0].column,
			d.v[0].text);
	else if (!j)
		err_set(err, -EINVAL, "%s is not readable as YAML", file);
	diag_done(&d);
	tree_done(&t);
	return j;
}
