/* SPDX-License-Identifier: Apache-2.0
 * Networks on this host: a bridge and a VXLAN link each. See overlay.h. */
#include "base/log.h"
#include "base/mem.h"
#include "overlay/bridge.h"
#include "overlay/fastpath.h"
#include "overlay/host.h"
#include "overlay/lan.h"
#include "overlay/rules.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define IPV6_MTU_MIN 1280 /* RFC 8200 5 */
#define SHORT_ID     8    /* digits of the id in a link's name */

struct network *network_get(struct overlay *o, const char *id)
{
	return id ? map_get(&o->networks, id) : NULL;
}

void ov_network_free(void *network)
{
	struct network *n = network;
	map_clear(&n->peers);
	map_clear(&n->dirty);
	names_done(&n->names);
	free(n->lan.why);
	free(n->id);
	free(n);
}

static bool may_have(const struct ipprefix *subnet, const struct ipaddr *gateway,
		     const struct ipaddr *ip)
{
	return !ipaddr_is_set(ip) || (ipprefix_has(subnet, ip) && !ipaddr_equal(ip, gateway));
}

bool network_may_have(const struct network *n, const struct ipaddr *ip, const struct ipaddr *ip6)
{
	return (ipaddr_is_set(ip) || ipaddr_is_set(ip6)) &&
	       may_have(&n->spec.subnet, &n->spec.gateway, ip) &&
	       may_have(&n->spec.subnet6, &n->spec.gateway6, ip6);
}

static bool subnet_ok(const struct ipprefix *p, const struct ipaddr *gateway, int family)
{
	unsigned min = family == AF_INET ? 8 : 16, max = family == AF_INET ? 30 : 126;
	return !ipprefix_is_set(p) || (p->addr.family == family && p->len >= min && p->len <= max &&
				       ipprefix_has(p, gateway));
}

static int check_spec(const struct ov_network *n, struct err *err)
{
	if (!host_id_ok(n->id) || strlen(n->id) < SHORT_ID)
		return err_set(err, -EINVAL, "network id \"%s\" must have at least %d digits",
			       n->id ? n->id : "", SHORT_ID);
	for (const char *p = n->id; *p; p++)
		if (!isxdigit((unsigned char)*p))
			return err_set(err, -EINVAL, "network id \"%s\" must be hexadecimal",
				       n->id);
	if (n->vni == 0 || n->vni > BRIDGE_VNI_MAX)
		return err_set(err, -EINVAL, "network \"%s\" has VNI %u; it must be 1 to %u", n->id,
			       n->vni, BRIDGE_VNI_MAX);
	if ((!ipprefix_is_set(&n->subnet) && !ipprefix_is_set(&n->subnet6)) ||
	    !subnet_ok(&n->subnet, &n->gateway, AF_INET) ||
	    !subnet_ok(&n->subnet6, &n->gateway6, AF_INET6))
		return err_set(err, -EINVAL,
			       "network \"%s\" needs a /8 to /30 IPv4 subnet or a /16 to /126 IPv6 "
			       "subnet with its gateway inside",
			       n->id);
	if (n->mtu < 0 || n->mtu > 65535 || (n->mtu > 0 && n->mtu < 576))
		return err_set(err, -EINVAL, "network \"%s\" has MTU %d; it must be 576 to 65535",
			       n->id, n->mtu);
	if (ipprefix_is_set(&n->subnet6) && n->mtu > 0 && n->mtu < IPV6_MTU_MIN)
		return err_set(err, -EINVAL,
			       "network \"%s\" has IPv6 and MTU %d; it must be at least %d", n->id,
			       n->mtu, IPV6_MTU_MIN);
	return 0;
}

static const struct sandbox *user_of(const struct overlay *o, const char *network_id)
{
	map_each(&o->sandboxes, e)
	{
		const struct sandbox *s = e->val;
		for (size_t i = 0; i < s->n_endpoints; i++)
			if (streq(s->endpoints[i].network_id, network_id))
				return s;
	}
	return NULL;
}

static bool collide(const struct ov_network *a, const struct ov_network *b)
{
	return strncmp(a->id, b->id, SHORT_ID) == 0 || a->vni == b->vni;
}

/* Links have one name and VNI each. What an earlier life left and nobody uses goes for it, as does
 * what would take the new network's addresses. */
static int make_room(struct overlay *o, const struct ov_network *n, struct err *err)
{
	auto_strlist left = {0};
	map_each(&o->networks, e)
	{
		const struct network *other = e->val;
		bool both = collide(&other->spec, n);
		if (streq(other->id, n->id))
			continue;
		if (!other->asked && !user_of(o, other->id) &&
		    (both || ipprefix_overlap(&other->spec.subnet, &n->subnet) ||
		     ipprefix_overlap(&other->spec.subnet6, &n->subnet6)))
			strlist_add(&left, other->id);
		else if (both)
			return err_set(
				err, -EEXIST,
				"network \"%s\" has the VNI or the first %d digits of network "
				"\"%s\"; give it others",
				n->id, SHORT_ID, other->id);
	}
	for (size_t i = 0; i < left.n; i++) {
		int r = overlay_network_del(o, left.v[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool same_spec(const struct ov_network *a, const struct ov_network *b)
{
	return a->vni == b->vni && ipprefix_equal(&a->subnet, &b->subnet) &&
	       ipprefix_equal(&a->subnet6, &b->subnet6) && ipaddr_equal(&a->gateway, &b->gateway) &&
	       ipaddr_equal(&a->gateway6, &b->gateway6) && a->mtu == b->mtu &&
	       a->internal == b->internal && a->encrypted == b->encrypted &&
	       a->driver == b->driver && a->macvlan == b->macvlan && streq(a->parent, b->parent);
}

int network_mtu(const struct overlay *o, const struct network *n)
{
	if (lan_is(n))
		return lan_mtu(n);
	int most = tunnel_network_mtu(&o->underlay.ip, o->underlay.mtu);
	if (n->spec.encrypted && (n->spec.mtu == 0 || n->spec.mtu > most))
		return most;
	return n->spec.mtu ? n->spec.mtu : o->mtu;
}

int overlay_network_mtu(struct overlay *o, const char *network_id)
{
	const struct network *n = network_get(o, network_id);
	return n ? network_mtu(o, n) : 0;
}

void network_vxlan(const struct overlay *o, const struct network *n, struct vxlan_spec *ret)
{
	*ret = (struct vxlan_spec){.name = n->vxlan,
				   .vni = n->spec.vni,
				   .group = BRIDGE_GROUP_BASE + n->spec.vni,
				   .mtu = network_mtu(o, n),
				   .underlay = o->underlay.index,
				   .local = o->underlay.ip,
				   .port = o->vxlan_port};
	if (!n->spec.encrypted)
		return;
	ret->underlay = o->tunnel.index;
	ret->local = o->tunnel.self.address;
	ret->abroad = o->tunnel.nl;
	ret->host_ns = o->home;
}

/* One gateway MAC on every host: "ck" and the VNI. */
void network_mac(const struct network *n, uint8_t mac[6])
{
	uint32_t vni = n->spec.vni;
	const uint8_t all[6] = {0x02,        0x63, 0x6b, (uint8_t)(vni >> 16), (uint8_t)(vni >> 8),
				(uint8_t)vni};
	memcpy(mac, all, sizeof(all));
}

bool network_settings_right(const struct network *n)
{
	return bridge_settings_right(n->bridge, ipaddr_is_set(&n->spec.gateway6));
}

int network_build(struct overlay *o, struct network *n, struct err *err)
{
	if (lan_is(n))
		return lan_build(o, n, err);
	uint32_t vni = n->spec.vni;
	int mtu = network_mtu(o, n);
	struct bridge_spec b = {.name = n->bridge,
				.mtu = mtu,
				.group = BRIDGE_GROUP_BASE + vni,
				.gateway = n->spec.gateway,
				.gateway6 = n->spec.gateway6,
				.prefix_len = n->spec.subnet.len,
				.prefix6_len = n->spec.subnet6.len};
	network_mac(n, b.mac);
	int r = ipprefix_is_set(&n->spec.subnet6) ? underlay_forward6(err) : 0;
	if (r == 0)
		r = bridge_ensure(o->nl, &b, &n->bridge_index, err);
	if (r < 0)
		return r;
	if (n->spec.encrypted)
		r = tunnel_ensure(o, err);
	if (r < 0)
		return r;
	struct vxlan_spec v;
	network_vxlan(o, n, &v);
	v.bridge = n->bridge_index;
	bool fresh = false;
	r = vxlan_ensure(o->nl, &v, &n->vxlan_index, &fresh, err);
	if (r == 0 && fresh)
		n->strays_after_ms = 0;
	if (r == 0)
		fastpath_network(o, n, true);
	return r;
}

struct network *ov_network_new(const struct ov_network *spec)
{
	struct network *n = xcalloc(1, sizeof(*n));
	n->id = xstrdup(spec->id);
	n->spec = *spec;
	n->spec.id = n->id;
	snprintf(n->bridge, sizeof(n->bridge), "ckb-%.*s", SHORT_ID, spec->id);
	snprintf(n->vxlan, sizeof(n->vxlan), "ckx-%.*s", SHORT_ID, spec->id);
	n->peers.free_val = n->dirty.free_val = free;
	names_init(&n->names);
	n->strays_after_ms = clock_ms() + HOST_SETTLE_MS;
	return n;
}

void network_rules(const struct network *n, bool add, struct str *script)
{
	if (lan_is(n)) /* the host is a machine like others there */
		return;
	rules_network(script, add, n->bridge, n->spec.internal || !add);
	rules_subnet(script, add, n->bridge, &n->spec.subnet, &n->spec.gateway);
	rules_subnet(script, add, n->bridge, &n->spec.subnet6, &n->spec.gateway6);
}

static int publish_change(struct overlay *o, const struct network *n, bool was_internal,
			  struct err *err)
{
	auto_str script = {0};
	if (was_internal && !n->spec.internal)
		rules_network(&script, false, n->bridge, true);
	network_rules(n, true, &script);
	int r = firewall_apply(o, script.data, err);
	return r < 0 ? r : record_put_network(o, n, err);
}

int overlay_network_set(struct overlay *o, const struct ov_network *spec, struct err *err)
{
	int r = check_spec(spec, err);
	if (r == 0)
		r = make_room(o, spec, err);
	if (r < 0)
		return r;
	struct network *n = network_get(o, spec->id);
	if (n && n->asked && same_spec(&n->spec, spec))
		return 0;
	bool made = !n;
	if (made) {
		n = ov_network_new(spec);
		map_set(&o->networks, n->id, n);
	}
	bool was_internal = n->spec.internal;
	n->spec = *spec;
	n->spec.id = n->id;
	r = network_build(o, n, err);
	if (r == 0)
		r = publish_change(o, n, was_internal, err);
	if (r == 0) {
		n->asked = true;
		return 0;
	}
	if (made) /* the sentence is of the failure, not of the clearing up */
		(void)overlay_network_del(o, spec->id, NULL);
	return err_wrap(err, r, "network \"%s\"", spec->id);
}

int overlay_network_del(struct overlay *o, const char *network_id, struct err *err)
{
	struct network *n = network_get(o, network_id);
	if (!n)
		return 0;
	const struct sandbox *user = user_of(o, network_id);
	if (user)
		return err_set(err, -EBUSY,
			       "network \"%s\" is used by sandbox \"%s\"; remove that first",
			       network_id, user->id);
	fastpath_network(o, n, false);
	peers_forget(o, n);
	if (o->vips)
		vips_drop_network(o->vips, n->spec.vni); /* their routes go with the bridge */
	auto_str script = {0};
	network_rules(n, false, &script);
	int r = link_del_group(o->nl, BRIDGE_GROUP_BASE + n->spec.vni, err);
	if (r == 0)
		r = firewall_apply(o, script.data, err);
	if (r < 0)
		return err_wrap(err, r, "network \"%s\"", network_id);
	record_drop(o, "networks", network_id);
	auto_free char *id = xstrdup(network_id); /* may be the network's own */
	bool lan = lan_is(n);
	map_del(&o->networks, id);
	if (lan)
		lan_tidy(o);
	map_each(&o->networks, e) if (((const struct network *)e->val)->spec.encrypted) return 0;
	tunnel_drop(o);
	return 0;
}

int overlay_name_set(struct overlay *o, const char *network_id, const char *name,
		     const struct ipaddr *addrs, size_t n, bool keep)
{
	struct network *net = network_get(o, network_id);
	if (!net)
		return -ENOENT;
	return names_set(&net->names, name, addrs, n, keep);
}

int overlay_srv_set(struct overlay *o, const char *network_id, const char *name, uint16_t port,
		    const struct ipaddr *addrs, size_t n, bool keep)
{
	struct network *net = network_get(o, network_id);
	return net ? names_set_srv(&net->names, name, port, addrs, n, keep) : -ENOENT;
}
