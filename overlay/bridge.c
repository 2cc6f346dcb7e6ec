/* SPDX-License-Identifier: Apache-2.0
 * Bridges of networks; see bridge.h. */
#include "overlay/bridge.h"
#include "base/mem.h"
#include "overlay/netns.h"
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

static struct nlreq *new_bridge(const struct bridge_spec *b)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};
	struct nlreq *r = nlreq_new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
	nlreq_str(r, IFLA_IFNAME, b->name);
	nlreq_u32(r, IFLA_MTU, (uint32_t)b->mtu);
	nlreq_u32(r, IFLA_GROUP, b->group);
	nlreq_put(r, IFLA_ADDRESS, b->mac, sizeof(b->mac));
	void *info = nlreq_nest(r, IFLA_LINKINFO);
	nlreq_str(r, IFLA_INFO_KIND, "bridge");
	void *data = nlreq_nest(r, IFLA_INFO_DATA);
	nlreq_u32(r, IFLA_BR_FORWARD_DELAY, 0);
	nlreq_u32(r, IFLA_BR_STP_STATE, 0);
	nlreq_u8(r, IFLA_BR_MCAST_SNOOPING, 0);
	nlreq_nest_end(r, data);
	nlreq_nest_end(r, info);
	return r;
}

/* As new_bridge makes it, where someone changed it. */
static struct nlreq *plain_bridge(int index)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	struct nlreq *r = nlreq_new(RTM_NEWLINK, 0, &ifi, sizeof(ifi));
	void *info = nlreq_nest(r, IFLA_LINKINFO);
	nlreq_str(r, IFLA_INFO_KIND, "bridge");
	void *data = nlreq_nest(r, IFLA_INFO_DATA);
	nlreq_u32(r, IFLA_BR_STP_STATE, 0);
	nlreq_u8(r, IFLA_BR_MCAST_SNOOPING, 0);
	nlreq_u8(r, IFLA_BR_VLAN_FILTERING, 0);
	nlreq_nest_end(r, data);
	nlreq_nest_end(r, info);
	return r;
}

/* No packet from it with a source of elsewhere. */
static void settle(const char *name, bool ipv6)
{
	char key[96];
	netns_link_ipv6(name, ipv6);
	snprintf(key, sizeof(key), "net.ipv4.conf.%s.rp_filter", name);
	(void)netns_sysctl(key, "1", NULL); /* the address filter is the bridge table's too */
	snprintf(key, sizeof(key), "net.ipv4.conf.%s.forwarding", name);
	(void)netns_sysctl(key, "1", NULL);
}

bool bridge_settings_right(const char *name, bool ipv6)
{
	const struct {
		const char *family, *key, *value;
	} want[] = {{"ipv4", "rp_filter", "1"},
		    {"ipv4", "forwarding", "1"},
		    {"ipv6", "accept_ra", "0"},
		    {"ipv6", "disable_ipv6", ipv6 ? "0" : "1"}};
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		char key[96];
		snprintf(key, sizeof(key), "net.%s.conf.%s.%s", want[i].family, name, want[i].key);
		if (!netns_sysctl_is(key, want[i].value))
			return false;
	}
	return true;
}

/* No other address of the family; none at all where a is not set. */
static int keep_address(struct nlsock *s, int index, sa_family_t family, const struct ipaddr *a,
			unsigned prefix_len, struct err *err)
{
	struct ipaddr none = {.family = family};
	if (!ipaddr_is_set(a))
		return link_keep_addr(s, index, &none, 0, err);
	int r = link_add_addr(s, index, a, prefix_len, err);
	return r < 0 ? r : link_keep_addr(s, index, a, prefix_len, err);
}

int bridge_ensure(struct nlsock *s, const struct bridge_spec *b, int *ret_index, struct err *err)
{
	struct link_info li = {0};
	struct err why = {0};
	int r = link_find(s, b->name, &li, err);
	if (r < 0 && r != -ENODEV)
		return r;
	if (r == 0 && (strcmp(li.kind, "bridge") != 0 || li.group != b->group)) {
		r = link_del(s, li.index, err);
		if (r < 0)
			return r;
		r = -ENODEV;
	}
	if (r == -ENODEV) {
		r = nlsock_call(s, new_bridge(b), &why);
		if (r < 0)
			return err_set(err, r, "cannot create bridge \"%s\": %s", b->name,
				       err_text(&why));
		r = link_find(s, b->name, &li, err);
		if (r < 0)
			return r;
	}
	settle(b->name, ipaddr_is_set(&b->gateway6));
	/* Setting even the same MAC would flush the neighbour entries. */
	bool same_mac = memcmp(li.mac, b->mac, sizeof(li.mac)) == 0;
	r = li.bridge.stp || li.bridge.vlan_filtering || li.bridge.snooping
		    ? nlsock_call(s, plain_bridge(li.index), &why)
		    : 0;
	if (r < 0)
		return err_set(err, r, "cannot set up bridge \"%s\": %s", b->name, err_text(&why));
	struct link_change c = {.mtu = b->mtu, .mac = same_mac ? NULL : b->mac, .up = true};
	r = link_set(s, li.index, &c, &why);
	if (r == 0)
		r = keep_address(s, li.index, AF_INET, &b->gateway, b->prefix_len, &why);
	if (r == 0)
		r = keep_address(s, li.index, AF_INET6, &b->gateway6, b->prefix6_len, &why);
	if (r < 0)
		return err_set(err, r, "cannot set up bridge \"%s\": %s", b->name, err_text(&why));
	*ret_index = li.index;
	return 0;
}
