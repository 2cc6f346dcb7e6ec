/* SPDX-License-Identifier: Apache-2.0
 * Nodes: listing, labels, and removing those that are gone for good. */
#include "controller/api/api.h"
#include <errno.h>

void api_node_list(struct call *c)
{
	httpd_reply_json(c->req, 200, cluster_nodes_json(c->s->cluster));
}

void api_node_del(struct call *c)
{
	struct err err = {0};
	int r = cluster_node_del(c->s->cluster, c->arg[0], &err);

	if (r)
		api_fail(c, r, &err);
	else
		server_reply(c, 200, NULL);
}

void api_node_labels(struct call *c)
{
	struct err err = {0};
	struct kvlist labels = {0};
	auto_json *body = api_body(c);
	json_t *value, *object;
	const char *key;
	int r = 0;

	if (!body)
		return;
	object = json_object_get(body, "labels");
	if (!json_object_size(object))
		r = err_set(&err, -EINVAL, "'labels' must be an object with at least one label");
	json_object_foreach(object, key, value)
	{
		if (!json_is_string(value) && !json_is_null(value))
			r = err_set(&err, -EINVAL,
				    "label '%.100s' must be text, or null to remove it", key);
	}
	if (!r) {
		json_kvlist(body, "labels", &labels);
		r = cluster_node_labels(c->s->cluster, c->arg[0], &labels, &err);
		kvlist_done(&labels);
	}
	if (r)
		api_fail(c, r, &err);
	else
		server_reply(c, 200, NULL);
}
