/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of the check that looks into sandboxes: interfaces, their addresses and routes, settings, and
 * the rules that lead to the resolver. A container that may set up its own network (a VPN's) adds to it
 * and puts its own default route in the place of ours: what is missing comes back, what was added stays.
 */
#include "overlay/insidecheck.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "overlay/host.h"
#include "overlay/lan.h"
#include "overlay/netns.h"
#include "overlay/nftgen.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

void inside_done(struct inside *in)
{
	nlsock_close(in->nl);
	cleanup_link_list(&in->links);
	cleanup_link_addrs(&in->addrs);
	cleanup_link_routes(&in->routes);
}

int inside_read(struct inside *in, struct err *err)
{
	int r = nlsock_open(&in->nl, err);
	if (r == 0)
		r = link_list(in->nl, &in->links, err);
	if (r == 0)
		r = link_addrs(in->nl, &in->addrs, err);
	return r < 0 ? r : link_routes(in->nl, &in->routes, err);
}

const struct link_info *inside_link(const struct inside *in, const char *name)
{
	for (size_t i = 0; i < in->links.n; i++)
		if (strcmp(in->links.v[i].name, name) == 0)
			return &in->links.v[i];
	return NULL;
}

static bool has_address(const struct inside *in, int index, const struct ipaddr *a, unsigned len)
{
	for (size_t i = 0; i < in->addrs.n; i++)
		if (in->addrs.v[i].index == index && ipaddr_equal(&in->addrs.v[i].ip, a) &&
		    (!len || in->addrs.v[i].prefix_len == len))
			return true;
	return !ipaddr_is_set(a);
}

/* To the network's own addresses. */
static bool has_subnet(const struct inside *in, int index, const struct ipprefix *p)
{
	bool found = !ipprefix_is_set(p);
	for (size_t i = 0; i < in->routes.n && !found; i++)
		found = in->routes.v[i].index == index && !in->routes.v[i].dead &&
			!ipaddr_is_set(&in->routes.v[i].gateway) &&
			ipprefix_equal(&in->routes.v[i].to, p);
	return found;
}

/* What is wrong with an endpoint's interface; NULL: nothing. */
const char *inside_fault(struct overlay *o, const struct endpoint *e, const struct network *n,
			 const struct inside *in)
{
	const struct link_info *li = inside_link(in, e->ifname);
	if (!li)
		return "is missing";
	if (!li->up)
		return "is down";
	if (li->mtu != network_mtu(o, n))
		return "has another MTU";
	if (n->spec.driver != OV_IPVLAN && memcmp(li->mac, e->mac, sizeof(e->mac)) != 0)
		return "has another MAC";
	if (!has_address(in, li->index, &e->ip, n->spec.subnet.len) ||
	    !has_address(in, li->index, &e->ip6, n->spec.subnet6.len))
		return "lacks its address";
	for (size_t i = 0; i < e->n_extra; i++)
		if (!has_address(in, li->index, &e->extra[i], 0))
			return "lacks a link-local address";
	if ((ipaddr_is_set(&e->ip) && !has_subnet(in, li->index, &n->spec.subnet)) ||
	    (ipaddr_is_set(&e->ip6) && !has_subnet(in, li->index, &n->spec.subnet6)))
		return "lacks the route to its network";
	return NULL;
}

/* There is a default route, and if it goes by our interface, it goes to the gateway. */
static bool way_out_right(struct overlay *o, const struct sandbox *s, int family,
			  const struct inside *in)
{
	const struct endpoint *e = endpoint_outer(o, s, family);
	const struct network *n = e ? network_get(o, e->network_id) : NULL;
	const struct link_info *li = e ? inside_link(in, e->ifname) : NULL;
	if (!n || !li)
		return true;
	const struct ipaddr *want = family == AF_INET ? &n->spec.gateway : &n->spec.gateway6;
	for (size_t i = 0; i < in->routes.n; i++) {
		const struct link_route *r = &in->routes.v[i];
		if (r->family != family || ipprefix_is_set(&r->to) || r->dead)
			continue;
		if (r->index != li->index || ipaddr_equal(&r->gateway, want))
			return true;
	}
	return false;
}

/* Addresses go and come back: the kernel makes the route to their subnet with them. */
static void renew_addresses(const struct endpoint *e, const struct network *n,
			    const struct inside *in)
{
	const struct link_info *li = inside_link(in, e->ifname);
	if (!li)
		return;
	if (ipaddr_is_set(&e->ip) && !has_subnet(in, li->index, &n->spec.subnet))
		(void)link_del_addr(in->nl, li->index, &e->ip, n->spec.subnet.len, NULL);
	if (ipaddr_is_set(&e->ip6) && !has_subnet(in, li->index, &n->spec.subnet6))
		(void)link_del_addr(in->nl, li->index, &e->ip6, n->spec.subnet6.len, NULL);
}

static bool links_wrong(struct overlay *o, const struct sandbox *s, const struct inside *in)
{
	static const int families[] = {AF_INET, AF_INET6};
	const struct link_info *lo = inside_link(in, "lo");
	bool mend = false;
	for (size_t i = 0; i < s->n_endpoints; i++) {
		const struct endpoint *e = &s->endpoints[i];
		const struct network *n = network_get(o, e->network_id);
		/* One that is cut off comes back with its network. */
		bool known = n && e->veth_index && !n->lan.why;
		const char *fault = known ? inside_fault(o, e, n, in) : NULL;
		if (!fault || !check_found(o, n->id, 1, "%s inside of sandbox \"%s\" %s", e->ifname,
					   s->id, fault))
			continue;
		mend = true;
		renew_addresses(e, n, in);
	}
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		if (!way_out_right(o, s, families[i], in))
			mend |= check_found(o, endpoint_outer(o, s, families[i])->network_id, 1,
					    "sandbox \"%s\" has no default route to its gateway",
					    s->id);
	if (lo && !lo->up)
		mend |= check_found(o, NULL, 1, "lo of sandbox \"%s\" is down", s->id);
	return mend;
}

static void mend_settings(struct overlay *o, const struct sandbox *s)
{
	const struct kv *want;
	size_t n;
	sandbox_sysctls(&want, &n);
	for (size_t i = 0; i < n; i++) {
		/* A port from which on no privilege is needed is the container's own matter. */
		if (strstr(want[i].k, "unprivileged") || netns_sysctl_is(want[i].k, want[i].v))
			continue;
		if (check_found(o, NULL, 1, "%s of sandbox \"%s\"", want[i].k, s->id))
			(void)netns_sysctl(want[i].k, want[i].v, NULL);
	}
	for (size_t i = 0; i < s->n_endpoints; i++) {
		const struct endpoint *e = &s->endpoints[i];
		char key[96];
		snprintf(key, sizeof(key), "net.ipv6.conf.%s.disable_ipv6", e->ifname);
		if (!endpoint_has_ipv6(e) || netns_sysctl_is(key, "0"))
			continue;
		if (check_found(o, e->network_id, 1, "IPv6 is off on %s of sandbox \"%s\"",
				e->ifname, s->id))
			netns_link_ipv6(e->ifname, true);
	}
}

/* The table ck_resolver, looked at only where someone wrote to the namespace's packet filter. */
static int mend_resolver(struct overlay *o, struct sandbox *s, struct err *err)
{
	uint32_t now = 0;
	auto_str have = {0};
	struct nft *nft = NULL;
	if (!s->dns_udp)
		return 0;
	auto_close int gen = nftgen_open(err);
	if (gen < 0 || nftgen_read(gen, &now) < 0 || (s->nft_seen && now == s->nft_seen))
		return gen < 0 ? gen : 0;
	int r = nft_open(&nft, err);
	if (r < 0)
		return r;
	bool there = nft_list(nft, "list table ip ck_resolver", &have, NULL) == 0;
	nft_close(nft);
	if (there && !s->resolver_rules) /* it was written just now */
		s->resolver_rules = xstrdup(have.data);
	if (!there || !streq(have.data, s->resolver_rules)) {
		if (!check_found(o, NULL, 1, "sandbox \"%s\" does not reach its resolver", s->id))
			return 0;
		r = sandbox_lead_names(s, err);
		now = 0;
	}
	s->nft_seen = now;
	return r;
}

static int check_sandbox(struct overlay *o, struct sandbox *s, struct err *err)
{
	struct inside in = {0};
	auto_close int ns = netns_open(s->path, err);
	if (ns < 0)
		return ns == -ENOENT ? 0 : ns; /* it is going */
	int r = netns_enter(ns, err);
	if (r < 0)
		return r;
	mend_settings(o, s);
	r = inside_read(&in, err);
	if (r == 0 && links_wrong(o, s, &in))
		r = endpoint_configure(o, s, err);
	if (r == 0)
		r = mend_resolver(o, s, err);
	if (r == 0)
		r = lanend_guard_check(o, s, err);
	netns_leave(o->home);
	inside_done(&in);
	return r;
}

void insidecheck_run(struct overlay *o)
{
	map_each(&o->sandboxes, e)
	{
		struct sandbox *s = e->val;
		struct err err = {0};
		if (check_sandbox(o, s, &err) < 0)
			log_warn("overlay", "sandbox \"%s\": %s", s->id, err_text(&err));
	}
}
