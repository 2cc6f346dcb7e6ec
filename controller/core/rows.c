/* SPDX-License-Identifier: Apache-2.0
 * Objects as rows of the store; load.c reads them back. */
#include "controller/core/hostports.h"
#include "manifests/canon.h"

#include <string.h>

void row_stack(struct cluster *c, const struct stack *s)
{
	struct str t = {0};
	str_addf(&t, "{\"revision\":%lld,\"time\":%lld", (long long)s->revision,
		 (long long)s->applied_ms);
	if (s->removing)
		str_add(&t, ",\"removing\":true");
	if (s->pinned.n) {
		str_add(&t, ",\"pinned\":{");
		for (size_t i = 0; i < s->pinned.n; i++) {
			str_add(&t, i ? "," : "");
			text_json(&t, s->pinned.v[i].k);
			str_addc(&t, ':');
			text_json(&t, s->pinned.v[i].v);
		}
		str_addc(&t, '}');
	}
	str_addf(&t, ",\"spec\":%s}", s->text);
	cluster_put(c, "stacks", s->name, str_take(&t));
}

void row_network(struct cluster *c, const struct network *n)
{
	auto_json *j = json_object();
	char text[IPPREFIX_TEXT];
	json_put_str(j, "name", n->name);
	json_put_str(j, "stack", n->stack);
	json_put_str(j, "key", n->key);
	json_object_set_new(j, "spec", canon_network(&n->spec));
	if (n->dying)
		json_put_bool(j, "dying", true);
	if (n->ready) {
		json_put_int(j, "vni", n->vni);
		struct ipprefix v4 = network_prefix4(n);
		if (n->subnet.used)
			json_put_str(j, "subnet", ipprefix_format(&v4, text));
		if (ipam6_is_set(&n->subnet6))
			json_put_str(j, "subnet6", ipprefix_format(&n->subnet6.subnet, text));
	}
	cluster_put(c, "networks", n->id, json_text(j));
}

void row_node(struct cluster *c, const struct node *n)
{
	auto_json *j = json_object();
	json_put_str(j, "name", n->name);
	json_put_bool(j, "up", n->up);
	json_put_bool(j, "hello", n->said_hello);
	json_put_int(j, "last_seen", n->last_seen);
	json_put_kvlist(j, "op_labels", &n->op_labels);
	if (n->said_hello)
		json_put_new(j, "info", wire_node_json(&n->info));
	cluster_put(c, "nodes", n->id, json_text(j));
}

void row_tmpl(struct cluster *c, const struct tmpl *t)
{
	auto_json *j = json_object();
	json_put_str(j, "stack", t->stack);
	json_put_str(j, "service", t->service);
	json_object_set_new(j, "spec", canon_service(&t->spec));
	if (t->volumes)
		json_put_new(j, "volumes", json_parse(t->volumes, strlen(t->volumes), NULL));
	json_t *ids = json_array();
	for (size_t i = 0; i < t->n_networks; i++)
		json_array_append_new(ids, json_string(t->network_ids[i]));
	json_object_set_new(j, "networks", ids);
	cluster_put(c, "specs", t->id, json_text(j));
}

static void attach_rows(struct str *s, const struct task *t)
{
	str_add(s, ",\"attach\":[");
	for (size_t i = 0; i < t->n_attach; i++) {
		const struct attach *a = &t->attach[i];
		char ip[IPAM_TEXT] = "", ip6[IPADDR_TEXT];
		if (a->ip)
			ipam_addr_text(a->ip, ip);
		str_addf(s, "%s[\"%s\",\"%s\"", i ? "," : "", a->net->id, ip);
		if (ipaddr_is_set(&a->ip6) || a->handed)
			str_addf(s, ",\"%s\"", ipaddr_format(&a->ip6, ip6));
		if (a->handed)
			str_add(s, ",true");
		str_addc(s, ']');
	}
	str_addc(s, ']');
}

/* Written by hand: at scale most of what a commit holds is task rows. */
void row_task(struct cluster *c, const struct task *t)
{
	struct str s = {0};
	str_add(&s, "{\"stack\":");
	text_json(&s, t->svc->stack->name);
	text_member(&s, "service", t->svc->name);
	text_member(&s, "spec", t->tmpl->id);
	str_addf(&s, ",\"slot\":%d", t->slot);
	text_member(&s, "node", t->node ? t->node->id : NULL);
	if (t->stop)
		str_add(&s, ",\"stop\":true");
	if (t->lost)
		str_add(&s, ",\"lost\":true");
	if (t->global)
		str_add(&s, ",\"global\":true");
	if (t->retiring)
		str_add(&s, ",\"retiring\":true");
	if (t->svc->slots[t->slot].cur != t)
		str_add(&s, ",\"old\":true");
	text_member(&s, "state", task_state_name(t->state));
	if (t->health != HEALTH_NONE)
		text_member(&s, "health", task_health_name(t->health));
	text_member(&s, "reason", t->reason);
	str_addf(&s, ",\"since\":%lld,\"exit_code\":%d,\"restarts\":%lld,\"pid\":%lld",
		 (long long)t->since, t->exit_code, (long long)t->restarts, (long long)t->pid);
	text_member(&s, "image_digest", t->image_digest);
	if (t->ports.n) {
		str_add(&s, ",\"ports\":[");
		for (size_t i = 0; i < t->ports.n; i++) {
			str_add(&s, i ? "," : "");
			text_json(&s, t->ports.v[i]);
		}
		str_addc(&s, ']');
	}
	hostports_text(&s, t);
	if (t->with)
		text_joins(&s, t->with);
	attach_rows(&s, t);
	str_addc(&s, '}');
	cluster_put(c, "tasks", t->id, str_take(&s));
}
