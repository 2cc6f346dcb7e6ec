/* SPDX-License-Identifier: Apache-2.0
 * A node's share of `carrack net check`; see netcheck.h. */
#include "agent/core/netcheck.h"
#include "agent/core/assign.h"
#include "agent/core/netprobe.h"
#include "agent/core/vxlanprobe.h"
#include "base/fd.h"
#include "base/map.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/ether.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define SERVICES_MAX 200 /* of one network that are asked about */
#define ANY_PORT     1   /* tcpmux: nothing listens there, so it is refused at once */
#define REFUSE_MS    500
#define VXLAN_PORT   4789
#define SMALL        84 /* bytes of an ordinary ping */

struct checker { /* in the child */
	const struct core *c;
	struct nodeask_out *out;
	struct strlist only; /* networks; none: all */
	int home, away;      /* namespaces: this host's, that of own */
	const struct wire_endpoint
		*own;    /* the container that asks, of the network that is checked */
	struct map lost; /* ids of peers that the underlay does not reach */
};

static json_t *finding(const struct core *c, const char *peer, const char *network,
		       const char *what, const char *text)
{
	json_t *j = json_object();
	json_put_str(j, "node", c->node_name);
	json_put_str(j, "peer", peer);
	json_put_str(j, "network", network);
	json_put_str(j, "what", what);
	json_put_str(j, "text", text);
	return j;
}

static void emit(struct checker *k, const char *peer, const char *network, const char *what,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));
static void emit(struct checker *k, const char *peer, const char *network, const char *what,
		 const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	auto_free char *text = xvasprintf(fmt, ap);
	va_end(ap);
	nodeask_emit(k->out, finding(k->c, peer, network, what, text));
}

static bool wanted(const struct checker *k, const struct wire_network *w)
{
	return w && (!k->only.n || strlist_has(&k->only, w->name) || strlist_has(&k->only, w->id));
}

static void on_difference(const char *id, const char *text, void *arg)
{
	struct checker *k = arg;
	const struct wire_network *w = id ? map_get(assign_networks(k->c->assign), id) : NULL;
	if (!w || wanted(k, w))
		emit(k, NULL, w ? w->name : NULL, "tables",
		     "%s; the agent mends it at its next check, `carrack net repair` at once",
		     text);
}

static void check_tables(struct checker *k)
{
	struct err err = {0};
	if (overlay_compare(k->c->overlay, on_difference, k, &err) < 0)
		emit(k, NULL, NULL, "tables", "its tables cannot be read: %s", err_text(&err));
}

/* The underlay to one peer: does it answer, and at full size. */
static void check_peer(struct checker *k, const struct wire_node *w)
{
	struct ipaddr to;
	int mtu = overlay_underlay_mtu(k->c->overlay), known = 0;
	if (!ipaddr_parse(w->address, &to))
		return;
	int r = netprobe_echo(&to, SMALL, &known);
	if (r < 0) {
		map_set(&k->lost, w->id, (void *)w);
		emit(k, w->name, NULL, "underlay",
		     "%s does not answer (%s): look at the network and the firewalls between the "
		     "two hosts",
		     w->address, r == -ETIMEDOUT ? "no echo" : strerror(-r));
		return;
	}
	r = netprobe_echo(&to, mtu, &known);
	if (r == 0)
		return;
	if (known > 0 && known < mtu)
		emit(k, w->name, NULL, "mtu",
		     "the path to %s carries %d bytes, this host's interface says %d: set that to "
		     "%d, or driver_opts mtu of the networks to %d",
		     w->address, known, mtu, known, known - overlay_overhead(k->c->overlay));
	else
		emit(k, w->name, NULL, "mtu",
		     "packets of %d bytes to %s get lost, small ones pass: the path's MTU is less "
		     "than what this host's interface says; set the same one everywhere",
		     mtu, w->address);
}

static const struct wire_endpoint *endpoint_on(const struct core *c, const char *network,
					       const char *node)
{
	map_each(assign_endpoints(c->assign), e)
	{
		const struct wire_endpoint *p = e->val;
		if (streq(p->network_id, network) && streq(p->node_id, node) && p->ready)
			return p;
	}
	return NULL;
}

/* Pings are summed up by the program that sends them. What TCP and UDP sum up may be left to a network
 * card, which some do wrong inside of VXLAN. */
static void check_offload(struct checker *k, const struct wire_network *w,
			  const struct wire_node *peer, const struct wire_endpoint *p)
{
	struct ipaddr to;
	if (!ipaddr_parse(p->ip, &to) && !ipaddr_parse(p->ip6, &to))
		return;
	if (netprobe_port(&to, IPPROTO_TCP, ANY_PORT, 0, REFUSE_MS) != -ETIMEDOUT ||
	    netprobe_port(&to, IPPROTO_UDP, ANY_PORT, 0, REFUSE_MS) != -ETIMEDOUT)
		return;
	emit(k, peer->name, w->name, "offload",
	     "%s answers pings, but neither TCP nor UDP: it filters them itself, or a network card "
	     "sums up wrongly inside of VXLAN; try `ethtool -K INTERFACE tx-checksum-ip-generic "
	     "off` on both hosts",
	     p->task_name);
}

static bool end_of(const struct wire_endpoint *p, struct vxlanprobe_end *ret)
{
	return ipaddr_parse(p->ip, &ret->ip) && p->mac && ether_aton_r(p->mac, &ret->mac);
}

/* Pings come the fast way, past the firewall of the host that gets them. */
static bool passes_firewall(struct checker *k, const struct wire_network *w,
			    const struct wire_endpoint *p)
{
	struct vxlanprobe_end from, to;
	struct ipaddr vtep;
	if (w->encrypted || w->parent || !end_of(k->own, &from) || !end_of(p, &to) ||
	    !ipaddr_parse(p->vtep, &vtep) || setns(k->home, CLONE_NEWNET) < 0)
		return true;
	uint16_t port = k->c->overlay_config->vxlan_port;
	auto_close int fd = vxlanprobe_open(&vtep, port ? port : VXLAN_PORT);
	if (setns(k->away, CLONE_NEWNET) < 0)
		_exit(1);
	return fd < 0 || vxlanprobe_echo(fd, w->vni, &from, &to) != -ETIMEDOUT;
}

static void check_overlay(struct checker *k, const struct wire_network *w,
			  const struct wire_node *peer)
{
	const struct wire_endpoint *p = endpoint_on(k->c, w->id, peer->id);
	struct ipaddr to;
	int mtu = overlay_network_mtu(k->c->overlay, w->id), known = 0;
	if (!p || (!ipaddr_parse(p->ip, &to) && !ipaddr_parse(p->ip6, &to)))
		return;
	bool reached = netprobe_echo(&to, SMALL, &known) == 0;
	if (!reached && w->parent) {
		emit(k, peer->name, w->name, "lan",
		     "%s (%s) is not reached over the physical network: look at '%s' on both "
		     "hosts, and at the switch and its VLANs between them",
		     p->task_name, p->ip ? p->ip : p->ip6, w->parent);
		return;
	}
	if (!reached) {
		emit(k, peer->name, w->name, "overlay",
		     "%s (%s) is not reached over the overlay%s: %s must pass between the two "
		     "hosts, and the agent there must run",
		     p->task_name, p->ip ? p->ip : p->ip6,
		     map_has(&k->lost, peer->id) ? "" : ", though its host answers",
		     w->encrypted ? "UDP of wireguard_port" : "UDP of vxlan_port (4789)");
		return;
	}
	if (!passes_firewall(k, w, p)) {
		emit(k, peer->name, w->name, "overlay",
		     "a firewall on the host of %s drops VXLAN: small packets are handed on before "
		     "it, large ones are lost; UDP of vxlan_port (4789) must pass there",
		     p->task_name);
		return;
	}
	if (!w->parent)
		check_offload(k, w, peer, p);
	if (netprobe_echo(&to, mtu, &known) < 0)
		emit(k, peer->name, w->name, "mtu",
		     w->parent
			     ? "packets of %d bytes to %s get lost on the physical network, small "
			       "ones pass: the switch carries less than the interfaces say (%d); "
			       "set driver_opts mtu lower"
			     : "packets of %d bytes to %s get lost on the overlay, small ones "
			       "pass: the path "
			       "between the hosts carries less than %d bytes; set driver_opts mtu "
			       "lower",
		     mtu, p->task_name, overlay_underlay_mtu(k->c->overlay));
}

/* Of a container on several networks the first that answers counts. */
static bool is_vip_of(const struct core *c, const char *service, const struct ipaddr *a)
{
	map_each(assign_endpoints(c->assign), e)
	{
		const struct wire_endpoint *p = e->val;
		struct ipaddr vip;
		if (streq(p->service, service) && ipaddr_parse(p->vip, &vip) &&
		    ipaddr_equal(&vip, a))
			return true;
	}
	return false;
}

/* One name of a network's: it leads to the VIP, or to a task. */
static int check_name(struct checker *k, const struct wire_network *w,
		      const struct wire_endpoint *p)
{
	struct ipaddr found;
	char text[IPADDR_TEXT];
	int r = netprobe_name(p->service, &found);
	if (r == -ENOENT)
		emit(k, NULL, w->name, "dns",
		     "the name '%s' has no address in its containers, though %s is ready",
		     p->service, p->task_name);
	else if (r < 0)
		emit(k, NULL, w->name, "dns",
		     "the resolver of its containers (127.0.0.11) does not answer: %s; `carrack "
		     "net "
		     "repair`, and else restart the agent on this node",
		     strerror(-r));
	else if (p->vip && !is_vip_of(k->c, p->service, &found))
		emit(k, NULL, w->name, "dns", "the name '%s' leads to %s, not to its VIP %s",
		     p->service, ipaddr_format(&found, text), p->vip);
	return r == -ENOENT ? 0 : r;
}

static void check_vip(struct checker *k, const struct wire_network *w,
		      const struct wire_endpoint *p)
{
	struct ipaddr vip;
	int known = 0;
	if (!ipaddr_parse(p->vip, &vip) || netprobe_echo(&vip, SMALL, &known) == 0)
		return;
	emit(k, NULL, w->name, "vip",
	     "the VIP %s of '%s' does not answer in its containers; `carrack net repair`, and "
	     "`carrack net trace` tells more",
	     p->vip, p->service);
}

/* All services of the network, each once. */
static void check_services(struct checker *k, const struct wire_network *w)
{
	struct map seen = {0};
	bool resolver = true;
	map_each(assign_endpoints(k->c->assign), e)
	{
		const struct wire_endpoint *p = e->val;
		if (!streq(p->network_id, w->id) || !p->ready || !p->service ||
		    map_has(&seen, p->service) || seen.n >= SERVICES_MAX)
			continue;
		map_set(&seen, p->service, k);
		if (resolver)
			resolver = check_name(k, w, p) == 0;
		check_vip(k, w, p);
	}
	map_clear(&seen);
}

static void check_network(struct checker *k, const struct wire_network *w)
{
	const struct wire_endpoint *own = endpoint_on(k->c, w->id, k->c->node_id);
	if (!own)
		return;
	auto_free char *path =
		xasprintf("%s/netns/%s", k->c->overlay_config->run_dir, own->task_id);
	auto_close int ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET) < 0) {
		emit(k, NULL, w->name, "sandbox", "the network namespace of %s is gone: %s",
		     own->task_name, strerror(errno));
		return;
	}
	k->own = own;
	k->away = ns;
	check_services(k, w);
	map_each(assign_nodes(k->c->assign), e)
	{
		const struct wire_node *peer = e->val;
		if (!streq(peer->id, k->c->node_id))
			check_overlay(k, w, peer);
	}
	if (setns(k->home, CLONE_NEWNET) < 0)
		_exit(1);
}

static void check_all(struct checker *k)
{
	k->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	check_tables(k);
	map_each(assign_nodes(k->c->assign), e)
	{
		const struct wire_node *w = e->val;
		if (!streq(w->id, k->c->node_id))
			check_peer(k, w);
	}
	map_each(assign_networks(k->c->assign), e)
	{
		if (wanted(k, e->val))
			check_network(k, e->val);
	}
}

void netcheck_work(struct nodeask_out *out)
{
	struct checker k = {.c = out->c, .out = out};
	json_strlist(out->options, "networks", &k.only);
	check_all(&k);
}

/* Is one of these on this node? */
static bool any_here(const struct core *c, const struct strlist *networks)
{
	map_each(assign_networks(c->assign), e)
	{
		const struct wire_network *w = e->val;
		if (strlist_has(networks, w->name) || strlist_has(networks, w->id))
			return true;
	}
	return networks->n == 0;
}

int netcheck_repair(struct core *c, const json_t *options, const struct nodeask_ops *ops, void *arg,
		    struct err *err)
{
	struct ov_stats before = {0}, after = {0};
	auto_strlist networks = {0};
	(void)err;
	json_strlist(options, "networks", &networks);
	if (!any_here(c, &networks)) {
		ops->line(finding(c, NULL, NULL, "repair", "is not on any of these networks"), arg);
		ops->end(0, arg);
		return 0;
	}
	overlay_stats(c->overlay, &before);
	overlay_check(c->overlay);
	overlay_stats(c->overlay, &after);
	auto_free char *text = xasprintf("%llu things mended now, %llu since the agent's start",
					 (unsigned long long)(after.mended - before.mended),
					 (unsigned long long)after.mended);
	ops->line(finding(c, NULL, NULL, "repair", text), arg);
	ops->end(0, arg);
	return 0;
}
