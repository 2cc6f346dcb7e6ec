/* SPDX-License-Identifier: Apache-2.0
 * Finding and changing links; see link.h. */
#include "overlay/link.h"
#include "base/mem.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

static void read_vxlan(const struct rtattr *data, struct link_info *li)
{
	const struct rtattr *tb[IFLA_VXLAN_MAX + 1];
	nl_nested(data, tb, IFLA_VXLAN_MAX);
	li->vxlan.vni = nl_get_u32(tb[IFLA_VXLAN_ID], 0);
	if (!nl_get_addr(tb[IFLA_VXLAN_LOCAL], &li->vxlan.local))
		nl_get_addr(tb[IFLA_VXLAN_LOCAL6], &li->vxlan.local);
	li->vxlan.underlay = (int)nl_get_u32(tb[IFLA_VXLAN_LINK], 0);
	li->vxlan.port = ntohs(nl_get_u16(tb[IFLA_VXLAN_PORT], 0));
	li->vxlan.learning = nl_get_u8(tb[IFLA_VXLAN_LEARNING], 1) != 0;
	li->vxlan.odd = tb[IFLA_VXLAN_GROUP] || tb[IFLA_VXLAN_GROUP6] ||
			nl_get_u8(tb[IFLA_VXLAN_PROXY], 0) || nl_get_u8(tb[IFLA_VXLAN_RSC], 0) ||
			nl_get_u8(tb[IFLA_VXLAN_L2MISS], 0) || nl_get_u8(tb[IFLA_VXLAN_L3MISS], 0);
}

static void read_bridge(const struct rtattr *data, struct link_info *li)
{
	const struct rtattr *tb[IFLA_BR_MAX + 1];
	nl_nested(data, tb, IFLA_BR_MAX);
	li->bridge.stp = nl_get_u32(tb[IFLA_BR_STP_STATE], 0) != 0;
	li->bridge.vlan_filtering = nl_get_u8(tb[IFLA_BR_VLAN_FILTERING], 0) != 0;
	li->bridge.snooping = nl_get_u8(tb[IFLA_BR_MCAST_SNOOPING], 0) != 0;
}

static void read_port(const struct rtattr *data, struct link_info *li)
{
	const struct rtattr *tb[IFLA_BRPORT_MAX + 1];
	nl_nested(data, tb, IFLA_BRPORT_MAX);
	li->port.forwarding = nl_get_u8(tb[IFLA_BRPORT_STATE], 0) == BR_STATE_FORWARDING;
	li->port.learning = nl_get_u8(tb[IFLA_BRPORT_LEARNING], 1) != 0;
	li->port.flood = nl_get_u8(tb[IFLA_BRPORT_UNICAST_FLOOD], 1) ||
			 nl_get_u8(tb[IFLA_BRPORT_MCAST_FLOOD], 1) ||
			 nl_get_u8(tb[IFLA_BRPORT_BCAST_FLOOD], 1);
	li->port.suppress = nl_get_u8(tb[IFLA_BRPORT_NEIGH_SUPPRESS], 0) != 0;
	li->port.isolated = nl_get_u8(tb[IFLA_BRPORT_ISOLATED], 0) != 0;
}

static void read_macvlan(const struct rtattr *data, struct link_info *li)
{
	const struct rtattr *tb[IFLA_MACVLAN_MAX + 1];
	nl_nested(data, tb, IFLA_MACVLAN_MAX);
	li->mode = nl_get_u32(tb[IFLA_MACVLAN_MODE], 0);
}

static bool read_link(const struct nlmsghdr *h, struct link_info *li)
{
	if (h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
		return false;
	const struct ifinfomsg *ifi = NLMSG_DATA(h);
	const struct rtattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	memset(li, 0, sizeof(*li));
	nl_attrs(h, sizeof(*ifi), tb, IFLA_MAX);
	li->index = ifi->ifi_index;
	li->up = ifi->ifi_flags & IFF_UP;
	li->running = ifi->ifi_flags & IFF_RUNNING;
	li->ether = ifi->ifi_type == ARPHRD_ETHER;
	li->master = (int)nl_get_u32(tb[IFLA_MASTER], 0);
	li->mtu = (int)nl_get_u32(tb[IFLA_MTU], 0);
	li->lower = (int)nl_get_u32(tb[IFLA_LINK], 0);
	li->group = nl_get_u32(tb[IFLA_GROUP], 0);
	nl_get_bytes(tb[IFLA_ADDRESS], li->mac, sizeof(li->mac));
	if (tb[IFLA_IFNAME])
		snprintf(li->name, sizeof(li->name), "%.*s", (int)RTA_PAYLOAD(tb[IFLA_IFNAME]),
			 (const char *)RTA_DATA(tb[IFLA_IFNAME]));
	if (!tb[IFLA_LINKINFO])
		return true;
	nl_nested(tb[IFLA_LINKINFO], info, IFLA_INFO_MAX);
	if (info[IFLA_INFO_KIND])
		snprintf(li->kind, sizeof(li->kind), "%.*s", (int)RTA_PAYLOAD(info[IFLA_INFO_KIND]),
			 (const char *)RTA_DATA(info[IFLA_INFO_KIND]));
	if (strcmp(li->kind, "vxlan") == 0 && info[IFLA_INFO_DATA])
		read_vxlan(info[IFLA_INFO_DATA], li);
	if (strcmp(li->kind, "bridge") == 0 && info[IFLA_INFO_DATA])
		read_bridge(info[IFLA_INFO_DATA], li);
	if (li->master && info[IFLA_INFO_SLAVE_DATA])
		read_port(info[IFLA_INFO_SLAVE_DATA], li);
	if (strcmp(li->kind, "macvlan") == 0 && info[IFLA_INFO_DATA])
		read_macvlan(info[IFLA_INFO_DATA], li);
	li->vxlan.abroad = tb[IFLA_LINK_NETNSID] != NULL;
	return true;
}

static void take_one(const struct nlmsghdr *h, void *arg)
{
	read_link(h, arg);
}

int link_find(struct nlsock *s, const char *name, struct link_info *ret, struct err *err)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};
	struct nlreq *r = nlreq_new(RTM_GETLINK, 0, &ifi, sizeof(ifi));
	nlreq_str(r, IFLA_IFNAME, name);
	struct link_info li = {0};
	struct err why = {0};
	int code = nlsock_dump(s, r, take_one, &li, &why);
	if (code == -ENODEV || (code == 0 && li.index == 0))
		return -ENODEV;
	if (code < 0)
		return err_set(err, code, "cannot look up link \"%s\": %s", name, err_text(&why));
	*ret = li;
	return 0;
}

static void take_each(const struct nlmsghdr *h, void *arg)
{
	struct link_list *l = arg;
	l->v = vec_grow(l->v, l->n, &l->cap, sizeof(*l->v));
	if (read_link(h, &l->v[l->n]))
		l->n++;
}

int link_list(struct nlsock *s, struct link_list *ret, struct err *err)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};
	struct nlreq *r = nlreq_new(RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof(ifi));
	int code = nlsock_dump(s, r, take_each, ret, err);
	return code < 0 ? err_wrap(err, code, "cannot list the links of this host") : 0;
}

int link_set(struct nlsock *s, int index, const struct link_change *c, struct err *err)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	if (c->up)
		ifi.ifi_flags = ifi.ifi_change = IFF_UP;
	struct nlreq *r = nlreq_new(RTM_NEWLINK, 0, &ifi, sizeof(ifi));
	if (c->master)
		nlreq_u32(r, IFLA_MASTER, (uint32_t)c->master);
	if (c->mtu)
		nlreq_u32(r, IFLA_MTU, (uint32_t)c->mtu);
	if (c->mac)
		nlreq_put(r, IFLA_ADDRESS, c->mac, 6);
	return nlsock_call(s, r, err);
}

int link_rename(struct nlsock *s, int index, const char *name, struct err *err)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	struct nlreq *r = nlreq_new(RTM_NEWLINK, 0, &ifi, sizeof(ifi));
	nlreq_str(r, IFLA_IFNAME, name);
	int code = nlsock_call(s, r, err);
	return code < 0 ? err_wrap(err, code, "cannot name a link \"%s\"", name) : 0;
}

int link_del(struct nlsock *s, int index, struct err *err)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	struct err why = {0};
	int code = nlsock_call(s, nlreq_new(RTM_DELLINK, 0, &ifi, sizeof(ifi)), &why);
	if (code == 0 || code == -ENODEV)
		return 0;
	return err_set(err, code, "cannot delete a link: %s", err_text(&why));
}

int link_del_group(struct nlsock *s, uint32_t group, struct err *err)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};
	struct nlreq *r = nlreq_new(RTM_DELLINK, 0, &ifi, sizeof(ifi));
	nlreq_u32(r, IFLA_GROUP, group);
	struct err why = {0};
	int code = nlsock_call(s, r, &why);
	if (code == 0 || code == -ENODEV)
		return 0;
	return err_set(err, code, "cannot delete the links of a network: %s", err_text(&why));
}
