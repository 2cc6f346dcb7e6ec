/* SPDX-License-Identifier: Apache-2.0
 * What this host's overlay holds, as small files in the run directory, so that a new life of the
 * agent knows ports, addresses and rules of what still runs. Lost with the machine's power, as all
 * they describe. */
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "overlay/host.h"
#include "overlay/lan.h"
#include "overlay/netns.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RECORD_LIST_MAX 100000

static int put(const struct overlay *o, const char *kind, const char *id, const json_t *j,
	       struct err *err)
{
	auto_free char *dir = xasprintf("%s/%s", o->state_dir, kind);
	auto_free char *path = xasprintf("%s/%s", dir, id);
	auto_free char *text = json_text(j);
	int r = dir_make(dir, 0700, err);
	return r < 0 ? r : file_replace(path, text, strlen(text), 0600, err);
}

void record_drop(const struct overlay *o, const char *kind, const char *id)
{
	auto_free char *path = xasprintf("%s/%s/%s", o->state_dir, kind, id);
	if (unlink(path) < 0 && errno != ENOENT)
		log_warn("overlay", "cannot remove \"%s\": %m", path);
}

void record_wipe(const struct overlay *o)
{
	struct err err = {0};
	if (dir_remove(o->state_dir, &err) < 0)
		log_warn("overlay", "%s", err_text(&err));
}

static void put_ip(json_t *j, const char *key, const struct ipaddr *ip)
{
	char text[IPADDR_TEXT];
	if (ipaddr_is_set(ip))
		json_put_str(j, key, ipaddr_format(ip, text));
}

static void put_prefix(json_t *j, const char *key, const struct ipprefix *p)
{
	char text[IPPREFIX_TEXT];
	if (ipprefix_is_set(p))
		json_put_str(j, key, ipprefix_format(p, text));
}

int record_put_network(const struct overlay *o, const struct network *n, struct err *err)
{
	auto_json *j = json_object();
	json_put_int(j, "vni", n->spec.vni);
	put_prefix(j, "subnet", &n->spec.subnet);
	put_prefix(j, "subnet6", &n->spec.subnet6);
	put_ip(j, "gateway", &n->spec.gateway);
	put_ip(j, "gateway6", &n->spec.gateway6);
	json_put_int(j, "mtu", n->spec.mtu);
	json_put_bool(j, "internal", n->spec.internal);
	json_put_bool(j, "encrypted", n->spec.encrypted);
	if (lan_is(n)) {
		json_put_int(j, "driver", n->spec.driver);
		json_put_int(j, "macvlan", n->spec.macvlan);
		json_put_str(j, "parent", n->spec.parent);
	}
	return put(o, "networks", n->id, j, err);
}

int record_put_sandbox(const struct overlay *o, const struct sandbox *s, struct err *err)
{
	auto_json *j = json_object();
	json_t *ends = json_array(), *ports = json_array();
	for (size_t i = 0; i < s->n_endpoints; i++) {
		const struct endpoint *e = &s->endpoints[i];
		char mac[13];
		json_t *v = json_object();
		hex_encode(e->mac, sizeof(e->mac), mac);
		struct strlist extra = {0};
		for (size_t k = 0; k < e->n_extra; k++) {
			char text[IPADDR_TEXT];
			strlist_add(&extra, ipaddr_format(&e->extra[k], text));
		}
		json_put_str(v, "network", e->network_id);
		json_put_str(v, "mac", mac);
		put_ip(v, "ip", &e->ip);
		put_ip(v, "ip6", &e->ip6);
		json_put_str(v, "ifname", e->ifname);
		json_put_int(v, "gw_priority", e->gw_priority);
		json_put_strlist(v, "extra", &extra);
		strlist_done(&extra);
		json_array_append_new(ends, v);
	}
	for (size_t i = 0; i < s->n_ports; i++) {
		const struct ov_publish *p = &s->ports[i].spec;
		json_t *v = json_object();
		put_ip(v, "host_ip", &p->host_ip);
		json_put_int(v, "host_port", p->host_port);
		json_put_int(v, "target", p->target);
		json_put_int(v, "proto", p->proto);
		json_array_append_new(ports, v);
	}
	json_put_new(j, "endpoints", ends);
	json_put_new(j, "ports", ports);
	return put(o, "sandboxes", s->id, j, err);
}

int record_put_ingress(const struct overlay *o, const char *id, const struct ov_ingress_port *ports,
		       size_t n, struct err *err)
{
	auto_json *j = json_object();
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		const struct ov_ingress_port *p = &ports[i];
		json_t *v = json_object(), *backends = json_array();
		put_ip(v, "host_ip", &p->host_ip);
		json_put_int(v, "port", p->port);
		json_put_int(v, "proto", p->proto);
		json_put_bool(v, "far", p->far);
		for (size_t k = 0; k < p->n; k++) {
			json_t *b = json_object();
			put_ip(b, "ip", &p->backends[k].ip);
			put_ip(b, "ip6", &p->backends[k].ip6);
			json_put_int(b, "port", p->backends[k].port);
			json_array_append_new(backends, b);
		}
		json_put_new(v, "backends", backends);
		json_array_append_new(list, v);
	}
	json_put_new(j, "ports", list);
	return put(o, "ingress", id, j, err);
}

static void load_network(struct overlay *o, const char *id, const json_t *j)
{
	struct ov_network spec = {.id = id,
				  .vni = (uint32_t)json_int(j, "vni", 0),
				  .mtu = (int)json_int(j, "mtu", 0),
				  .internal = json_bool(j, "internal", false),
				  .encrypted = json_bool(j, "encrypted", false),
				  .driver = (enum ov_driver)json_int(j, "driver", OV_OVERLAY),
				  .macvlan = (enum ov_macvlan)json_int(j, "macvlan", 0)};
	snprintf(spec.parent, sizeof(spec.parent), "%s", json_str_or(j, "parent", ""));
	bool v4 = ipprefix_parse(json_str(j, "subnet"), &spec.subnet) &&
		  ipaddr_parse(json_str(j, "gateway"), &spec.gateway);
	bool v6 = ipprefix_parse(json_str(j, "subnet6"), &spec.subnet6) &&
		  ipaddr_parse(json_str(j, "gateway6"), &spec.gateway6);
	if (!v4 && !v6)
		return;
	struct network *n = ov_network_new(&spec);
	struct err err = {0};
	if (network_build(o, n, &err) < 0)
		log_warn("overlay", "network \"%s\" of an earlier life: %s", id, err_text(&err));
	map_set(&o->networks, n->id, n);
}

static void load_extra(struct endpoint *e, const json_t *v)
{
	auto_strlist list = {0};
	json_strlist(v, "extra", &list);
	e->extra = xcalloc(list.n + 1, sizeof(*e->extra));
	for (size_t i = 0; i < list.n; i++)
		if (ipaddr_parse(list.v[i], &e->extra[e->n_extra]))
			e->n_extra++;
}

static void load_endpoints(struct overlay *o, struct sandbox *s, int ns, const json_t *list)
{
	size_t n = json_array_size(list), i;
	json_t *v;
	if (n == 0 || n > RECORD_LIST_MAX)
		return;
	s->endpoints = xcalloc(n, sizeof(*s->endpoints));
	json_array_foreach(list, i, v)
	{
		struct endpoint e = {0};
		struct link_info li;
		const char *network = json_str(v, "network"), *mac = json_str(v, "mac");
		bool v4 = ipaddr_parse(json_str(v, "ip"), &e.ip);
		bool v6 = ipaddr_parse(json_str(v, "ip6"), &e.ip6);
		if (!network || !mac || !hex_decode(mac, e.mac, sizeof(e.mac)) || (!v4 && !v6))
			continue;
		e.network_id = xstrdup(network);
		snprintf(e.ifname, sizeof(e.ifname), "%s", json_str_or(v, "ifname", "eth0"));
		e.gw_priority = json_int(v, "gw_priority", 0);
		load_extra(&e, v);
		endpoint_name(s->id, s->n_endpoints, e.veth);
		const struct network *net = network_get(o, network);
		e.inside = net && lan_is_inside(net);
		if (e.inside)
			e.veth_index = lanend_find(o, &e, ns);
		else if (link_find(o->nl, e.veth, &li, NULL) == 0)
			e.veth_index = li.index;
		s->endpoints[s->n_endpoints++] = e;
	}
}

static void load_ports(struct sandbox *s, const json_t *list)
{
	size_t n = json_array_size(list), i;
	json_t *v;
	if (n == 0 || n > RECORD_LIST_MAX)
		return;
	s->ports = xcalloc(n, sizeof(*s->ports));
	json_array_foreach(list, i, v)
	{
		struct published p = {0};
		(void)ipaddr_parse(json_str(v, "host_ip"), &p.spec.host_ip);
		p.spec.host_port = (uint16_t)json_int(v, "host_port", 0);
		p.spec.target = (uint16_t)json_int(v, "target", 0);
		p.spec.proto = (uint8_t)json_int(v, "proto", 0);
		if (p.spec.host_port && p.spec.target && p.spec.proto)
			s->ports[s->n_ports++] = p;
	}
}

static void load_sandbox(struct overlay *o, const char *id, const json_t *j)
{
	auto_free char *path = xasprintf("%s/%s", o->netns_dir, id);
	auto_close int ns = netns_open(path, NULL);
	if (ns < 0) { /* the machine was restarted, or it was being made */
		record_drop(o, "sandboxes", id);
		return;
	}
	struct sandbox *s = xcalloc(1, sizeof(*s));
	s->host = o;
	s->id = xstrdup(id);
	s->path = take_ptr(path);
	load_endpoints(o, s, ns, json_object_get(j, "endpoints"));
	load_ports(s, json_object_get(j, "ports"));
	map_set(&o->sandboxes, s->id, s);
}

static struct ov_backend *load_backends(const json_t *list, size_t *ret_n)
{
	size_t n = json_array_size(list), i;
	json_t *v;
	struct ov_backend *b = xcalloc(n + 1, sizeof(*b));
	json_array_foreach(list, i, v)
	{
		(void)ipaddr_parse(json_str(v, "ip"), &b[i].ip);
		(void)ipaddr_parse(json_str(v, "ip6"), &b[i].ip6);
		b[i].port = (uint16_t)json_int(v, "port", 0);
	}
	*ret_n = n;
	return b;
}

/* Once more as it was: the sockets are taken again, the rules written by firewall_open. */
static void load_ingress(struct overlay *o, const char *id, const json_t *j)
{
	const json_t *list = json_object_get(j, "ports");
	size_t n = json_array_size(list), i;
	json_t *v;
	struct err err = {0};
	if (n == 0 || n > RECORD_LIST_MAX)
		return;
	struct ov_ingress_port *ports = xcalloc(n, sizeof(*ports));
	json_array_foreach(list, i, v)
	{
		struct ov_ingress_port *p = &ports[i];
		(void)ipaddr_parse(json_str(v, "host_ip"), &p->host_ip);
		p->port = (uint16_t)json_int(v, "port", 0);
		p->proto = (uint8_t)json_int(v, "proto", 0);
		p->far = json_bool(v, "far", false);
		p->backends = load_backends(json_object_get(v, "backends"), &p->n);
	}
	if (ingress_load(o, id, ports, n, &err) < 0)
		log_warn("overlay", "%s", err_text(&err));
	for (i = 0; i < n; i++)
		free((void *)ports[i].backends);
	free(ports);
}

static void load_kind(struct overlay *o, const char *kind,
		      void (*load)(struct overlay *, const char *, const json_t *))
{
	auto_free char *dir = xasprintf("%s/%s", o->state_dir, kind);
	DIR *d = opendir(dir);
	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d));) {
		if (!host_id_ok(e->d_name))
			continue;
		auto_free char *path = xasprintf("%s/%s", dir, e->d_name);
		struct err err = {0};
		auto_json *j = json_parse_file(path, &err);
		if (j)
			load(o, e->d_name, j);
		else
			log_warn("overlay", "%s", err_text(&err));
	}
	closedir(d);
}

void record_load(struct overlay *o)
{
	load_kind(o, "networks", load_network);
	load_kind(o, "sandboxes", load_sandbox);
	load_kind(o, "ingress", load_ingress);
}
