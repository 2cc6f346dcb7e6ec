/* SPDX-License-Identifier: Apache-2.0
 * One node's share of a trace; see nettrace.h. */
#include "agent/core/nettrace.h"
#include "agent/core/assign.h"
#include "agent/core/netprobe.h"
#include "agent/core/nettap.h"
#include "base/fd.h"
#include "base/mem.h"
#include "overlay/trace.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define WATCH_MS 2500 /* longer than any probe */
#define PROBE_MS 1300 /* a SYN is sent again after 1 s */
#define AFTER_MS 100  /* what comes by late */
#define TAPS_MAX 8
#define PING     84

struct tracer {
	struct nodeask_out *out;
	struct overlay *overlay;
	const char *task;
	int home;
	struct ipaddr to;
	struct ov_path path;
	struct nettap_probe probe;
	struct nettap taps[TAPS_MAX];
	size_t n;
};

static void say(struct tracer *t, const char *hop, const char *state, const char *text,
		const char *fix)
{
	json_t *j = json_object();
	json_put_str(j, "hop", hop);
	json_put_str(j, "state", state);
	json_put_str(j, "text", text);
	json_put_str(j, "fix", fix);
	nodeask_emit(t->out, j);
}

static void on_hop(const struct ov_hop *h, void *arg)
{
	static const char *const states[] =
		{[OV_HOP_RIGHT] = "right", [OV_HOP_WRONG] = "wrong", [OV_HOP_NOTE] = "note"};
	say(arg, h->hop, states[h->state], h->text, h->fix);
}

static int enter(const char *path)
{
	auto_close int ns = open(path, O_RDONLY | O_CLOEXEC);
	return ns < 0 || setns(ns, CLONE_NEWNET) < 0 ? -errno : 0;
}

static void leave(const struct tracer *t)
{
	if (setns(t->home, CLONE_NEWNET) < 0)
		_exit(1);
}

/* --- who is meant ------------------------------------------------------------------------------- */

static bool has_address(const struct wire_endpoint *e, const struct ipaddr *a)
{
	struct ipaddr ip = {0}, ip6 = {0};
	return (ipaddr_parse(e->ip, &ip) && ipaddr_equal(&ip, a)) ||
	       (ipaddr_parse(e->ip6, &ip6) && ipaddr_equal(&ip6, a));
}

static bool is_vip(const struct wire_endpoint *e, const struct ipaddr *a)
{
	struct ipaddr vip = {0};
	return ipaddr_parse(e->vip, &vip) && ipaddr_equal(&vip, a);
}

/* The endpoint with the address; of a VIP's one that is ready, on another node if there is one. */
static const struct wire_endpoint *find_endpoint(const struct tracer *t, bool *vip)
{
	const struct wire_endpoint *best = NULL;
	map_each(assign_endpoints(t->out->c->assign), e)
	{
		const struct wire_endpoint *p = e->val;
		if (!streq(p->network_id, t->path.network_id))
			continue;
		if (has_address(p, &t->to)) {
			*vip = false;
			return p;
		}
		if (!is_vip(p, &t->to) || !p->ready)
			continue;
		*vip = true;
		if (!best || streq(best->node_id, t->out->c->node_id))
			best = p;
	}
	return best;
}

static const char *node_name(const struct core *c, const char *id)
{
	const struct wire_node *w = id ? map_get(assign_nodes(c->assign), id) : NULL;
	return w ? w->name : streq(id, c->node_id) ? c->node_name : id;
}

static void note_published(struct tracer *t, uint16_t port)
{
	const struct core *c = t->out->c;
	char text[IPADDR_TEXT];
	map_each(assign_ingress(c->assign), e)
	{
		const struct wire_ingress *in = e->val;
		for (size_t i = 0; i < in->n_ports; i++) {
			if (in->ports[i].published != port)
				continue;
			auto_free char *say_it = xasprintf("port %u of every node is published by "
							   "%s_%s: where it leads is chosen by "
							   "the node that is asked (%s)",
							   port, in->stack, in->service,
							   ipaddr_format(&t->to, text));
			say(t, "published", "note", say_it, NULL);
			return;
		}
	}
}

static void tell_target(struct tracer *t, const char *name, bool *ret_vip)
{
	char ip[IPADDR_TEXT], own[IPADDR_TEXT];
	bool vip = t->path.vip;
	const struct core *c = t->out->c;
	const struct wire_endpoint *e = t->path.within ? find_endpoint(t, &vip) : NULL;
	json_t *d = json_object(), *line = json_object();
	const struct wire_network *w =
		t->path.network_id ? map_get(assign_networks(c->assign), t->path.network_id) : NULL;
	json_put_str(d, "ip", ipaddr_format(&t->to, ip));
	json_put_str(d, "own", ipaddr_format(&t->path.own, own));
	json_put_str(d, "name", name);
	json_put_bool(d, "vip", vip);
	json_put_bool(d, "within", t->path.within);
	json_put_str(d, "network", w ? w->name : NULL);
	if (e) {
		json_put_str(d, "task", e->task_id);
		json_put_str(d, "task_name", e->task_name);
		json_put_str(d, "node", node_name(c, e->node_id));
		json_put_str(d, "task_ip", ipaddr_is_v6(&t->to) ? e->ip6 : e->ip);
	}
	json_object_set_new(line, "dst", d);
	nodeask_emit(t->out, line);
	if (vip && e)
		(void)ipaddr_parse(ipaddr_is_v6(&t->to) ? e->ip6 : e->ip, &t->to);
	*ret_vip = vip;
}

/* The name as the container's resolver has it. */
static int resolve(struct tracer *t, const char *name, struct err *err)
{
	if (ipaddr_parse(name, &t->to))
		return 0;
	auto_free char *path =
		xasprintf("%s/netns/%s", t->out->c->overlay_config->run_dir, t->task);
	int r = enter(path);
	if (r < 0)
		return err_set(err, r, "the network namespace of the container is gone: %s",
			       strerror(-r));
	r = netprobe_name(name, &t->to);
	leave(t);
	if (r == -ENOENT)
		return err_set(err, r, "the name '%s' has no address in this container", name);
	return r < 0 ? err_set(err, r, "the container's resolver (127.0.0.11) does not answer: %s",
			       strerror(-r))
		     : 0;
}

static int find_path(struct tracer *t, struct err *err)
{
	return overlay_path(t->overlay, t->task, &t->to, &t->path, err);
}

static void part_tables(struct tracer *t)
{
	const char *to = json_str_or(t->out->options, "to", "");
	struct err err = {0};
	bool vip = false;
	int r = resolve(t, to, &err);
	if (r < 0)
		say(t, "name", "wrong", err_text(&err),
		    r == -ENOENT ? "names are answered on shared networks only; see `carrack net "
				   "ls` and `carrack ps`"
				 : NULL);
	/* Where the controller has it, though the name is not answered. */
	if (r < 0 && !ipaddr_parse(json_str(t->out->options, "else"), &t->to))
		return;
	if (find_path(t, &err) < 0) {
		say(t, "container", "wrong", err_text(&err), NULL);
		return;
	}
	struct ipaddr asked = t->to;
	tell_target(t, to, &vip);
	uint16_t port = (uint16_t)json_int(json_object_get(t->out->options, "probe"), "port", 0);
	if (!t->path.within && port)
		note_published(t, port);
	if (vip && overlay_trace(t->overlay, t->task, &asked, on_hop, t, &err) < 0)
		say(t, "vip", "note", err_text(&err), NULL);
	if (vip && ipaddr_equal(&asked, &t->to))
		return; /* nobody is ready */
	if (overlay_trace(t->overlay, t->task, &t->to, on_hop, t, &err) < 0)
		say(t, "tables", "note", err_text(&err), NULL);
}

/* --- seeing the probe --------------------------------------------------------------------------- */

static bool read_probe(struct tracer *t, bool out)
{
	const json_t *p = json_object_get(t->out->options, "probe");
	const char *proto = json_str_or(p, "proto", "icmp");
	t->probe = (struct nettap_probe){
		.from = out ? t->path.own : t->to,
		.to = out ? t->to : t->path.own,
		.proto = streq(proto, "tcp")   ? IPPROTO_TCP
			 : streq(proto, "udp") ? IPPROTO_UDP
					       : IPPROTO_ICMP,
		.port = (uint16_t)json_int(p, "port", 0),
		.id = (uint16_t)json_int(p, "id", 1),
		.vxlan_port = t->path.vxlan_port,
	};
	return ipaddr_is_set(&t->probe.from) && ipaddr_is_set(&t->probe.to);
}

static void add_tap(struct tracer *t, const char *hop, const char *link, bool loose)
{
	struct nettap *tap = &t->taps[t->n];
	*tap = (struct nettap){.hop = hop, .fd = -1, .loose = loose};
	if (*link && nettap_open(tap, link, &t->probe) == 0)
		t->n++;
}

/* From the container to the wire. */
static void open_taps(struct tracer *t)
{
	const struct ov_path *p = &t->path;
	if (enter(p->netns) == 0) {
		add_tap(t, "interface", p->inside, false);
		leave(t);
	}
	add_tap(t, "port", p->veth, false);
	if (!p->within)
		add_tap(t, "bridge", p->bridge, false);
	add_tap(t, "vxlan", p->vxlan, false);
	if (p->tunnel && enter(p->tunnel) == 0) {
		add_tap(t, "encryption", "ckwg", false);
		leave(t);
	}
	if (!p->encrypted) /* nobody could tell it from others there */
		add_tap(t, p->within ? "underlay" : "way out", p->underlay, !p->within);
}

static void tell_taps(struct tracer *t)
{
	for (size_t i = 0; i < t->n; i++) {
		json_t *j = json_object();
		json_put_str(j, "seen", t->taps[i].hop);
		json_object_set_new(j, "there", json_boolean(t->taps[i].there));
		json_object_set_new(j, "back", json_boolean(t->taps[i].back));
		nodeask_emit(t->out, j);
		nettap_close(&t->taps[i]);
	}
}

static bool all_seen(void *arg)
{
	const struct tracer *t = arg;
	for (size_t i = 0; i < t->n; i++)
		if (!t->taps[i].there || !t->taps[i].back)
			return false;
	return true;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

static void part_watch(struct tracer *t)
{
	struct err err = {0};
	if (find_path(t, &err) < 0) {
		say(t, "container", "wrong", err_text(&err), NULL);
		return;
	}
	if (overlay_trace(t->overlay, t->task, &t->to, on_hop, t, &err) < 0)
		say(t, "tables", "note", err_text(&err), NULL);
	if (!read_probe(t, false))
		return;
	open_taps(t);
	nodeask_emit(t->out, json_pack("{s:b}", "ready", 1));
	nettap_watch(t->taps, t->n, &t->probe, WATCH_MS, all_seen, t);
	tell_taps(t);
}

/* --- sending it --------------------------------------------------------------------------------- */

static const char *answer_word(int r)
{
	return r == 0               ? "answered"
	       : r == -ECONNREFUSED ? "refused"
	       : r == -ETIMEDOUT    ? "silent"
				    : "failed";
}

static int send_probe(const struct tracer *t, const struct ipaddr *to, uint16_t from)
{
	int mtu = 0;
	if (t->probe.proto == IPPROTO_ICMP)
		return netprobe_echo_as(to, PING, t->probe.id, &mtu);
	return netprobe_port(to, t->probe.proto, t->probe.port, from, PROBE_MS);
}

static void part_probe(struct tracer *t)
{
	struct err err = {0};
	struct ipaddr through;
	if (find_path(t, &err) < 0 || !read_probe(t, true)) {
		say(t, "container", "wrong", err_text(&err), NULL);
		return;
	}
	open_taps(t);
	int r = enter(t->path.netns);
	int code = r < 0 ? r : send_probe(t, &t->to, t->probe.id);
	int vip = ipaddr_parse(json_str(t->out->options, "through"), &through) && r == 0
			  ? send_probe(t, &through, 0)
			  : 1;
	if (r == 0)
		leave(t);
	nettap_watch(t->taps, t->n, &t->probe, AFTER_MS, never, NULL);
	tell_taps(t);
	json_t *j = json_object();
	json_put_str(j, "answer", answer_word(code));
	json_put_str(j, "text", code < 0 ? strerror(-code) : NULL);
	if (vip <= 0)
		json_put_str(j, "vip", answer_word(vip));
	nodeask_emit(t->out, j);
}

void nettrace_work(struct nodeask_out *out)
{
	const char *part = json_str_or(out->options, "part", "");
	struct tracer t = {.out = out,
			   .overlay = out->c->overlay,
			   .task = json_str_or(out->options, "container", "")};
	t.home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (streq(part, "tables"))
		part_tables(&t);
	else if (!ipaddr_parse(json_str(out->options, "to"), &t.to))
		say(&t, "address", "wrong", "the trace asks for no address", NULL);
	else if (streq(part, "watch"))
		part_watch(&t);
	else
		part_probe(&t);
}
