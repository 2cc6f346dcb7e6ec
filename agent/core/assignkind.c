/* SPDX-License-Identifier: Apache-2.0
 * One table: how the objects of each kind are read, written and freed. */
#include "agent/core/assignkind.h"
#include "manifests/sealed.h"
#include <stdlib.h>

static void free_task(void *p)
{
	wire_task_done(p);
	free(p);
}
static void free_network(void *p)
{
	wire_network_done(p);
	free(p);
}
static void free_endpoint(void *p)
{
	wire_endpoint_done(p);
	free(p);
}
static void free_sealed(void *p)
{
	sealed_done(p);
	free(p);
}
static void free_node(void *p)
{
	wire_node_done(p);
	free(p);
}

static void free_ingress(void *p)
{
	wire_ingress_done(p);
	free(p);
}

static int parse_task(const json_t *j, void *out, struct err *err)
{
	return wire_task_parse(j, out, err);
}
static int parse_network(const json_t *j, void *out, struct err *err)
{
	return wire_network_parse(j, out, err);
}
static int parse_endpoint(const json_t *j, void *out, struct err *err)
{
	return wire_endpoint_parse(j, out, err);
}
static int parse_sealed(const json_t *j, void *out, struct err *err)
{
	return sealed_parse(j, out, err);
}
static int parse_node(const json_t *j, void *out, struct err *err)
{
	return wire_node_parse(j, out, err);
}
static int parse_ingress(const json_t *j, void *out, struct err *err)
{
	return wire_ingress_parse(j, out, err);
}

static json_t *task_json(const void *p)
{
	return wire_task_json(p);
}
static json_t *network_json(const void *p)
{
	return wire_network_json(p);
}
static json_t *endpoint_json(const void *p)
{
	return wire_endpoint_json(p);
}
static json_t *sealed_text(const void *p)
{
	return sealed_json(p);
}
static json_t *node_json(const void *p)
{
	return wire_node_json(p);
}
static json_t *ingress_json(const void *p)
{
	return wire_ingress_json(p);
}

const struct assign_kind assign_kinds[KIND_MAX] = {
	[KIND_TASK] = {sizeof(struct wire_task), free_task, parse_task, task_json},
	[KIND_NETWORK] = {sizeof(struct wire_network), free_network, parse_network, network_json},
	[KIND_ENDPOINT] = {sizeof(struct wire_endpoint), free_endpoint, parse_endpoint,
			   endpoint_json},
	[KIND_NODE] = {sizeof(struct wire_node), free_node, parse_node, node_json},
	[KIND_INGRESS] = {sizeof(struct wire_ingress), free_ingress, parse_ingress, ingress_json},
	[KIND_SEALED] = {sizeof(struct sealed), free_sealed, parse_sealed, sealed_text},
};
