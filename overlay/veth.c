/* SPDX-License-Identifier: Apache-2.0
 * The veth pairs of endpoints; see bridge.h. */
#include "overlay/bridge.h"
#include "overlay/netns.h"
#include <errno.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>

static struct nlreq *new_veth(const struct veth_spec *v)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	struct ifinfomsg peer = {.ifi_family = AF_UNSPEC};
	struct nlreq *r = nlreq_new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
	nlreq_str(r, IFLA_IFNAME, v->name);
	nlreq_u32(r, IFLA_MTU, (uint32_t)v->mtu);
	nlreq_u32(r, IFLA_GROUP, v->group);
	nlreq_u32(r, IFLA_MASTER, (uint32_t)v->bridge);
	void *info = nlreq_nest(r, IFLA_LINKINFO);
	nlreq_str(r, IFLA_INFO_KIND, "veth");
	void *data = nlreq_nest(r, IFLA_INFO_DATA);
	void *other = nlreq_nest(r, VETH_INFO_PEER);
	nlreq_raw(r, &peer, sizeof(peer));
	nlreq_str(r, IFLA_IFNAME, v->peer_name);
	nlreq_u32(r, IFLA_MTU, (uint32_t)v->mtu);
	nlreq_put(r, IFLA_ADDRESS, v->peer_mac, sizeof(v->peer_mac));
	nlreq_u32(r, IFLA_NET_NS_FD, (uint32_t)v->peer_ns);
	nlreq_nest_end(r, other);
	nlreq_nest_end(r, data);
	nlreq_nest_end(r, info);
	return r;
}

int veth_create(struct nlsock *s, const struct veth_spec *v, int *ret_index, struct err *err)
{
	struct err why = {0};
	struct link_info li;
	int r = nlsock_call(s, new_veth(v), &why);
	/* Left by a namespace that is still dying. */
	if (r == -EEXIST && link_find(s, v->name, &li, NULL) == 0) {
		r = link_del(s, li.index, &why);
		if (r == 0)
			r = nlsock_call(s, new_veth(v), &why);
	}
	if (r < 0)
		return err_set(err, r, "cannot create veth \"%s\": %s", v->name, err_text(&why));
	r = link_find(s, v->name, &li, err);
	if (r < 0)
		return r;
	/* A port has no address of its own and says nothing. */
	netns_link_ipv6(v->name, false);
	r = veth_attach(s, li.index, v->bridge, err);
	if (r < 0)
		return r;
	*ret_index = li.index;
	return 0;
}

int veth_attach(struct nlsock *s, int index, int bridge, struct err *err)
{
	struct link_change c = {.master = bridge, .up = true};
	struct err why = {0};
	int r = link_set(s, index, &c, &why);
	if (r == 0) {
		struct ifinfomsg ifi = {.ifi_family = AF_BRIDGE, .ifi_index = index};
		struct nlreq *q = nlreq_new(RTM_SETLINK, 0, &ifi, sizeof(ifi));
		void *port = nlreq_nest(q, IFLA_PROTINFO | NLA_F_NESTED);
		nlreq_u8(q, IFLA_BRPORT_LEARNING, 0);
		nlreq_u8(q, IFLA_BRPORT_NEIGH_SUPPRESS, 0);
		nlreq_u8(q, IFLA_BRPORT_ISOLATED, 0);
		nlreq_nest_end(q, port);
		r = nlsock_call(s, q, &why);
	}
	return r < 0 ? err_set(err, r, "cannot put a veth on its bridge: %s", err_text(&why)) : 0;
}
