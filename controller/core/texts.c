/* SPDX-License-Identifier: Apache-2.0
 * Wire objects as JSON text, written by hand: a hand-out to thousands of nodes is mostly this, and
 * what a template's tasks share is written once. The shapes are manifests/wire.h's, whose readers
 * are what the tests hold them against. */
#include "controller/core/hostports.h"
#include "controller/core/srvnames.h"
#include "manifests/canon.h"

#include <stdio.h>

void text_entry(struct str *s, enum wire_kind kind, const char *id, const char *id2)
{
	str_add(s, "{\"kind\":\"");
	str_add(s, wire_kind_name(kind));
	str_add(s, "\",\"id\":\"");
	str_add(s, id);
	if (id2) {
		str_addc(s, '/');
		str_add(s, id2);
	}
	str_addc(s, '"');
}

static void list(struct str *s, const char *key, const struct strlist *l)
{
	if (!l->n)
		return;
	str_addf(s, ",\"%s\":[", key);
	for (size_t i = 0; i < l->n; i++) {
		if (i)
			str_addc(s, ',');
		text_json(s, l->v[i]);
	}
	str_addc(s, ']');
}

/* Stack, service, hash, spec and volumes: the same for all tasks of a template. */
static const char *common(struct tmpl *t)
{
	if (t->wire)
		return t->wire;
	struct str s = {0};
	auto_json *spec = canon_service(&t->spec);
	auto_free char *text = json_text(spec);
	text_member(&s, "stack", t->stack);
	text_member(&s, "service", t->service);
	text_member(&s, "hash", t->hash);
	str_addf(&s, ",\"spec\":%s", text);
	if (t->volumes)
		str_addf(&s, ",\"volumes\":%s", t->volumes);
	t->wire = str_take(&s);
	return t->wire;
}

static void addresses(struct str *s, const struct attach *a)
{
	char ip[IPAM_TEXT], ip6[IPADDR_TEXT], mac[IPAM_MAC_TEXT];
	if (a->ip) {
		ipam_addr_text(a->ip, ip);
		str_addf(s, ",\"ip\":\"%s\"", ip);
	}
	if (ipaddr_is_set(&a->ip6))
		str_addf(s, ",\"ip6\":\"%s\"", ipaddr_format(&a->ip6, ip6));
	attach_mac(a, mac);
	str_addf(s, ",\"mac\":\"%s\"", mac);
}

/* ,"with":["ID","",""], by enum spec_space */
void text_joins(struct str *s, const struct task_joins *with)
{
	for (int k = 0; k < SPACE_MAX; k++)
		str_addf(s, "%s\"%s\"", k ? "," : ",\"with\":[", with->id[k]);
	str_addc(s, ']');
}

void text_task(struct str *s, struct task *t)
{
	auto_free char *name = task_name(t);
	str_add(s, "{\"id\":\"");
	str_add(s, t->id);
	str_addc(s, '"');
	text_member(s, "name", name);
	str_addf(s, ",\"slot\":%d", t->global ? 0 : t->slot + 1);
	if (t->stop && !t->draining)
		str_add(s, ",\"stop\":true");
	if (t->with)
		text_joins(s, t->with);
	hostports_text(s, t);
	str_add(s, common(t->tmpl));
	for (size_t i = 0; i < t->n_attach; i++) {
		const struct attach *a = &t->attach[i];
		str_addf(s, "%s{\"network_id\":\"%s\"", i ? "," : ",\"attach\":[", a->net->id);
		addresses(s, a);
		list(s, "aliases", &t->tmpl->spec.networks[i].aliases);
		str_addc(s, '}');
	}
	str_add(s, t->n_attach ? "]}" : "}");
}

static void name_item(struct str *s, const char *a, const char *b, const char *c)
{
	struct str t = {0};
	str_add(&t, a);
	str_add(&t, b);
	str_add(&t, c);
	str_addc(s, ',');
	text_json(s, t.data);
	str_done(&t);
}

/* One stable name for each replica: web-1 and web-1.STACK stay over restarts and moves. A service that
 * is really called so keeps the short one. */
static void replica_names(struct str *s, const struct service *svc, int number)
{
	auto_free char *name = xasprintf("%s-%d", svc->name, number);
	if (!map_has(&svc->stack->services, name))
		name_item(s, name, "", "");
	name_item(s, name, ".", svc->stack->name);
}

/* All names that resolve to the endpoint, or with a VIP to that, once each. */
static void names(struct str *s, const struct attach *a, const char *task, bool vip)
{
	const struct service *svc = a->task->svc;
	const char *stack = svc->stack->name, *service = svc->name;
	const struct spec_service *spec = &a->task->tmpl->spec;
	const struct strlist *aliases = &spec->networks[(size_t)(a - a->task->attach)].aliases;
	str_add(s, vip ? ",\"vip_names\":[" : ",\"names\":[");
	text_json(s, service);
	for (size_t i = 0; i < aliases->n; i++)
		if (!streq(aliases->v[i], service))
			name_item(s, aliases->v[i], "", "");
	name_item(s, stack, "_", service);
	name_item(s, service, ".", stack);
	if (vip) {
		str_add(s, "],\"names\":[");
		text_json(s, task);
	} else {
		name_item(s, task, "", "");
	}
	name_item(s, "tasks.", service, "");
	if (spec->container_name && !streq(spec->container_name, service))
		name_item(s, spec->container_name, "", "");
	if (!a->task->global)
		replica_names(s, svc, a->task->slot + 1);
	str_addc(s, ']');
}

void text_endpoint(struct str *s, const struct attach *a)
{
	const struct task *t = a->task;
	const struct vip *vip =
		t->tmpl->spec.endpoint_mode == ENDPOINT_VIP ? vip_of(t->svc, a->net) : NULL;
	auto_free char *name = task_name(t);
	str_addf(s, "{\"id\":\"%s/%s\",\"network_id\":\"%s\",\"task_id\":\"%s\"", t->id, a->net->id,
		 a->net->id, t->id);
	text_member(s, "task_name", name);
	text_member(s, "service", t->svc->name);
	names(s, a, name, vip);
	auto_strlist srv = {0};
	srvnames_of(&t->tmpl->spec, &srv);
	list(s, "srv", &srv);
	addresses(s, a);
	if (vip) {
		char ip[IPADDR_TEXT];
		text_member(s, "vip", vips_text(vip, AF_INET, ip));
		text_member(s, "vip6", vips_text(vip, AF_INET6, ip));
		str_add(s, vips_local(t->svc) ? ",\"vip_local\":true" : "");
	}
	text_member(s, "node_id", t->node->id);
	text_member(s, "vtep", t->node->info.address);
	str_add(s, task_up(t) ? ",\"ready\":true}" : "}");
}

void text_network(struct str *s, const struct network *n)
{
	char text[IPAM_TEXT], text6[IPPREFIX_TEXT];
	str_addf(s, "{\"id\":\"%s\"", n->id);
	text_member(s, "name", n->name);
	text_member(s, "stack", n->stack);
	str_addf(s, ",\"vni\":%u,\"mtu\":%d", n->vni, spec_network_mtu(&n->spec));
	if (n->subnet.used) {
		ipam_cidr_text(n->subnet.base, n->subnet.prefix, text);
		text_member(s, "subnet", text);
		ipam_addr_text(n->subnet.gateway, text);
		text_member(s, "gateway", text);
	}
	if (ipam6_is_set(&n->subnet6)) {
		text_member(s, "subnet6", ipprefix_format(&n->subnet6.subnet, text6));
		text_member(s, "gateway6", ipaddr_format(&n->subnet6.gateway, text6));
	}
	if (n->internal)
		str_add(s, ",\"internal\":true");
	if (n->encrypted)
		str_add(s, ",\"encrypted\":true");
	text_member(s, "driver", n->driver);
	if (n->lan) {
		text_member(s, "parent", spec_network_parent(&n->spec));
		text_member(s, "mode", spec_network_lan_mode(&n->spec));
	}
	str_addc(s, '}');
}

/* A node as its peers need it: who it is and where. */
void text_peer(struct str *s, const struct node *n)
{
	str_add(s, "{\"id\":");
	text_json(s, n->id);
	text_member(s, "name", n->name);
	text_member(s, "address", n->info.address);
	text_member(s, "tunnel_key", n->info.tunnel_key);
	text_member(s, "tunnel_next", n->info.tunnel_next);
	if (n->info.tunnel_port)
		str_addf(s, ",\"tunnel_port\":%d", n->info.tunnel_port);
	str_addc(s, '}');
}
