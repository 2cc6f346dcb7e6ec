/* SPDX-License-Identifier: Apache-2.0
 * A node's share of `carrack net check`; see netcheck.h. */
#include "agent/core/netcheck.h"
#include "agent/core/assign.h"
#include "agent/core/netprobe.h"
#include "base/fd.h"
#include "base/forked.h"
#include "base/map.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define CHECK_LIMIT_MS 60000
#define LINE_MAX       65536
#define SMALL          84 /* bytes of an ordinary ping */

struct netcheck {
	struct core *c;
	char *only; /* network; NULL: all */
	struct forked *work;
	bool found; /* something is wrong */
	const struct netcheck_ops *ops;
	void *arg;
};

struct checker { /* in the child */
	const struct core *c;
	const char *only; /* network; NULL: all */
	int fd, home;
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
	auto_free char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	auto_json *j = finding(k->c, peer, network, what, text);
	auto_free char *line = json_text(j);
	(void)fd_write_all(k->fd, line, strlen(line));
	(void)fd_write_all(k->fd, "\n", 1);
}

static bool wanted(const struct checker *k, const struct wire_network *w)
{
	return w && (!k->only || streq(k->only, w->name) || streq(k->only, w->id));
}

static void on_difference(const char *id, const char *text, void *arg)
{
	struct checker *k = arg;
	const struct wire_network *w = id ? map_get(assign_networks(k->c->assign), id) : NULL;
	if (!w || wanted(k, w))
		emit(k, NULL, w ? w->name : NULL, "tables",
		     "%s; the agent mends it within a second, `carrack net repair` at once", text);
}

static void check_tables(struct checker *k)
{
	struct err err = {0};
	if (k->c->wiped) /* a host without tasks has no tables */
		return;
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

static void check_overlay(struct checker *k, const struct wire_network *w,
			  const struct wire_node *peer)
{
	const struct wire_endpoint *p = endpoint_on(k->c, w->id, peer->id);
	struct ipaddr to;
	int mtu = overlay_network_mtu(k->c->overlay, w->id), known = 0;
	if (!p || (!ipaddr_parse(p->ip, &to) && !ipaddr_parse(p->ip6, &to)))
		return;
	if (netprobe_echo(&to, SMALL, &known) < 0) {
		emit(k, peer->name, w->name, "overlay",
		     "%s (%s) is not reached over the overlay%s: %s must pass between the two "
		     "hosts, and the agent there must run",
		     p->task_name, p->ip ? p->ip : p->ip6,
		     map_has(&k->lost, peer->id) ? "" : ", though its host answers",
		     w->encrypted ? "UDP of wireguard_port" : "UDP of vxlan_port (4789)");
		return;
	}
	if (netprobe_echo(&to, mtu, &known) < 0)
		emit(k, peer->name, w->name, "mtu",
		     "packets of %d bytes to %s get lost on the overlay, small ones pass: the path "
		     "between the hosts carries less than %d bytes; set driver_opts mtu lower",
		     mtu, p->task_name, overlay_underlay_mtu(k->c->overlay));
}

static void check_names(struct checker *k, const struct wire_network *w)
{
	map_each(assign_endpoints(k->c->assign), e)
	{
		const struct wire_endpoint *p = e->val;
		if (!streq(p->network_id, w->id) || !p->ready || !p->service)
			continue;
		int r = netprobe_name(p->service);
		if (r == -ENOENT)
			emit(k, NULL, w->name, "dns",
			     "the name '%s' has no address in its containers, though %s is ready",
			     p->service, p->task_name);
		else if (r < 0)
			emit(k, NULL, w->name, "dns",
			     "the resolver of its containers (127.0.0.11) does not answer: %s; "
			     "restart the agent on this node",
			     strerror(-r));
		return;
	}
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
	check_names(k, w);
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

static void on_line(const char *text, size_t len, void *arg)
{
	struct netcheck *n = arg;
	json_t *j = json_parse(text, len, NULL);
	n->found = true;
	if (j)
		n->ops->line(j, n->arg);
}

static void on_end(enum forked_end how, const char *text, size_t len, void *arg)
{
	struct netcheck *n = arg;
	(void)text;
	(void)len;
	if (how != FORKED_OK) {
		n->found = true;
		n->ops->line(finding(n->c, NULL, NULL, "check",
				     "the check did not come to its end in time"),
			     n->arg);
	}
	n->ops->end(n->found, n->arg); /* may free n */
}

static void work(int out, void *arg)
{
	const struct netcheck *n = arg;
	struct checker k = {.c = n->c, .only = n->only, .fd = out};
	check_all(&k);
}

int netcheck_start(struct core *c, const char *network, const struct netcheck_ops *ops, void *arg,
		   struct netcheck **ret, struct err *err)
{
	struct netcheck *n = xcalloc(1, sizeof(*n));
	*n = (struct netcheck){.c = c, .ops = ops, .arg = arg};
	n->only = network ? xstrdup(network) : NULL;
	const struct forked_spec spec = {.work = work,
					 .line = on_line,
					 .end = on_end,
					 .arg = n,
					 .limit_ms = CHECK_LIMIT_MS,
					 .max_bytes = LINE_MAX};
	int r = forked_start(c->loop, &spec, &n->work, err);
	if (r < 0) {
		netcheck_free(n);
		return err_wrap(err, r, "cannot check the network");
	}
	*ret = n;
	return 0;
}

void netcheck_free(struct netcheck *n)
{
	if (!n)
		return;
	forked_free(n->work);
	free(n->only);
	free(n);
}

int netcheck_repair(struct core *c, const struct netcheck_ops *ops, void *arg, struct err *err)
{
	struct ov_stats before = {0}, after = {0};
	(void)err;
	overlay_stats(c->overlay, &before);
	if (!c->wiped)
		overlay_check(c->overlay);
	overlay_stats(c->overlay, &after);
	auto_free char *text = xasprintf("%llu things mended now, %llu since the agent's start",
					 (unsigned long long)(after.mended - before.mended),
					 (unsigned long long)after.mended);
	ops->line(finding(c, NULL, NULL, "repair", text), arg);
	ops->end(0, arg);
	return 0;
}
