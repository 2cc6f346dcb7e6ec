/* SPDX-License-Identifier: Apache-2.0
 * What agents say on their streams: hello, heartbeats, reports. Nothing they send is believed about
 * tasks of other nodes. */
#include "controller/core/cluster.h"
#include "controller/core/drain.h"
#include "controller/core/hostports.h"

#include <errno.h>
#include <string.h>

#define NODE_LABELS_MAX  1000
#define REPORT_TASKS_MAX 100000
#define NODE_TROUBLE_MAX 10000

static void send_welcome(struct cluster *c, const struct node *n)
{
	struct cluster_out *o = &c->out;
	o->sends = vec_grow(o->sends, o->n_sends, &o->cap_sends, sizeof(*o->sends));
	struct str s = {0};
	str_add(&s, "{\"node\":");
	text_json(&s, n->id);
	str_addf(&s, ",\"epoch\":%lld,\"heartbeat_ms\":%d}", (long long)c->epoch,
		 c->cfg.heartbeat_ms);
	o->sends[o->n_sends++] = (struct cluster_send){xstrdup(n->id), WIRE_WELCOME, str_take(&s)};
}

static bool same_labels(const struct kvlist *a, const struct kvlist *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!streq(a->v[i].k, b->v[i].k) || !streq(a->v[i].v, b->v[i].v))
			return false;
	return true;
}

static bool same_list(const struct strlist *a, const struct strlist *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!streq(a->v[i], b->v[i]))
			return false;
	return true;
}

static bool same_info(const struct wire_node *a, const struct wire_node *b)
{
	return streq(a->address, b->address) && streq(a->os, b->os) && streq(a->arch, b->arch) &&
	       streq(a->kernel, b->kernel) && streq(a->version, b->version) && a->cpus == b->cpus &&
	       a->memory == b->memory && streq(a->seal_key, b->seal_key) &&
	       same_labels(&a->labels, &b->labels) && streq(a->no_encrypt, b->no_encrypt) &&
	       same_labels(&a->parents, &b->parents) && same_labels(&a->no_bridge, &b->no_bridge) &&
	       same_labels(&a->no_driver, &b->no_driver) && same_list(&a->devices, &b->devices);
}

static bool same_tunnel(const struct wire_node *a, const struct wire_node *b)
{
	return streq(a->tunnel_key, b->tunnel_key) && streq(a->tunnel_next, b->tunnel_next) &&
	       a->tunnel_port == b->tunnel_port;
}

#define IMAGE_NAME_MAX 1024

/* Takes what the agent says of its host. Its name stays that of the certificate's request. */
static void learn(struct cluster *c, struct node *n, struct wire_node *info)
{
	bool was = n->said_hello, moved = !was || !streq(n->info.address, info->address);
	free(info->id);
	info->id = xstrdup(n->id);
	free(info->name);
	info->name = xstrdup(n->name);
	/* What was sealed to another key of its is of no use to it any more. */
	if (n->holders.n && !streq(n->info.seal_key, info->seal_key)) {
		n->stale = n->snapshot = true;
		dispatch_mark(c, n);
	}
	bool same_keys = same_tunnel(&n->info, info);
	bool same = was && n->up && same_keys && same_info(&n->info, info);
	wire_node_done(&n->info);
	n->info = *info;
	*info = (struct wire_node){0};
	if (moved)
		dispatch_node(c, n);
	else if (!same_keys)
		dispatch_node_object(c, n);
	n->said_hello = true;
	if (same)
		return;
	n->up = true;
	node_refresh(c, n);
	node_row(c, n);
}

/* Tasks that the node may still run count again. After a hello the next report tells what they do
 * now; on a stream that outlived the silence, what was heard last still holds. */
static void find_again(struct cluster *c, struct node *n, bool hello)
{
	for (size_t i = 0; i < n->n_tasks; i++) {
		struct task *t = n->tasks[i];
		t->gone_ok = t->stop;
		if (!t->lost)
			continue;
		t->lost = false;
		if (hello) {
			t->state = TASK_ASSIGNED;
			t->health = HEALTH_NONE;
		}
		task_mark(c, t, MARK_ROW | MARK_SEND | MARK_ENDPOINT);
		service_queue(c, t->svc, (size_t)t->slot);
	}
}

static void say_up(struct cluster *c, const struct node *n)
{
	struct event_of of = {.type = "node_up", .node = n->name};
	cluster_event(c, &of, "is up");
}

/* A node that was silent too long is heard on the stream it had. */
static void back_up(struct cluster *c, struct node *n)
{
	n->up = true;
	find_again(c, n, false);
	node_refresh(c, n);
	node_row(c, n);
	say_up(c, n);
}

/* On failure *out holds nothing. */
static int parse_node(const json_t *msg, struct wire_node *out, struct err *err)
{
	struct wire_node info = {0};
	int rc = wire_node_parse(json_object_get(msg, "node"), &info, err);
	if (rc < 0)
		return rc;
	if (info.labels.n > NODE_LABELS_MAX) {
		wire_node_done(&info);
		return err_set(err, -E2BIG, "a node has at most %d labels", NODE_LABELS_MAX);
	}
	*out = info;
	return 0;
}

int cluster_agent_hello(struct cluster *c, const char *node_id, const json_t *msg, uint64_t now_ms,
			struct err *err)
{
	struct node *n = map_get(&c->nodes, node_id);
	if (!n)
		return err_set(err, -ENOENT,
			       "the node '%s' is not part of this cluster; join it again", node_id);
	int64_t wire = json_int(msg, "wire", 0);
	if (wire != WIRE_VERSION)
		return err_set(err, -EPROTO,
			       "the agent speaks version %lld and the controller %d; install the "
			       "same carrack on both",
			       (long long)wire, WIRE_VERSION);
	struct wire_node info;
	int rc = parse_node(msg, &info, err);
	if (rc < 0)
		return rc;
	bool was_up = n->up;
	node_beat(c, n, now_ms);
	n->connected = true;
	n->full = true;
	drain_gone(n); /* of an earlier stream */
	find_again(c, n, true);
	learn(c, n, &info);
	if (!was_up)
		say_up(c, n);
	n->snapshot = n->stale || json_int(msg, "version", 0) != n->version;
	send_welcome(c, n);
	dispatch_mark(c, n);
	return 0;
}

int cluster_agent_node(struct cluster *c, const char *node_id, const json_t *msg, struct err *err)
{
	struct node *n = map_get(&c->nodes, node_id);
	if (!n || !n->connected)
		return err_set(err, -EPROTO, "a change of a node came before hello");
	struct wire_node info;
	int rc = parse_node(msg, &info, err);
	if (rc < 0)
		return rc;
	learn(c, n, &info);
	return 0;
}

void cluster_agent_heartbeat(struct cluster *c, const char *node_id, uint64_t now_ms)
{
	struct node *n = map_get(&c->nodes, node_id);
	if (!n || !n->connected)
		return;
	node_beat(c, n, now_ms);
	if (!n->up)
		back_up(c, n);
}

static void learn_images(struct node *n, const json_t *list)
{
	size_t i;
	json_t *v;
	map_clear(&n->images);
	n->images_told = true;
	json_array_foreach(list, i, v)
	{
		const char *name = json_string_value(v);
		if (name && n->images.n < WIRE_IMAGES_MAX && strlen(name) <= IMAGE_NAME_MAX)
			map_set(&n->images, name, n);
	}
}

/* Ports that the node cannot publish, as it says with each heartbeat. */
static void take_trouble(struct cluster *c, struct node *n, const json_t *ports)
{
	struct kvlist now = {0}, was = n->trouble;
	const char *key;
	json_t *v;
	if (json_object_size(ports) <= NODE_TROUBLE_MAX)
		json_object_foreach((json_t *)ports, key, v)
		{
			if (strchr(key, '/') && json_is_string(v))
				kvlist_set(&now, key, json_string_value(v));
		}
	n->trouble = now;
	ingress_trouble(c, n, &was);
	kvlist_done(&was);
}

void cluster_agent_counters(struct cluster *c, const char *node_id, const json_t *msg)
{
	struct node *n = map_get(&c->nodes, node_id);
	const json_t *net = json_object_get(msg, "network");
	const json_t *images = json_object_get(msg, "images");
	if (n && json_is_array(images))
		learn_images(n, images);
	if (!n || !net)
		return;
	take_trouble(c, n, json_object_get(msg, "ports"));
	n->net.networks = json_int(net, "networks", 0);
	n->net.sandboxes = json_int(net, "sandboxes", 0);
	n->net.peers = json_int(net, "peers", 0);
	n->net.mended = json_int(net, "mended", 0);
}

void cluster_agent_resync(struct cluster *c, const char *node_id)
{
	struct node *n = map_get(&c->nodes, node_id);
	if (!n || !n->connected)
		return;
	n->snapshot = true;
	dispatch_mark(c, n);
}

void cluster_agent_ack(struct cluster *c, const char *node_id, const json_t *msg)
{
	struct node *n = map_get(&c->nodes, node_id);
	if (n && n->connected)
		drain_ack(n, json_int(msg, "version", 0));
}

/* The stream closed. The node is not down before its heartbeats are missed. */
void cluster_agent_gone(struct cluster *c, const char *node_id)
{
	struct node *n = map_get(&c->nodes, node_id);
	if (!n)
		return;
	n->connected = false;
	drain_gone(n);
}

static void note_restarts(struct cluster *c, const struct task *t, const struct wire_report *r)
{
	if (r->restarts <= t->restarts)
		return;
	auto_free char *name = task_name(t);
	struct event_of of = {"task_restarted", t->svc->stack->name, t->svc->name, name,
			      t->node->name};
	if (r->reason)
		cluster_event(c, &of, "restart %lld: %s", (long long)r->restarts, r->reason);
	else
		cluster_event(c, &of, "restart %lld", (long long)r->restarts);
}

/* Copies what the agent said; returns whether anything is new. */
static bool take_report(struct task *t, struct wire_report *r)
{
	bool same = t->health == r->health && t->since == r->since &&
		    t->exit_code == r->exit_code && t->restarts == r->restarts &&
		    t->pid == r->pid && streq(t->image_digest, r->image_digest) &&
		    same_list(&t->ports, &r->ports);
	t->health = r->health;
	t->since = r->since;
	t->exit_code = r->exit_code;
	t->restarts = r->restarts;
	t->pid = r->pid;
	if (same)
		return false;
	free(t->image_digest);
	t->image_digest = take_ptr(r->image_digest);
	strlist_done(&t->ports);
	t->ports = r->ports;
	r->ports = (struct strlist){0};
	return true;
}

static void report_one(struct cluster *c, struct node *n, struct wire_report *r)
{
	struct task *t = map_get(&c->tasks, r->id);
	if (!t || t->node != n || r->state == TASK_PENDING || r->state == TASK_LOST)
		return;
	t->seen = n->report;
	if (r->state == TASK_STOPPED || (t->stop && task_state_ended(r->state))) {
		task_drop(c, t);
		return;
	}
	note_restarts(c, t, r);
	if (take_report(t, r)) {
		unsigned send = hostports_heard(t) ? MARK_SEND : 0;
		task_mark(c, t, MARK_ROW | MARK_ENDPOINT | send);
		service_queue(c, t->svc, (size_t)t->slot);
	}
	task_state(c, t, r->state, r->reason);
}

/* A full report does not name what is not on the node: tasks that were to stop are gone. */
static void forget_missing(struct cluster *c, struct node *n)
{
	for (size_t i = n->n_tasks; i-- > 0;) {
		struct task *t = n->tasks[i];
		if (t->gone_ok && t->stop && t->seen != n->report)
			task_drop(c, t);
	}
}

int cluster_agent_report(struct cluster *c, const char *node_id, const json_t *msg, uint64_t now_ms,
			 struct err *err)
{
	struct node *n = map_get(&c->nodes, node_id);
	const json_t *list = json_object_get(msg, "tasks");
	if (!n || !n->connected)
		return err_set(err, -EPROTO, "a report came before hello");
	if (!json_is_array(list) || json_array_size(list) > REPORT_TASKS_MAX)
		return err_set(err, -EINVAL, "'tasks' must be a list of at most %d reports",
			       REPORT_TASKS_MAX);
	node_beat(c, n, now_ms);
	if (!n->up)
		back_up(c, n);
	n->report++;
	size_t i;
	json_t *v;
	json_array_foreach(list, i, v)
	{
		struct wire_report r = {0};
		int rc = wire_report_parse(v, &r, err);
		if (rc < 0)
			return rc;
		report_one(c, n, &r);
		wire_report_done(&r);
	}
	if (n->full)
		forget_missing(c, n);
	n->full = false;
	return 0;
}
