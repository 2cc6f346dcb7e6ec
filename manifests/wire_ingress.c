/* SPDX-License-Identifier: Apache-2.0
 * Ports of the whole cluster on the wire; see wire.h. */
#include "manifests/limits.h"
#include "manifests/wire.h"
#include "manifests/wirefield.h"

#include <errno.h>

void wire_ingress_done(struct wire_ingress *i)
{
	free(i->id);
	free(i->stack);
	free(i->service);
	for (size_t k = 0; k < i->n_ports; k++)
		free(i->ports[k].host_ip);
	free(i->ports);
	strlist_done(&i->nodes);
	*i = (struct wire_ingress){0};
}

json_t *wire_ingress_json(const struct wire_ingress *i)
{
	json_t *j = json_object(), *ports = json_array();
	json_put_str(j, "id", i->id);
	json_put_str(j, "stack", i->stack);
	json_put_str(j, "service", i->service);
	for (size_t k = 0; k < i->n_ports; k++) {
		const struct wire_ingress_port *p = &i->ports[k];
		json_t *v = json_object();
		json_put_int(v, "published", p->published);
		json_put_str(v, "protocol", spec_proto_name(p->protocol));
		json_put_str(v, "host_ip", p->host_ip);
		if (p->local)
			json_put_bool(v, "local", true);
		json_array_append_new(ports, v);
	}
	json_put_new(j, "ports", ports);
	json_put_strlist(j, "nodes", &i->nodes);
	return j;
}

static int port_parse(const json_t *v, struct wire_ingress_port *p, struct err *err)
{
	int64_t published = 0;
	auto_free char *protocol = NULL;
	int rc = wire_get_int(v, "published", 1, UINT16_MAX, &published, err);
	if (rc == 0 && !published)
		rc = err_set(err, -EINVAL, "'published' is missing");
	if (rc == 0)
		rc = wire_get_text(v, "protocol", true, &protocol, err);
	if (rc < 0)
		return rc;
	if (!spec_proto_parse(protocol, &p->protocol))
		return err_set(err, -EINVAL, "'protocol' must be tcp, udp or sctp");
	p->published = (uint16_t)published;
	p->local = json_bool(v, "local", false);
	return wire_get_text(v, "host_ip", false, &p->host_ip, err);
}

static int ports_parse(const json_t *list, struct wire_ingress *i, struct err *err)
{
	if (!json_is_array(list) || json_array_size(list) > LIMIT_SERVICE_PORTS)
		return err_set(err, -EINVAL, "'ports' must be a list of at most %d ports",
			       LIMIT_SERVICE_PORTS);
	size_t k;
	json_t *v;
	i->ports = xcalloc(json_array_size(list) + 1, sizeof(*i->ports));
	json_array_foreach(list, k, v)
	{
		int rc = port_parse(v, &i->ports[i->n_ports++], err);
		if (rc < 0)
			return err_wrap(err, rc, "'ports[%zu]'", k);
	}
	return 0;
}

int wire_ingress_parse(const json_t *j, struct wire_ingress *out, struct err *err)
{
	struct wire_ingress i = {0};
	int rc = wire_get_text(j, "id", true, &i.id, err);
	if (rc == 0)
		rc = wire_get_text(j, "stack", true, &i.stack, err);
	if (rc == 0)
		rc = wire_get_text(j, "service", true, &i.service, err);
	if (rc == 0)
		rc = ports_parse(json_object_get(j, "ports"), &i, err);
	if (rc == 0)
		rc = wire_get_list(j, "nodes", &i.nodes, err);
	if (rc < 0) {
		wire_ingress_done(&i);
		return err_wrap(err, rc, "ingress");
	}
	*out = i;
	return 0;
}
