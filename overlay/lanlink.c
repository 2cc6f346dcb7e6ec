/* SPDX-License-Identifier: Apache-2.0
 * Links on another: VLAN, macvlan and ipvlan; see lan.h. */
#include "overlay/lan.h"
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>

int lanlink_vlan(struct nlsock *s, const char *name, int lower, unsigned vlan, struct err *err)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	struct nlreq *r = nlreq_new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
	nlreq_str(r, IFLA_IFNAME, name);
	nlreq_u32(r, IFLA_LINK, (uint32_t)lower);
	nlreq_u32(r, IFLA_GROUP, LAN_VLAN_GROUP);
	void *info = nlreq_nest(r, IFLA_LINKINFO);
	nlreq_str(r, IFLA_INFO_KIND, "vlan");
	void *data = nlreq_nest(r, IFLA_INFO_DATA);
	nlreq_u16(r, IFLA_VLAN_ID, (uint16_t)vlan);
	nlreq_nest_end(r, data);
	nlreq_nest_end(r, info);
	struct err why = {0};
	int code = nlsock_call(s, r, &why);
	return code < 0
		       ? err_set(err, code, "cannot make the VLAN \"%s\": %s", name, err_text(&why))
		       : 0;
}

static uint32_t macvlan_mode(enum ov_macvlan mode)
{
	switch (mode) {
	case OV_MACVLAN_BRIDGE:
		return MACVLAN_MODE_BRIDGE;
	case OV_MACVLAN_PRIVATE:
		return MACVLAN_MODE_PRIVATE;
	case OV_MACVLAN_VEPA:
		return MACVLAN_MODE_VEPA;
	}
	return MACVLAN_MODE_BRIDGE;
}

static const char *kind_of(const struct lanlink *l)
{
	return l->driver == OV_MACVLAN ? "macvlan" : "ipvlan";
}

static struct nlreq *request(const struct lanlink *l)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};
	struct nlreq *r = nlreq_new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
	nlreq_str(r, IFLA_IFNAME, l->name);
	nlreq_u32(r, IFLA_LINK, (uint32_t)l->lower);
	nlreq_u32(r, IFLA_MTU, (uint32_t)l->mtu);
	nlreq_u32(r, IFLA_NET_NS_FD, (uint32_t)l->ns);
	if (l->driver == OV_MACVLAN)
		nlreq_put(r, IFLA_ADDRESS, l->mac, sizeof(l->mac));
	void *info = nlreq_nest(r, IFLA_LINKINFO);
	nlreq_str(r, IFLA_INFO_KIND, kind_of(l));
	void *data = nlreq_nest(r, IFLA_INFO_DATA);
	if (l->driver == OV_MACVLAN)
		nlreq_u32(r, IFLA_MACVLAN_MODE, macvlan_mode(l->mode));
	else
		nlreq_u16(r, IFLA_IPVLAN_MODE, IPVLAN_MODE_L2);
	nlreq_nest_end(r, data);
	nlreq_nest_end(r, info);
	return r;
}

int lanlink_create(struct nlsock *s, const struct lanlink *l, struct err *err)
{
	struct err why = {0};
	int code = nlsock_call(s, request(l), &why);
	if (code == -EOPNOTSUPP)
		return err_set(err, code, "this host's kernel has no %s; use another driver",
			       kind_of(l));
	if (code == -EBUSY)
		return err_set(
			err, code,
			"the interface is in use by a bridge, or by %s: it can have only one "
			"of bridge, macvlan and ipvlan",
			l->driver == OV_MACVLAN ? "ipvlan" : "macvlan");
	return code < 0 ? err_set(err, code, "cannot make the %s link: %s", kind_of(l),
				  err_text(&why))
			: 0;
}

bool lanlink_right(const struct link_info *li, const struct lanlink *l)
{
	if (strcmp(li->kind, kind_of(l)) != 0 || li->lower != l->lower)
		return false;
	return l->driver != OV_MACVLAN ||
	       (li->mode == macvlan_mode(l->mode) && memcmp(li->mac, l->mac, sizeof(l->mac)) == 0);
}
