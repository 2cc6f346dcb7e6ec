/* SPDX-License-Identifier: Apache-2.0
 * VXLAN links of networks; see bridge.h. */
#include "overlay/bridge.h"
#include "overlay/netns.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

static struct nlreq *new_vxlan(const struct vxlan_spec *v)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};
	struct nlreq *r = nlreq_new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
	nlreq_str(r, IFLA_IFNAME, v->name);
	nlreq_u32(r, IFLA_MTU, (uint32_t)v->mtu);
	nlreq_u32(r, IFLA_GROUP, v->group);
	if (v->abroad)
		nlreq_u32(r, IFLA_NET_NS_FD, (uint32_t)v->host_ns);
	void *info = nlreq_nest(r, IFLA_LINKINFO);
	nlreq_str(r, IFLA_INFO_KIND, "vxlan");
	void *data = nlreq_nest(r, IFLA_INFO_DATA);
	nlreq_u32(r, IFLA_VXLAN_ID, v->vni);
	nlreq_put(r, ipaddr_is_v6(&v->local) ? IFLA_VXLAN_LOCAL6 : IFLA_VXLAN_LOCAL, v->local.bytes,
		  ipaddr_len(&v->local));
	nlreq_u32(r, IFLA_VXLAN_LINK, (uint32_t)v->underlay);
	nlreq_u16(r, IFLA_VXLAN_PORT, htons(v->port));
	nlreq_u8(r, IFLA_VXLAN_LEARNING, 0);
	nlreq_u32(r, IFLA_VXLAN_AGEING, 0);
	/* The inner packet has its own checksum. An outer one, as RFC 7348 allows to leave out, is
	 * what broken offloads of network cards get wrong. */
	nlreq_u8(r, IFLA_VXLAN_UDP_CSUM, 0);
	if (ipaddr_is_v6(&v->local)) {
		nlreq_u8(r, IFLA_VXLAN_UDP_ZERO_CSUM6_TX, 1);
		nlreq_u8(r, IFLA_VXLAN_UDP_ZERO_CSUM6_RX, 1);
	}
	nlreq_nest_end(r, data);
	nlreq_nest_end(r, info);
	return r;
}

bool vxlan_right(const struct link_info *li, const struct vxlan_spec *v)
{
	return strcmp(li->kind, "vxlan") == 0 && li->vxlan.vni == v->vni &&
	       ipaddr_equal(&li->vxlan.local, &v->local) && li->vxlan.underlay == v->underlay &&
	       li->vxlan.port == v->port && !li->vxlan.learning && !li->vxlan.odd &&
	       li->group == v->group && li->vxlan.abroad == (v->abroad != NULL);
}

/* Another link with this VNI: one of an earlier life is deleted; -EEXIST names a stranger's. */
static int clear_vni(struct nlsock *s, const struct vxlan_spec *v, struct err *err)
{
	auto_link_list links = {0};
	int r = link_list(s, &links, err);
	for (size_t i = 0; i < links.n && r == 0; i++) {
		const struct link_info *li = &links.v[i];
		if (strcmp(li->kind, "vxlan") != 0 || li->vxlan.vni != v->vni)
			continue;
		if (strncmp(li->name, "ckx-", 4) != 0)
			return err_set(err, -EEXIST,
				       "link \"%s\" has VNI %u already, which is not carrack's; "
				       "remove it or use another VXLAN port",
				       li->name, v->vni);
		r = link_del(s, li->index, err);
	}
	return r;
}

static int create(struct nlsock *s, const struct vxlan_spec *v, struct err *err)
{
	struct err why = {0};
	struct nlsock *from = v->abroad ? v->abroad : s;
	int r = nlsock_call(from, new_vxlan(v), &why);
	if (r == -EEXIST) {
		r = clear_vni(s, v, err);
		if (r < 0)
			return r;
		r = nlsock_call(from, new_vxlan(v), &why);
	}
	if (r < 0)
		return err_set(err, r, "cannot create VXLAN link \"%s\" with VNI %u: %s", v->name,
			       v->vni, err_text(&why));
	return 0;
}

/* On the bridge, silent: nothing is learned from it nor flooded to it, and ARP requests are answered
 * by the bridge from its neighbour entries. */
static int attach(struct nlsock *s, int index, const struct vxlan_spec *v, struct err *err)
{
	struct link_change c = {.master = v->bridge, .mtu = v->mtu, .up = true};
	int r = link_set(s, index, &c, err);
	if (r < 0)
		return r;
	struct ifinfomsg ifi = {.ifi_family = AF_BRIDGE, .ifi_index = index};
	struct nlreq *q = nlreq_new(RTM_SETLINK, 0, &ifi, sizeof(ifi));
	void *port = nlreq_nest(q, IFLA_PROTINFO | NLA_F_NESTED);
	nlreq_u8(q, IFLA_BRPORT_LEARNING, 0);
	nlreq_u8(q, IFLA_BRPORT_UNICAST_FLOOD, 0);
	nlreq_u8(q, IFLA_BRPORT_MCAST_FLOOD, 0);
	nlreq_u8(q, IFLA_BRPORT_BCAST_FLOOD, 0);
	nlreq_u8(q, IFLA_BRPORT_NEIGH_SUPPRESS, 1);
	nlreq_u8(q, IFLA_BRPORT_ISOLATED, 0);
	nlreq_nest_end(q, port);
	return nlsock_call(s, q, err);
}

int vxlan_ensure(struct nlsock *s, const struct vxlan_spec *v, int *ret_index, bool *fresh,
		 struct err *err)
{
	struct link_info li = {0};
	int r = link_find(s, v->name, &li, err);
	if (r < 0 && r != -ENODEV)
		return r;
	if (r == 0 && !vxlan_right(&li, v)) {
		r = link_del(s, li.index, err);
		if (r < 0)
			return r;
		r = -ENODEV;
	}
	*fresh = r == -ENODEV;
	if (r == -ENODEV) {
		r = create(s, v, err);
		if (r == 0)
			r = link_find(s, v->name, &li, err);
		if (r < 0)
			return r;
		netns_link_ipv6(v->name, false);
	}
	struct err why = {0};
	r = attach(s, li.index, v, &why);
	if (r < 0)
		return err_set(err, r, "cannot set up VXLAN link \"%s\": %s", v->name,
			       err_text(&why));
	*ret_index = li.index;
	return 0;
}
