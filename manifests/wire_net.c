/* SPDX-License-Identifier: Apache-2.0
 * Networks, endpoints and nodes on the wire; see wire.h. */
#include "base/num.h"
#include "manifests/wire.h"
#include "manifests/wirefield.h"

#include <errno.h>
#include <string.h>

#define VNI_MAX 0xffffff
#define MTU_MAX 65535

void wire_network_done(struct wire_network *n)
{
	free(n->id);
	free(n->name);
	free(n->stack);
	free(n->subnet);
	free(n->gateway);
	free(n->subnet6);
	free(n->gateway6);
	free(n->driver);
	free(n->parent);
	free(n->mode);
	*n = (struct wire_network){0};
}

json_t *wire_network_json(const struct wire_network *n)
{
	json_t *j = json_object();
	json_put_str(j, "id", n->id);
	json_put_str(j, "name", n->name);
	json_put_str(j, "stack", n->stack);
	json_put_int(j, "vni", n->vni);
	json_put_str(j, "subnet", n->subnet);
	json_put_str(j, "gateway", n->gateway);
	json_put_str(j, "subnet6", n->subnet6);
	json_put_str(j, "gateway6", n->gateway6);
	json_put_int(j, "mtu", n->mtu);
	if (n->internal)
		json_put_bool(j, "internal", true);
	if (n->encrypted)
		json_put_bool(j, "encrypted", true);
	json_put_str(j, "driver", n->driver);
	json_put_str(j, "parent", n->parent);
	json_put_str(j, "mode", n->mode);
	return j;
}

static int network_parse(const json_t *j, struct wire_network *n, struct err *err)
{
	int64_t vni = 0, mtu = 0;
	int rc = wire_get_id(j, "id", true, &n->id, err);
	if (rc == 0)
		rc = wire_get_text(j, "name", true, &n->name, err);
	if (rc == 0)
		rc = wire_get_text(j, "stack", false, &n->stack, err);
	if (rc == 0)
		rc = wire_get_text(j, "subnet", false, &n->subnet, err);
	if (rc == 0)
		rc = wire_get_text(j, "gateway", false, &n->gateway, err);
	if (rc == 0)
		rc = wire_get_text(j, "subnet6", false, &n->subnet6, err);
	if (rc == 0)
		rc = wire_get_text(j, "gateway6", false, &n->gateway6, err);
	if (rc == 0)
		rc = wire_get_text(j, "driver", false, &n->driver, err);
	if (rc == 0)
		rc = wire_get_text(j, "parent", false, &n->parent, err);
	if (rc == 0)
		rc = wire_get_text(j, "mode", false, &n->mode, err);
	if (rc == 0)
		rc = wire_get_int(j, "vni", 0, VNI_MAX, &vni, err);
	if (rc == 0)
		rc = wire_get_int(j, "mtu", 0, MTU_MAX, &mtu, err);
	n->vni = (uint32_t)vni;
	n->mtu = (int)mtu;
	n->internal = json_bool(j, "internal", false);
	n->encrypted = json_bool(j, "encrypted", false);
	return rc;
}

int wire_network_parse(const json_t *j, struct wire_network *out, struct err *err)
{
	struct wire_network n = {0};
	int rc = network_parse(j, &n, err);
	if (rc < 0) {
		wire_network_done(&n);
		return err_wrap(err, rc, "network");
	}
	*out = n;
	return 0;
}

void wire_endpoint_done(struct wire_endpoint *e)
{
	free(e->id);
	free(e->network_id);
	free(e->task_id);
	free(e->task_name);
	free(e->service);
	strlist_done(&e->names);
	strlist_done(&e->vip_names);
	strlist_done(&e->srv);
	free(e->vip);
	free(e->vip6);
	free(e->ip);
	free(e->ip6);
	free(e->mac);
	free(e->node_id);
	free(e->vtep);
	*e = (struct wire_endpoint){0};
}

json_t *wire_endpoint_json(const struct wire_endpoint *e)
{
	json_t *j = json_object();
	json_put_str(j, "id", e->id);
	json_put_str(j, "network_id", e->network_id);
	json_put_str(j, "task_id", e->task_id);
	json_put_str(j, "task_name", e->task_name);
	json_put_str(j, "service", e->service);
	json_put_strlist(j, "names", &e->names);
	json_put_str(j, "vip", e->vip);
	json_put_str(j, "vip6", e->vip6);
	json_put_strlist(j, "vip_names", &e->vip_names);
	json_put_strlist(j, "srv", &e->srv);
	if (e->vip_local)
		json_put_bool(j, "vip_local", true);
	json_put_str(j, "ip", e->ip);
	json_put_str(j, "ip6", e->ip6);
	json_put_str(j, "mac", e->mac);
	json_put_str(j, "node_id", e->node_id);
	json_put_str(j, "vtep", e->vtep);
	if (e->ready)
		json_put_bool(j, "ready", true);
	return j;
}

static int endpoint_parse(const json_t *j, struct wire_endpoint *e, struct err *err)
{
	int rc = wire_get_text(j, "id", true, &e->id, err);
	if (rc == 0)
		rc = wire_get_id(j, "network_id", true, &e->network_id, err);
	if (rc == 0)
		rc = wire_get_id(j, "task_id", false, &e->task_id, err);
	if (rc == 0)
		rc = wire_get_text(j, "task_name", false, &e->task_name, err);
	if (rc == 0)
		rc = wire_get_text(j, "service", false, &e->service, err);
	if (rc == 0)
		rc = wire_get_list(j, "names", &e->names, err);
	if (rc == 0)
		rc = wire_get_list(j, "vip_names", &e->vip_names, err);
	if (rc == 0)
		rc = wire_get_list(j, "srv", &e->srv, err);
	if (rc == 0)
		rc = wire_get_text(j, "vip", false, &e->vip, err);
	if (rc == 0)
		rc = wire_get_text(j, "vip6", false, &e->vip6, err);
	if (rc == 0)
		rc = wire_get_text(j, "ip", false, &e->ip, err);
	if (rc == 0)
		rc = wire_get_text(j, "ip6", false, &e->ip6, err);
	if (rc == 0 && !e->ip && !e->ip6)
		rc = err_set(err, -EINVAL, "'ip' is missing");
	if (rc == 0)
		rc = wire_get_text(j, "mac", false, &e->mac, err);
	if (rc == 0)
		rc = wire_get_text(j, "node_id", false, &e->node_id, err);
	if (rc == 0)
		rc = wire_get_text(j, "vtep", false, &e->vtep, err);
	e->vip_local = json_bool(j, "vip_local", false);
	e->ready = json_bool(j, "ready", false);
	return rc;
}

int wire_endpoint_parse(const json_t *j, struct wire_endpoint *out, struct err *err)
{
	struct wire_endpoint e = {0};
	int rc = endpoint_parse(j, &e, err);
	if (rc < 0) {
		wire_endpoint_done(&e);
		return err_wrap(err, rc, "endpoint");
	}
	*out = e;
	return 0;
}

void wire_node_done(struct wire_node *n)
{
	free(n->id);
	free(n->name);
	free(n->address);
	free(n->os);
	free(n->arch);
	free(n->kernel);
	free(n->version);
	free(n->seal_key);
	kvlist_done(&n->labels);
	free(n->tunnel_key);
	free(n->tunnel_next);
	free(n->no_encrypt);
	strlist_done(&n->subnets);
	kvlist_done(&n->parents);
	kvlist_done(&n->no_bridge);
	kvlist_done(&n->no_driver);
	strlist_done(&n->devices);
	*n = (struct wire_node){0};
}

bool wire_tunnel_address(const char *node_id, struct ipaddr *ret)
{
	struct ipaddr a = {.family = AF_INET6, .bytes = {0xfd, 0x63, 0x6b, 0x77, 0x67}};
	if (!node_id || strlen(node_id) != 12 || !hex_decode(node_id, a.bytes + 10, 6))
		return false;
	*ret = a;
	return true;
}

json_t *wire_node_json(const struct wire_node *n)
{
	json_t *j = json_object();
	json_put_str(j, "id", n->id);
	json_put_str(j, "name", n->name);
	json_put_str(j, "address", n->address);
	json_put_str(j, "os", n->os);
	json_put_str(j, "arch", n->arch);
	json_put_str(j, "kernel", n->kernel);
	json_put_str(j, "version", n->version);
	json_put_new(j, "cpus", json_real(n->cpus));
	json_put_int(j, "memory", n->memory);
	json_put_kvlist(j, "labels", &n->labels);
	json_put_str(j, "tunnel_key", n->tunnel_key);
	json_put_str(j, "tunnel_next", n->tunnel_next);
	if (n->tunnel_port)
		json_put_int(j, "tunnel_port", n->tunnel_port);
	json_put_str(j, "no_encrypt", n->no_encrypt);
	json_put_strlist(j, "subnets", &n->subnets);
	json_put_str(j, "seal_key", n->seal_key);
	json_put_kvlist(j, "parents", &n->parents);
	json_put_kvlist(j, "no_bridge", &n->no_bridge);
	json_put_kvlist(j, "no_driver", &n->no_driver);
	json_put_strlist(j, "devices", &n->devices);
	return j;
}

static int get_key(const json_t *j, const char *name, char **ret, struct err *err)
{
	uint8_t key[32];
	int rc = wire_get_text(j, name, false, ret, err);
	if (rc == 0 && *ret && (strlen(*ret) != 64 || !hex_decode(*ret, key, sizeof(key))))
		rc = err_set(err, -EINVAL, "'%s' must be 64 hex digits", name);
	return rc;
}

static int tunnel_parse(const json_t *j, struct wire_node *n, struct err *err)
{
	int64_t port = 0;
	int rc = get_key(j, "tunnel_key", &n->tunnel_key, err);
	if (rc == 0)
		rc = get_key(j, "tunnel_next", &n->tunnel_next, err);
	if (rc == 0)
		rc = wire_get_text(j, "no_encrypt", false, &n->no_encrypt, err);
	if (rc == 0)
		rc = wire_get_int(j, "tunnel_port", 0, 65535, &port, err);
	n->tunnel_port = (int)port;
	return rc;
}

static int node_parse(const json_t *j, struct wire_node *n, struct err *err)
{
	int rc = wire_get_text(j, "id", false, &n->id, err);
	if (rc == 0)
		rc = wire_get_text(j, "name", true, &n->name, err);
	if (rc == 0)
		rc = wire_get_text(j, "address", false, &n->address, err);
	if (rc == 0)
		rc = wire_get_text(j, "os", false, &n->os, err);
	if (rc == 0)
		rc = wire_get_text(j, "arch", false, &n->arch, err);
	if (rc == 0)
		rc = wire_get_text(j, "kernel", false, &n->kernel, err);
	if (rc == 0)
		rc = wire_get_text(j, "version", false, &n->version, err);
	if (rc == 0)
		rc = wire_get_map(j, "labels", &n->labels, err);
	if (rc == 0)
		rc = wire_get_list(j, "subnets", &n->subnets, err);
	if (rc == 0)
		rc = wire_get_id(j, "seal_key", false, &n->seal_key, err);
	if (rc == 0)
		rc = wire_get_map(j, "parents", &n->parents, err);
	if (rc == 0)
		rc = wire_get_map(j, "no_bridge", &n->no_bridge, err);
	if (rc == 0)
		rc = wire_get_map(j, "no_driver", &n->no_driver, err);
	if (rc == 0)
		rc = wire_get_list(j, "devices", &n->devices, err);
	if (rc == 0)
		rc = wire_get_int(j, "memory", 0, INT64_MAX, &n->memory, err);
	n->cpus = json_num(j, "cpus", 0);
	return rc < 0 ? rc : tunnel_parse(j, n, err);
}

int wire_node_parse(const json_t *j, struct wire_node *out, struct err *err)
{
	struct wire_node n = {0};
	int rc = node_parse(j, &n, err);
	if (rc == 0 && n.cpus < 0)
		rc = err_set(err, -EINVAL, "'cpus' must not be negative");
	if (rc < 0) {
		wire_node_done(&n);
		return err_wrap(err, rc, "node");
	}
	*out = n;
	return 0;
}
