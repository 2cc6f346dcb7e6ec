/* SPDX-License-Identifier: Apache-2.0
 *
 * VIPs and the host: which network an address is of, and the routes by which each VIP is local to its
 * network's bridge. So the host answers ARP and ping for it, and refuses what the data path found no
 * task for (rules.c). One route a VIP and host, none in the containers. See overlay.h.
 */
#include "base/log.h"
#include "base/mem.h"
#include "overlay/host.h"
#include "overlay/netns.h"
#include <errno.h>
#include <linux/neighbour.h>
#include <stdio.h>
#include <string.h>

#define PROTOCOL 0xc7 /* RTA protocol of our routes (rtnetlink.h: above 4 is anyone's) */

/* IPv6 asks a neighbour table whom to answer for; IPv4 does so for every local route. */
static struct nlreq *proxy_request(const struct network *n, const struct ipaddr *vip, bool add)
{
	struct ndmsg nd = {.ndm_family = AF_INET6,
			   .ndm_ifindex = n->bridge_index,
			   .ndm_state = NUD_PERMANENT,
			   .ndm_flags = NTF_PROXY};
	struct nlreq *r = nlreq_new(add ? RTM_NEWNEIGH : RTM_DELNEIGH,
				    add ? NLM_F_CREATE | NLM_F_REPLACE : 0, &nd, sizeof(nd));
	nlreq_put(r, NDA_DST, vip->bytes, ipaddr_len(vip));
	return r;
}

static struct nlreq *route_request(const struct network *n, const struct ipaddr *vip, bool add)
{
	struct rtmsg rt = {.rtm_family = vip->family,
			   .rtm_dst_len = (uint8_t)ipaddr_bits(vip),
			   .rtm_table = RT_TABLE_LOCAL,
			   .rtm_protocol = PROTOCOL,
			   .rtm_scope = RT_SCOPE_HOST,
			   .rtm_type = RTN_LOCAL};
	struct nlreq *r = nlreq_new(add ? RTM_NEWROUTE : RTM_DELROUTE,
				    add ? NLM_F_CREATE | NLM_F_REPLACE : 0, &rt, sizeof(rt));
	nlreq_put(r, RTA_DST, vip->bytes, ipaddr_len(vip));
	nlreq_u32(r, RTA_OIF, (uint32_t)n->bridge_index);
	return r;
}

static int write_proxy(struct overlay *o, const struct network *n, const struct ipaddr *vip,
		       bool add, struct err *err)
{
	char name[64];
	snprintf(name, sizeof(name), "net.ipv6.conf.%s.proxy_ndp", n->bridge);
	(void)netns_sysctl(name, "1", NULL);
	/* At once: a proxy may wait up to 0.8 s for the one it answers for, who is nobody. */
	snprintf(name, sizeof(name), "net.ipv6.neigh.%s.proxy_delay", n->bridge);
	(void)netns_sysctl(name, "0", NULL);
	int r = nlsock_call(o->nl, proxy_request(n, vip, add), err);
	return !add && (r == -ESRCH || r == -ENOENT) ? 0 : r;
}

static int write_route(struct overlay *o, const struct network *n, const struct ipaddr *vip,
		       bool add, struct err *err)
{
	int r = nlsock_call(o->nl, route_request(n, vip, add), err);
	/* -ESRCH, -ENOENT: gone already, with its bridge. */
	if (!add && (r == -ESRCH || r == -ENOENT))
		r = 0;
	return r == 0 && ipaddr_is_v6(vip) ? write_proxy(o, n, vip, add, err) : r;
}

struct ipaddr ipaddr_of_vip(const struct vip_addr *a)
{
	struct ipaddr ip = {.family = vip_addr_is_v4(a) ? AF_INET : AF_INET6};
	if (ip.family == AF_INET)
		memcpy(ip.bytes, &a->w[3], 4);
	else
		memcpy(ip.bytes, a, sizeof(ip.bytes));
	return ip;
}

int overlay_vip_set(struct overlay *o, const char *network_id, const struct ipaddr *vip,
		    const struct ipaddr *tasks, size_t n_tasks, struct err *err)
{
	struct network *n = network_get(o, network_id);
	char text[IPADDR_TEXT];
	if (!n)
		return err_set(err, -ENOENT, "network \"%s\" is not on this host", network_id);
	if ((!ipprefix_has(&n->spec.subnet, vip) && !ipprefix_has(&n->spec.subnet6, vip)) ||
	    ipaddr_equal(vip, &n->spec.gateway) || ipaddr_equal(vip, &n->spec.gateway6))
		return err_set(err, -EINVAL, "network \"%s\" cannot have the VIP %s", network_id,
			       ipaddr_format(vip, text));
	struct vip_addr ip = vip_addr_of(vip);
	auto_free struct vip_addr *to = xcalloc(n_tasks + 1, sizeof(*to));
	for (size_t i = 0; i < n_tasks; i++)
		to[i] = vip_addr_of(&tasks[i]);
	bool known = vips_has(o->vips, n->spec.vni, &ip);
	int r = vips_set(o->vips, n->spec.vni, &ip, to, n_tasks, err);
	if (vips_behind(o->vips))
		timer_set(o->check, 0);
	return r < 0 || known ? r : write_route(o, n, vip, true, err);
}

int overlay_vip_del(struct overlay *o, const char *network_id, const struct ipaddr *vip,
		    struct err *err)
{
	struct network *n = network_get(o, network_id);
	struct vip_addr ip = vip_addr_of(vip);
	if (!n || !vips_has(o->vips, n->spec.vni, &ip))
		return 0;
	int r = vips_del(o->vips, &ip, err);
	int code = write_route(o, n, vip, false, err);
	return r < 0 ? r : code;
}

const char *overlay_vip_path(const struct overlay *o)
{
	return vips_path(o->vips);
}

enum ov_vip_path overlay_vip_probe(char **why)
{
	return vips_probe(why);
}

int viproute_join(struct overlay *o, const struct sandbox *s, int ns, struct err *err)
{
	auto_free uint32_t *networks = xcalloc(s->n_endpoints + 1, sizeof(*networks));
	for (size_t i = 0; i < s->n_endpoints; i++)
		networks[i] = network_get(o, s->endpoints[i].network_id)->spec.vni;
	return vips_join(o->vips, s->id, ns, networks, s->n_endpoints, err);
}

/* --- comparison ------------------------------------------------------------------------------- */

struct route {
	struct vip_addr vip;
	int bridge;
	int proxy; /* 1: not the route, but that the bridge answers neighbour solicitations for it */
};
struct places { /* the networks of this host, to be looked up */
	const struct network **by_vni, **by_bridge;
	size_t n;
};
struct routes {
	struct route *v;
	size_t n, cap;
	const struct places *places;
};

static void add_route(struct routes *l, const struct vip_addr *vip, int bridge, int proxy)
{
	l->v = vec_grow(l->v, l->n, &l->cap, sizeof(*l->v));
	l->v[l->n++] = (struct route){*vip, bridge, proxy};
}

static int vni_order(const void *a, const void *b)
{
	const struct network *const *x = a, *const *y = b;
	return ((*x)->spec.vni > (*y)->spec.vni) - ((*x)->spec.vni < (*y)->spec.vni);
}

static int bridge_order(const void *a, const void *b)
{
	const struct network *const *x = a, *const *y = b;
	return ((*x)->bridge_index > (*y)->bridge_index) -
	       ((*x)->bridge_index < (*y)->bridge_index);
}

static void places_fill(struct places *p, const struct overlay *o)
{
	p->by_vni = xcalloc(o->networks.n + 1, sizeof(*p->by_vni));
	p->by_bridge = xcalloc(o->networks.n + 1, sizeof(*p->by_bridge));
	map_each(&o->networks, e) p->by_bridge[p->n] = p->by_vni[p->n] = e->val, p->n++;
	qsort(p->by_vni, p->n, sizeof(*p->by_vni), vni_order);
	qsort(p->by_bridge, p->n, sizeof(*p->by_bridge), bridge_order);
}

static void places_done(struct places *p)
{
	free(p->by_vni);
	free(p->by_bridge);
}

static const struct network *by_vni(const struct places *p, uint32_t vni)
{
	const struct network key = {.spec = {.vni = vni}}, *at = &key;
	const struct network **found = bsearch(&at, p->by_vni, p->n, sizeof(*p->by_vni), vni_order);
	return found ? *found : NULL;
}

static const struct network *by_bridge(const struct places *p, int index)
{
	const struct network key = {.bridge_index = index}, *at = &key;
	const struct network **found =
		bsearch(&at, p->by_bridge, p->n, sizeof(*p->by_bridge), bridge_order);
	return found ? *found : NULL;
}

static void want_route(uint32_t network, const struct vip_addr *vip, void *arg)
{
	struct routes *l = arg;
	const struct network *n = by_vni(l->places, network);
	if (n)
		add_route(l, vip, n->bridge_index, 0);
	if (n && !vip_addr_is_v4(vip))
		add_route(l, vip, n->bridge_index, 1);
}

static void take_route(const struct nlmsghdr *h, void *arg)
{
	struct routes *l = arg;
	if (h->nlmsg_type != RTM_NEWROUTE || h->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg)))
		return;
	const struct rtmsg *rt = NLMSG_DATA(h);
	const struct rtattr *tb[RTA_MAX + 1];
	struct ipaddr ip;
	if (rt->rtm_table != RT_TABLE_LOCAL || rt->rtm_protocol != PROTOCOL)
		return;
	nl_attrs(h, sizeof(*rt), tb, RTA_MAX);
	if (!nl_get_addr(tb[RTA_DST], &ip))
		return;
	struct vip_addr vip = vip_addr_of(&ip);
	add_route(l, &vip, (int)nl_get_u32(tb[RTA_OIF], 0), 0);
}

static void take_proxy(const struct nlmsghdr *h, void *arg)
{
	struct routes *l = arg;
	if (h->nlmsg_type != RTM_NEWNEIGH || h->nlmsg_len < NLMSG_LENGTH(sizeof(struct ndmsg)))
		return;
	const struct ndmsg *nd = NLMSG_DATA(h);
	const struct rtattr *tb[NDA_MAX + 1];
	struct ipaddr ip;
	nl_attrs(h, sizeof(*nd), tb, NDA_MAX);
	if (!(nd->ndm_flags & NTF_PROXY) || !nl_get_addr(tb[NDA_DST], &ip) ||
	    !by_bridge(l->places, nd->ndm_ifindex))
		return;
	struct vip_addr vip = vip_addr_of(&ip);
	add_route(l, &vip, nd->ndm_ifindex, 1);
}

static int by_vip(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct route));
}

static int read_routes(struct overlay *o, struct routes *out, struct err *err)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	int r = 0;
	for (size_t i = 0; i < ARRAY_LEN(families) && r == 0; i++) {
		struct rtmsg rt = {.rtm_family = families[i], .rtm_table = RT_TABLE_LOCAL};
		r = nlsock_dump(o->nl, nlreq_new(RTM_GETROUTE, NLM_F_DUMP, &rt, sizeof(rt)),
				take_route, out, err);
	}
	struct ndmsg nd = {.ndm_family = AF_INET6, .ndm_flags = NTF_PROXY};
	return r < 0 ? r
		     : nlsock_dump(o->nl, nlreq_new(RTM_GETNEIGH, NLM_F_DUMP, &nd, sizeof(nd)),
				   take_proxy, out, err);
}

static int mend_route(struct overlay *o, const struct places *p, const struct route *r, bool add,
		      struct err *err)
{
	const struct network *n = by_bridge(p, r->bridge);
	struct ipaddr ip = ipaddr_of_vip(&r->vip);
	if (!n)
		return 0;
	return r->proxy ? write_proxy(o, n, &ip, add, err) : write_route(o, n, &ip, add, err);
}

static int compare_routes(struct overlay *o, const struct routes *want, const struct routes *have,
			  size_t *mended, struct err *err)
{
	size_t i = 0, j = 0;
	int r = 0;
	while (r == 0 && (i < want->n || j < have->n)) {
		int order = i == want->n ? 1 : j == have->n ? -1 : by_vip(&want->v[i], &have->v[j]);
		if (order < 0) {
			++*mended;
			r = o->look ? 0 : mend_route(o, want->places, &want->v[i], true, err);
		} else if (order > 0 && o->settled) {
			++*mended;
			r = o->look ? 0 : mend_route(o, want->places, &have->v[j], false, err);
		}
		i += order <= 0;
		j += order >= 0;
	}
	return r;
}

static int check_routes(struct overlay *o, size_t *mended, struct err *err)
{
	struct places places = {0};
	struct routes want = {.places = &places}, have = {.places = &places};
	places_fill(&places, o);
	vips_each(o->vips, want_route, &want);
	int r = read_routes(o, &have, err);
	if (want.n)
		qsort(want.v, want.n, sizeof(*want.v), by_vip);
	if (have.n)
		qsort(have.v, have.n, sizeof(*have.v), by_vip);
	if (r == 0)
		r = compare_routes(o, &want, &have, mended, err);
	free(want.v);
	free(have.v);
	places_done(&places);
	return r;
}

int viproute_check(struct overlay *o, struct err *err)
{
	size_t mended = 0, count = 0;
	int r = vips_check(o->vips, o->settled, &mended, err);
	if (mended)
		(void)check_found(o, NULL, mended, "the tables of VIPs (%s): %zu entries",
				  vips_path(o->vips), mended);
	struct err why = {0};
	int code = check_routes(o, &count, &why);
	if (count)
		(void)check_found(o, NULL, count, "the routes of VIPs: %zu", count);
	return r < 0 ? r : code < 0 ? err_set(err, code, "%s", err_text(&why)) : 0;
}
