/* SPDX-License-Identifier: Apache-2.0
 * Addresses and routes of links; see link.h. */
#include "base/mem.h"
#include "overlay/link.h"
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <string.h>

#define ANSWER_TABLE 99    /* in sandboxes alone */
#define ANSWER_RULE  30000 /* before that of the main table */

int link_add_addr(struct nlsock *s, int index, const struct ipaddr *a, unsigned prefix_len,
		  struct err *err)
{
	struct ifaddrmsg ifa = {.ifa_family = a->family,
				.ifa_prefixlen = (uint8_t)prefix_len,
				.ifa_scope = RT_SCOPE_UNIVERSE,
				.ifa_index = (unsigned)index};
	struct nlreq *r = nlreq_new(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &ifa, sizeof(ifa));
	nlreq_put(r, IFA_LOCAL, a->bytes, ipaddr_len(a));
	nlreq_put(r, IFA_ADDRESS, a->bytes, ipaddr_len(a));
	if (ipaddr_is_v6(a)) /* the controller sees to it that nobody else has it */
		nlreq_u32(r, IFA_FLAGS, IFA_F_NODAD);
	uint32_t brd;
	memcpy(&brd, a->bytes, sizeof(brd));
	if (ipaddr_is_v4(a) && prefix_len < 31) {
		brd |= htonl(0xffffffffu >> prefix_len);
		nlreq_put(r, IFA_BROADCAST, &brd, sizeof(brd));
	}
	return nlsock_call(s, r, err);
}

static void take_addr(const struct nlmsghdr *h, void *arg)
{
	struct link_addrs *l = arg;
	if (h->nlmsg_type != RTM_NEWADDR || h->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifaddrmsg)))
		return;
	const struct ifaddrmsg *ifa = NLMSG_DATA(h);
	const struct rtattr *tb[IFA_MAX + 1];
	nl_attrs(h, sizeof(*ifa), tb, IFA_MAX);
	const struct rtattr *ip = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	struct link_addr a = {.index = (int)ifa->ifa_index,
			      .prefix_len = ifa->ifa_prefixlen,
			      .global = ifa->ifa_scope == RT_SCOPE_UNIVERSE};
	if (!nl_get_addr(ip, &a.ip) || ifa->ifa_family != a.ip.family)
		return;
	l->v = vec_grow(l->v, l->n, &l->cap, sizeof(*l->v));
	l->v[l->n++] = a;
}

int link_addrs(struct nlsock *s, struct link_addrs *ret, struct err *err)
{
	struct ifaddrmsg ifa = {.ifa_family = AF_UNSPEC};
	struct nlreq *r = nlreq_new(RTM_GETADDR, NLM_F_DUMP, &ifa, sizeof(ifa));
	int code = nlsock_dump(s, r, take_addr, ret, err);
	return code < 0 ? err_wrap(err, code, "cannot list the addresses of this host") : 0;
}

int link_del_addr(struct nlsock *s, int index, const struct ipaddr *a, unsigned prefix_len,
		  struct err *err)
{
	struct ifaddrmsg ifa = {.ifa_family = a->family,
				.ifa_prefixlen = (uint8_t)prefix_len,
				.ifa_index = (unsigned)index};
	struct nlreq *r = nlreq_new(RTM_DELADDR, 0, &ifa, sizeof(ifa));
	nlreq_put(r, IFA_LOCAL, a->bytes, ipaddr_len(a));
	return nlsock_call(s, r, err);
}

int link_keep_addr(struct nlsock *s, int index, const struct ipaddr *keep, unsigned prefix_len,
		   struct err *err)
{
	auto_link_addrs have = {0};
	int code = link_addrs(s, &have, err);
	for (size_t i = 0; i < have.n && code == 0; i++) {
		const struct link_addr *a = &have.v[i];
		if (a->index != index || a->ip.family != keep->family ||
		    (ipaddr_equal(&a->ip, keep) && a->prefix_len == prefix_len))
			continue;
		code = link_del_addr(s, index, &a->ip, a->prefix_len, err);
	}
	return code;
}

static int add_default(struct nlsock *s, int index, const struct ipaddr *gateway, uint8_t table,
		       struct err *err)
{
	struct rtmsg rt = {.rtm_family = gateway->family,
			   .rtm_table = table,
			   .rtm_protocol = RTPROT_STATIC,
			   .rtm_scope = RT_SCOPE_UNIVERSE,
			   .rtm_type = RTN_UNICAST};
	struct nlreq *r = nlreq_new(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &rt, sizeof(rt));
	nlreq_put(r, RTA_GATEWAY, gateway->bytes, ipaddr_len(gateway));
	nlreq_u32(r, RTA_OIF, (uint32_t)index);
	return nlsock_call(s, r, err);
}

int link_default_route(struct nlsock *s, int index, const struct ipaddr *gateway, struct err *err)
{
	return add_default(s, index, gateway, RT_TABLE_MAIN, err);
}

int link_answer_route(struct nlsock *s, int index, const struct ipaddr *from,
		      const struct ipaddr *gateway, struct err *err)
{
	struct fib_rule_hdr rule = {.family = from->family,
				    .src_len = (uint8_t)ipaddr_bits(from),
				    .table = ANSWER_TABLE,
				    .action = FR_ACT_TO_TBL};
	int r = add_default(s, index, gateway, ANSWER_TABLE, err);
	if (r < 0)
		return r;
	struct nlreq *q = nlreq_new(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &rule, sizeof(rule));
	nlreq_put(q, FRA_SRC, from->bytes, ipaddr_len(from));
	nlreq_u32(q, FRA_PRIORITY, ANSWER_RULE);
	r = nlsock_call(s, q, err);
	return r == -EEXIST ? 0 : r;
}

static bool read_route(const struct nlmsghdr *h, struct link_route *ret)
{
	const struct rtmsg *rt = NLMSG_DATA(h);
	const struct rtattr *tb[RTA_MAX + 1];
	struct ipaddr to = {0};
	if (h->nlmsg_type != RTM_NEWROUTE || h->nlmsg_len < NLMSG_LENGTH(sizeof(*rt)) ||
	    (rt->rtm_family != AF_INET && rt->rtm_family != AF_INET6))
		return false;
	nl_attrs(h, sizeof(*rt), tb, RTA_MAX);
	*ret = (struct link_route){.family = rt->rtm_family,
				   .index = (int)nl_get_u32(tb[RTA_OIF], 0),
				   .dead = rt->rtm_type != RTN_UNICAST &&
					   rt->rtm_type != RTN_LOCAL};
	nl_get_addr(tb[RTA_GATEWAY], &ret->gateway);
	if (rt->rtm_dst_len && nl_get_addr(tb[RTA_DST], &to))
		ret->to = ipprefix_of(&to, rt->rtm_dst_len);
	return true;
}

static void take_route(const struct nlmsghdr *h, void *arg)
{
	struct link_routes *l = arg;
	struct link_route r;
	const struct rtmsg *rt = NLMSG_DATA(h);
	if (!read_route(h, &r) || rt->rtm_table != RT_TABLE_MAIN || rt->rtm_flags & RTM_F_CLONED)
		return;
	l->v = vec_grow(l->v, l->n, &l->cap, sizeof(*l->v));
	l->v[l->n++] = r;
}

int link_routes(struct nlsock *s, struct link_routes *ret, struct err *err)
{
	struct rtmsg rt = {.rtm_family = AF_UNSPEC};
	int code = nlsock_dump(s, nlreq_new(RTM_GETROUTE, NLM_F_DUMP, &rt, sizeof(rt)), take_route,
			       ret, err);
	return code < 0 ? err_wrap(err, code, "cannot list routes") : 0;
}

static void take_way(const struct nlmsghdr *h, void *arg)
{
	(void)read_route(h, arg);
}

int link_route_to(struct nlsock *s, const struct ipaddr *to, struct link_route *ret,
		  struct err *err)
{
	struct rtmsg rt = {.rtm_family = to->family, .rtm_dst_len = (uint8_t)ipaddr_bits(to)};
	struct nlreq *r = nlreq_new(RTM_GETROUTE, 0, &rt, sizeof(rt));
	struct link_route found = {0};
	struct err why = {0};
	nlreq_put(r, RTA_DST, to->bytes, ipaddr_len(to));
	int code = nlsock_dump(s, r, take_way, &found, &why);
	if (code == -ENETUNREACH || code == -EHOSTUNREACH || code == -EACCES || code == -EINVAL ||
	    (code == 0 && (!found.family || found.dead)))
		return -ENETUNREACH;
	if (code < 0)
		return err_set(err, code, "cannot look up a route: %s", err_text(&why));
	*ret = found;
	return 0;
}

struct best_route {
	uint32_t metric;
	int index, mtu;
};

static void take_default(const struct nlmsghdr *h, void *arg)
{
	struct best_route *best = arg;
	if (h->nlmsg_type != RTM_NEWROUTE || h->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg)))
		return;
	const struct rtmsg *rt = NLMSG_DATA(h);
	if (rt->rtm_family != AF_INET || rt->rtm_dst_len != 0 || rt->rtm_type != RTN_UNICAST ||
	    rt->rtm_table != RT_TABLE_MAIN)
		return;
	const struct rtattr *tb[RTA_MAX + 1], *metrics[RTAX_MAX + 1];
	nl_attrs(h, sizeof(*rt), tb, RTA_MAX);
	uint32_t metric = nl_get_u32(tb[RTA_PRIORITY], 0);
	int index = (int)nl_get_u32(tb[RTA_OIF], 0);
	if (index == 0 || (best->index && best->metric <= metric))
		return;
	*best = (struct best_route){.metric = metric, .index = index};
	if (!tb[RTA_METRICS])
		return;
	nl_nested(tb[RTA_METRICS], metrics, RTAX_MAX);
	best->mtu = (int)nl_get_u32(metrics[RTAX_MTU], 0);
}

int link_default(struct nlsock *s, int *ret_index, int *ret_mtu, struct err *err)
{
	struct rtmsg rt = {.rtm_family = AF_INET};
	struct best_route best = {0};
	int code = nlsock_dump(s, nlreq_new(RTM_GETROUTE, NLM_F_DUMP, &rt, sizeof(rt)),
			       take_default, &best, err);
	if (code < 0)
		return err_wrap(err, code, "cannot list the routes of this host");
	if (best.index == 0)
		return -ENETUNREACH;
	*ret_index = best.index;
	*ret_mtu = best.mtu;
	return 0;
}
