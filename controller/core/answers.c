/* SPDX-License-Identifier: Apache-2.0
 * The cluster as JSON for the API; the shapes are in docs/api.md. */
#include "controller/core/cluster.h"
#include "controller/core/state.h"

#include <errno.h>
#include <string.h>

static json_t *addresses(const struct task *t)
{
	char ip[IPAM_TEXT], ip6[IPADDR_TEXT], mac[IPAM_MAC_TEXT];
	json_t *list = json_array();
	for (size_t i = 0; i < t->n_attach; i++) {
		json_t *j = json_object();
		const struct attach *a = &t->attach[i];
		ipam_addr_text(a->ip, ip);
		attach_mac(a, mac);
		json_put_str(j, "network", a->net->name);
		json_put_str(j, "ip", a->ip ? ip : NULL);
		if (ipaddr_is_set(&a->ip6))
			json_put_str(j, "ip6", ipaddr_format(&a->ip6, ip6));
		json_put_str(j, "mac", mac);
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *strings(const struct strlist *l)
{
	json_t *list = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(list, json_string(l->v[i]));
	return list;
}

static json_t *task_answer(const struct task *t)
{
	auto_free char *name = task_name(t);
	const struct slot *sl = &t->svc->slots[t->slot];
	const struct node *n = t->node ? t->node : sl->node;
	json_t *j = json_object();
	json_put_str(j, "id", t->id);
	json_put_str(j, "name", name);
	json_put_str(j, "stack", t->svc->stack->name);
	json_put_str(j, "service", t->svc->name);
	json_put_int(j, "slot", t->global ? 0 : t->slot + 1);
	json_put_str(j, "node", n ? n->name : "");
	json_put_str(j, "node_id", n ? n->id : "");
	json_put_str(j, "state", task_state_name(task_shown(t)));
	json_put_str(j, "health", task_health_name(t->health));
	json_put_str(j, "desired", t->stop ? "stopped" : "running");
	if (t->lost && !t->reason)
		json_put_str(j, "reason", "its node is down");
	else
		json_put_str(j, "reason", t->reason ? t->reason : "");
	if (t->pending && t->held && !t->stuck)
		json_put_bool(j, "waits", true);
	json_put_int(j, "since_ms", t->since);
	json_put_int(j, "exit_code", t->exit_code);
	json_put_int(j, "restarts", t->restarts);
	json_put_int(j, "pid", t->pid);
	json_put_str(j, "container_name", t->tmpl->spec.container_name);
	json_put_str(j, "image", t->tmpl->spec.image);
	json_put_str(j, "image_digest", t->image_digest ? t->image_digest : "");
	json_object_set_new(j, "addresses", addresses(t));
	json_object_set_new(j, "ports", strings(&t->ports));
	return j;
}

static void service_tasks(const struct service *svc, json_t *list)
{
	for (size_t i = 0; i < svc->n_slots; i++) {
		const struct slot *sl = &svc->slots[i];
		if (sl->cur)
			json_array_append_new(list, task_answer(sl->cur));
		for (const struct task *o = sl->old; o; o = o->slot_next)
			json_array_append_new(list, task_answer(o));
	}
}

json_t *cluster_tasks_json(const struct cluster *c, const char *stack, const char *service)
{
	json_t *list = json_array();
	map_each(&c->stacks, e)
	{
		const struct stack *s = e->val;
		if (stack && !streq(stack, s->name))
			continue;
		map_each(&s->services, se)
		{
			if (!service || streq(service, se->key))
				service_tasks(se->val, list);
		}
	}
	return list;
}

/* By id, unique prefix of one, or name; the task that is to run wins over one that leaves. */
static const struct task *find_task(const struct cluster *c, const char *what)
{
	const struct task *found = map_get(&c->tasks, what);
	bool named = false, twice = false;
	if (found || !*what)
		return found;
	map_each(&c->tasks, e)
	{
		const struct task *t = e->val;
		auto_free char *name = task_name(t);
		if (streq(name, what)) {
			if (!named || (found->stop && !t->stop))
				found = t;
			named = true;
		} else if (!named && str_starts(t->id, what)) {
			twice = found != NULL;
			found = t;
		}
	}
	return twice && !named ? NULL : found;
}

json_t *cluster_task_json(const struct cluster *c, const char *id_or_name)
{
	const struct task *t = find_task(c, id_or_name);
	return t ? task_answer(t) : NULL;
}

const char *cluster_task_node(const struct cluster *c, const char *task_id, struct err *err)
{
	const struct task *t = find_task(c, task_id);
	if (!t)
		err_set(err, -ENOENT, "there is no task '%s', or more than one", task_id);
	else if (!t->node)
		err_set(err, -EAGAIN, "the task '%s' is on no node yet: %s", task_id,
			t->reason ? t->reason : "it waits");
	return t && t->node ? t->node->id : NULL;
}

struct tally {
	size_t running, desired, moving, bad;
};

static void tally_task(const struct task *t, struct tally *out)
{
	out->desired++;
	if (task_up(t) || t->state == TASK_COMPLETE)
		out->running++;
	else if (!t->lost && t->node &&
		 (t->state == TASK_ASSIGNED || t->state == TASK_PREPARING ||
		  t->state == TASK_STARTING))
		out->moving++;
	else
		out->bad++;
}

static struct tally tally(const struct service *svc)
{
	struct tally r = {0};
	for (size_t i = 0; i < svc->n_slots; i++) {
		const struct slot *sl = &svc->slots[i];
		if (sl->cur)
			tally_task(sl->cur, &r);
		else if (i < svc->n_want) { /* between two tasks */
			r.desired++;
			r.moving++;
		}
	}
	return r;
}

static void put_vip(json_t *j, const struct vip *v)
{
	char text[IPADDR_TEXT];
	json_put_str(j, "ip", vips_text(v, AF_INET, text));
	json_put_str(j, "ip6", vips_text(v, AF_INET6, text));
}

static json_t *vips(const struct service *svc)
{
	json_t *list = json_array();
	for (size_t i = 0; i < svc->n_vips; i++) {
		json_t *j = json_object();
		json_put_str(j, "network", svc->vips[i].net->name);
		put_vip(j, &svc->vips[i]);
		json_array_append_new(list, j);
	}
	return list;
}

/* Nodes that do not publish the service's ports, and why. */
static json_t *trouble_of(const struct cluster *c, const struct service *svc)
{
	json_t *list = json_array();
	auto_free char *key = service_key(svc);
	map_each(&c->nodes, e)
	{
		const struct node *n = e->val;
		const char *why = kvlist_get(&n->trouble, key);
		if (!why)
			continue;
		json_t *j = json_object();
		json_put_str(j, "node", n->name);
		json_put_str(j, "why", why);
		json_array_append_new(list, j);
	}
	return list;
}

/* "10.0.0.1:8080->80/tcp", "[fd00::1]:8080->80/tcp"; of a range of mode host "8000-8010->80/tcp", each
 * task has its own; "any->80/tcp": each task's node chooses. */
static json_t *port_text(const struct spec_port *p)
{
	auto_str s = {0};
	bool six = p->host_ip && strchr(p->host_ip, ':');
	if (p->host_ip)
		str_addf(&s, "%s%s%s:", six ? "[" : "", p->host_ip, six ? "]" : "");
	if (p->published)
		str_addf(&s, "%u", p->published);
	else if (p->range_first)
		str_addf(&s, "%u-%u", p->range_first, p->range_last);
	else
		str_add(&s, "any");
	str_addf(&s, "->%u/%s", p->target, spec_proto_name(p->protocol));
	return json_string(s.data);
}

static json_t *service_answer(const struct cluster *c, const struct service *svc)
{
	json_t *j = json_object(), *update = json_object();
	struct tally n = tally(svc);
	json_put_str(j, "stack", svc->stack->name);
	json_put_str(j, "name", svc->name);
	json_put_str(j, "mode", svc->global ? "global" : "replicated");
	json_put_int(j, "replicas", (json_int_t)(svc->global ? n.desired : svc->n_want));
	json_put_int(j, "running", (json_int_t)n.running);
	json_put_str(j, "image", svc->spec ? svc->spec->image : "");
	json_t *ports = json_array();
	for (size_t i = 0; svc->spec && i < svc->spec->n_ports; i++)
		json_array_append_new(ports, port_text(&svc->spec->ports[i]));
	json_object_set_new(j, "ports", ports);
	json_put_new(j, "ports_refused", trouble_of(c, svc));
	json_put_str(j, "endpoint_mode",
		     svc->tmpl && svc->tmpl->spec.endpoint_mode == ENDPOINT_DNSRR ? "dnsrr"
										  : "vip");
	json_object_set_new(j, "vips", vips(svc));
	json_put_str(update, "state", svc->spec ? rollout_name(svc->roll) : "removing");
	json_put_str(update, "why", svc->why ? svc->why : "");
	json_object_set_new(j, "update", update);
	return j;
}

json_t *cluster_services_json(const struct cluster *c, const char *stack)
{
	json_t *list = json_array();
	map_each(&c->stacks, e)
	{
		const struct stack *s = e->val;
		if (stack && !streq(stack, s->name))
			continue;
		map_each(&s->services, se)
		{
			json_array_append_new(list, service_answer(c, se->val));
		}
	}
	return list;
}

static json_t *stack_answer(const struct stack *s)
{
	json_t *j = json_object(), *tasks = json_object();
	struct tally all = {0};
	bool updating = false;
	map_each(&s->services, e)
	{
		const struct service *svc = e->val;
		struct tally n = tally(svc);
		all.running += n.running;
		all.desired += n.desired;
		all.moving += n.moving;
		all.bad += n.bad;
		updating |= svc->roll == ROLL_UPDATING || svc->roll == ROLL_BACK;
		all.bad += svc->roll == ROLL_PAUSED;
	}
	const char *state = "ok";
	if (s->removing)
		state = "removing";
	else if (all.bad)
		state = "degraded";
	else if (updating || all.moving)
		state = "updating";
	json_put_str(j, "name", s->name);
	json_put_int(j, "services", (json_int_t)s->services.n);
	json_put_int(tasks, "running", (json_int_t)all.running);
	json_put_int(tasks, "desired", (json_int_t)all.desired);
	json_object_set_new(j, "tasks", tasks);
	json_put_int(j, "revision", s->revision);
	json_put_int(j, "time_ms", s->applied_ms);
	json_put_str(j, "state", state);
	return j;
}

json_t *cluster_stacks_json(const struct cluster *c)
{
	json_t *list = json_array();
	map_each(&c->stacks, e)
	{
		json_array_append_new(list, stack_answer(e->val));
	}
	return list;
}

json_t *cluster_stack_json(const struct cluster *c, const char *name)
{
	const struct stack *s = map_get(&c->stacks, name);
	if (!s)
		return NULL;
	json_t *j = json_object();
	json_t *summary = stack_answer(s);
	json_object_update(j, summary);
	json_decref(summary);
	json_object_set_new(j, "counts", json_incref(json_object_get(j, "tasks")));
	json_object_set_new(j, "spec", json_parse(s->text, strlen(s->text), NULL));
	json_object_set_new(j, "services", cluster_services_json(c, name));
	json_object_set_new(j, "tasks", cluster_tasks_json(c, name, NULL));
	return j;
}

static json_t *node_counters(const struct node *n)
{
	json_t *j = json_object();
	json_put_int(j, "networks", n->net.networks);
	json_put_int(j, "sandboxes", n->net.sandboxes);
	json_put_int(j, "peers", n->net.peers);
	json_put_int(j, "mended", n->net.mended);
	return j;
}

/* Interface -> null, or why nothing (or no bridge) can be on it. */
static void put_parents(json_t *j, const struct wire_node *info)
{
	json_t *parents = json_object();
	for (size_t i = 0; i < info->parents.n; i++) {
		const struct kv *kv = &info->parents.v[i];
		const char *no_bridge = kvlist_get(&info->no_bridge, kv->k);
		auto_free char *why = kv->v && *kv->v ? xstrdup(kv->v)
				      : no_bridge     ? xasprintf("no bridge: %s", no_bridge)
						      : NULL;
		json_object_set_new(parents, kv->k, why ? json_string(why) : json_null());
	}
	json_object_set_new(j, "parents", parents);
}

json_t *cluster_nodes_json(const struct cluster *c)
{
	json_t *list = json_array();
	map_each(&c->nodes, e)
	{
		const struct node *n = e->val;
		json_t *j = json_object(), *labels = json_object();
		json_put_str(j, "id", n->id);
		json_put_str(j, "name", n->name);
		json_put_str(j, "address", n->info.address ? n->info.address : "");
		json_put_str(j, "state", !n->up ? "down" : c->silent ? "silent" : "up");
		json_put_bool(j, "connected", n->connected);
		json_put_int(j, "tasks", (json_int_t)c->sched[n->sched_ix].n_tasks);
		json_object_set_new(j, "cpus", json_real(n->info.cpus));
		json_put_int(j, "memory", n->info.memory);
		for (size_t i = 0; i < n->labels.n; i++)
			json_object_set_new(labels, n->labels.v[i].k,
					    json_string(n->labels.v[i].v ? n->labels.v[i].v : ""));
		json_object_set_new(j, "labels", labels);
		json_put_str(j, "os", n->info.os ? n->info.os : "");
		json_put_str(j, "arch", n->info.arch ? n->info.arch : "");
		json_put_str(j, "kernel", n->info.kernel ? n->info.kernel : "");
		json_put_str(j, "version", n->info.version ? n->info.version : "");
		json_put_int(j, "last_seen", n->last_seen);
		json_object_set_new(j, "network", node_counters(n));
		if (n->info.no_encrypt)
			json_put_str(j, "no_encrypt", n->info.no_encrypt);
		put_parents(j, &n->info);
		json_put_strlist(j, "devices", &n->info.devices);
		json_array_append_new(list, j);
	}
	return list;
}

/* Network id -> the VIPs on it. */
static json_t *vips_by_network(const struct cluster *c)
{
	json_t *all = json_object();
	map_each(&c->stacks, e)
	{
		map_each(&((const struct stack *)e->val)->services, se)
		{
			const struct service *svc = se->val;
			for (size_t i = 0; i < svc->n_vips; i++) {
				const char *id = svc->vips[i].net->id;
				json_t *j = json_object();
				json_put_str(j, "stack", svc->stack->name);
				json_put_str(j, "service", svc->name);
				put_vip(j, &svc->vips[i]);
				if (!json_object_get(all, id))
					json_object_set_new(all, id, json_array());
				json_array_append_new(json_object_get(all, id), j);
			}
		}
	}
	return all;
}

json_t *cluster_networks_json(const struct cluster *c)
{
	char text[IPAM_TEXT];
	json_t *list = json_array();
	auto_json *of = vips_by_network(c);
	map_each(&c->networks, e)
	{
		const struct network *n = e->val;
		json_t *j = json_object();
		json_put_str(j, "id", n->id);
		json_put_str(j, "name", n->name);
		json_put_str(j, "stack", n->stack);
		json_put_str(j, "driver", n->driver ? n->driver : "overlay");
		json_put_str(j, "state", n->dying ? "removing" : n->ready ? "ready" : "waiting");
		if (n->lan) {
			json_put_str(j, "parent", spec_network_parent(&n->spec));
			json_put_str(j, "mode", spec_network_lan_mode(&n->spec));
		} else {
			json_put_int(j, "vni", n->vni);
		}
		if (n->subnet.used) {
			ipam_cidr_text(n->subnet.base, n->subnet.prefix, text);
			json_put_str(j, "subnet", text);
			ipam_addr_text(n->subnet.gateway, text);
			json_put_str(j, "gateway", text);
			json_put_int(j, "addresses", n->subnet.n_used);
			json_put_int(j, "addresses_free", ipam_free(&n->subnet));
		}
		if (ipam6_is_set(&n->subnet6)) {
			char text6[IPPREFIX_TEXT];
			json_put_str(j, "subnet6", ipprefix_format(&n->subnet6.subnet, text6));
			json_put_str(j, "gateway6", ipaddr_format(&n->subnet6.gateway, text6));
		}
		json_put_int(j, "mtu", spec_network_mtu(&n->spec));
		json_put_bool(j, "attachable", n->spec.attachable);
		json_put_kvlist(j, "labels", &n->spec.labels);
		json_put_bool(j, "internal", n->internal);
		json_put_bool(j, "encrypted", n->encrypted);
		json_t *own = json_object_get(of, n->id);
		json_object_set_new(j, "vips", own ? json_incref(own) : json_array());
		json_put_int(j, "nodes", (json_int_t)n->n_members);
		json_array_append_new(list, j);
	}
	return list;
}
