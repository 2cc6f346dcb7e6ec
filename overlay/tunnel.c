/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of encrypted networks from host to host: one WireGuard device, alone in a network namespace
 * of its own. The device was made in the host's namespace, so its encrypted packets travel there; the
 * VXLAN links of encrypted networks are made in the namespace of the device and moved to their
 * bridges, so that their packets know no other way than through it. Nothing of such a network can
 * leave or enter the host in clear, whatever rules or routes someone adds or removes there.
 */
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "overlay/host.h"
#include "overlay/link.h"
#include "overlay/netns.h"
#include <errno.h>
#include <linux/if_link.h>
#include <linux/wireguard.h>
#include <string.h>

/* What one packet costs: outer IP and UDP headers, and WireGuard's header and tag of 32 bytes. */
#define WIREGUARD_V4 60
#define WIREGUARD_V6 80
/* VXLAN inside, over the tunnel's IPv6: IPv6 40, UDP 8, VXLAN 8, Ethernet 14. */
#define VXLAN_V6 70

void tunnel_init(struct tunnel *t, const char *state_dir)
{
	t->path = xasprintf("%s/tunnel", state_dir);
	t->ns = -1;
}

static void shut(struct tunnel *t)
{
	wg_close(take_ptr(t->wg));
	nlsock_close(take_ptr(t->nl));
	if (t->ns >= 0)
		close(t->ns);
	t->ns = -1;
	t->index = 0;
}

void tunnel_done(struct tunnel *t)
{
	shut(t);
	crypto_wipe(&t->self, sizeof(t->self));
	free(t->peers);
	free(t->path);
}

static int overhead(const struct ipaddr *underlay)
{
	return ipaddr_is_v6(underlay) ? WIREGUARD_V6 : WIREGUARD_V4;
}

int tunnel_network_mtu(const struct ipaddr *underlay, int underlay_mtu)
{
	return underlay_mtu - overhead(underlay) - VXLAN_V6;
}

/* Sockets of the namespace; the thread visits it for a moment. */
static int open_sockets(struct overlay *o, struct tunnel *t, struct err *err)
{
	int r = netns_enter(t->ns, err);
	if (r < 0)
		return r;
	r = nlsock_open(&t->nl, err);
	if (r == 0)
		r = wg_open(&t->wg, err);
	if (r == 0) { /* nothing is forwarded there, and nobody else's router is believed */
		(void)netns_sysctl("net.ipv6.conf.all.accept_ra", "0", NULL);
		(void)netns_sysctl("net.ipv6.conf.all.disable_ipv6", "0", NULL);
	}
	netns_leave(o->home);
	return r;
}

int tunnel_look(struct overlay *o, struct err *err)
{
	o->tunnel.nl = NULL;
	o->tunnel.wg = NULL;
	return open_sockets(o, &o->tunnel, err);
}

static int make_device(struct overlay *o, struct tunnel *t, struct err *err)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};
	struct nlreq *r = nlreq_new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
	nlreq_str(r, IFLA_IFNAME, TUNNEL_LINK);
	nlreq_u32(r, IFLA_MTU, (uint32_t)t->mtu);
	nlreq_u32(r, IFLA_NET_NS_FD, (uint32_t)t->ns);
	void *info = nlreq_nest(r, IFLA_LINKINFO);
	nlreq_str(r, IFLA_INFO_KIND, WG_GENL_NAME);
	nlreq_nest_end(r, info);
	struct err why = {0};
	int code =
		nlsock_call(o->nl, r, &why); /* by a socket of the host: encrypted ways go there */
	if (code == -EOPNOTSUPP || code == -ENODEV)
		return err_set(err, -EOPNOTSUPP, "this kernel has no WireGuard");
	return code < 0 ? err_set(err, code, "cannot create the WireGuard device: %s",
				  err_text(&why))
			: 0;
}

/* Is the device there as it should be? */
static bool device_right(const struct tunnel *t, struct link_info *li)
{
	if (link_find(t->nl, TUNNEL_LINK, li, NULL) < 0 || strcmp(li->kind, WG_GENL_NAME) != 0)
		return false;
	auto_link_addrs have = {0};
	bool found = false;
	if (link_addrs(t->nl, &have, NULL) < 0)
		return false;
	for (size_t i = 0; i < have.n; i++)
		found |= have.v[i].index == li->index && have.v[i].prefix_len == TUNNEL_PREFIX &&
			 ipaddr_equal(&have.v[i].ip, &t->self.address);
	return found && li->up && li->mtu == t->mtu;
}

static int build_device(struct overlay *o, struct tunnel *t, struct err *err)
{
	struct link_info li = {0};
	int r = link_find(t->nl, TUNNEL_LINK, &li, err);
	if (r == 0 && strcmp(li.kind, WG_GENL_NAME) != 0) {
		r = link_del(t->nl, li.index, err);
		if (r == 0)
			r = -ENODEV;
	}
	if (r == -ENODEV) {
		r = make_device(o, t, err);
		if (r == 0)
			r = link_find(t->nl, TUNNEL_LINK, &li, err);
	}
	if (r < 0)
		return r;
	t->index = li.index;
	struct link_change c = {.mtu = t->mtu, .up = true};
	struct err why = {0};
	r = link_set(t->nl, li.index, &c, &why);
	if (r == 0)
		r = link_add_addr(t->nl, li.index, &t->self.address, TUNNEL_PREFIX, &why);
	if (r == 0)
		r = link_keep_addr(t->nl, li.index, &t->self.address, TUNNEL_PREFIX, &why);
	return r < 0 ? err_set(err, r, "cannot set up the WireGuard device: %s", err_text(&why))
		     : 0;
}

static const struct wg_peer *find(const struct wg_list *l, const uint8_t *key)
{
	for (size_t i = 0; i < l->n; i++)
		if (memcmp(l->v[i].key, key, WG_KEY_BYTES) == 0)
			return &l->v[i];
	return NULL;
}

/* A node that turns to its next key is known under both for a while. The next one gets no traffic
 * before a handshake has shown that the node uses it. */
static void want_peers(const struct tunnel *t, const struct wg_list *have, struct wg_list *want)
{
	for (size_t i = 0; i < t->n_peers; i++) {
		const struct ov_tunnel_peer *p = &t->peers[i];
		struct wg_peer w = {.endpoint = p->underlay,
				    .port = p->port,
				    .allowed = p->address};
		const struct wg_peer *next = p->has_next ? find(have, p->next) : NULL;
		memcpy(w.key, next && next->met ? p->next : p->key, sizeof(w.key));
		wg_list_add(want, &w);
		if (!p->has_next || (next && next->met))
			continue;
		memcpy(w.key, p->next, sizeof(w.key));
		w.allowed = (struct ipaddr){0};
		wg_list_add(want, &w);
	}
}

/* Key, port and peers. *ret_wrong: how many are not as they should be. */
static int sync_device(struct tunnel *t, bool write, size_t *ret_wrong, struct err *err)
{
	struct wg_device d = {0};
	auto_wg_list want = {0}, set = {0}, del = {0};
	int r = wg_read(t->wg, t->index, &d, err);
	bool key =
		r == 0 && crypto_equal(d.key, t->self.key, sizeof(d.key)) && d.port == t->self.port;
	if (r == 0 && !key && write)
		r = wg_set_key(t->wg, t->index, t->self.key, t->self.port, err);
	if (r == 0 && t->peers_known) {
		want_peers(t, &d.peers, &want);
		wg_diff(&want, &d.peers, &set, &del);
		*ret_wrong = set.n + del.n;
		r = write ? wg_write(t->wg, t->index, &set, false, err) : 0;
		int w = write ? wg_write(t->wg, t->index, &del, true, r < 0 ? NULL : err) : 0;
		r = r < 0 ? r : w;
	}
	*ret_wrong += !key;
	crypto_wipe(d.key, sizeof(d.key));
	wg_list_done(&d.peers);
	return r;
}

int tunnel_ensure(struct overlay *o, struct err *err)
{
	struct tunnel *t = &o->tunnel;
	size_t wrong = 0;
	if (!t->given)
		return err_set(err, -EOPNOTSUPP, "this node cannot encrypt; see carrack doctor");
	if (t->ns >= 0 && t->index)
		return 0;
	t->mtu = o->underlay.mtu - overhead(&o->underlay.ip);
	int ns = netns_open(t->path, err);
	if (ns == -ENOENT)
		ns = netns_create(t->path, o->home, err);
	if (ns < 0)
		return ns;
	t->ns = ns;
	int r = open_sockets(o, t, err);
	if (r == 0)
		r = build_device(o, t, err);
	if (r == 0)
		r = sync_device(t, true, &wrong, err);
	if (r < 0) {
		shut(t);
		if (netns_drop(t->path, NULL) < 0)
			log_debug("overlay", "the namespace of the tunnel stays");
	}
	return r;
}

void tunnel_drop(struct overlay *o)
{
	struct err err = {0};
	shut(&o->tunnel);
	if (netns_drop(o->tunnel.path, &err) < 0)
		log_warn("overlay", "%s", err_text(&err));
}

int tunnel_check(struct overlay *o, struct err *err)
{
	struct tunnel *t = &o->tunnel;
	struct link_info li = {0};
	size_t wrong = 0;
	int r = 0;
	if (t->ns < 0)
		return 0;
	if (!device_right(t, &li) || li.index != t->index) {
		if (!check_found(o, NULL, 1, "the WireGuard device"))
			return 0;
		r = build_device(o, t, err);
		return r < 0 ? r : sync_device(t, true, &wrong, err);
	}
	r = sync_device(t, !o->look, &wrong, err);
	if (wrong)
		(void)check_found(o, NULL, wrong, "WireGuard: %zu peers or keys", wrong);
	return r;
}

int overlay_tunnel_key(struct overlay *o, const uint8_t key[OV_KEY_BYTES], struct err *err)
{
	struct tunnel *t = &o->tunnel;
	memcpy(t->self.key, key, OV_KEY_BYTES);
	return t->ns < 0 ? 0 : wg_set_key(t->wg, t->index, t->self.key, t->self.port, err);
}

int overlay_tunnel_peers(struct overlay *o, const struct ov_tunnel_peer *peers, size_t n,
			 struct err *err)
{
	struct tunnel *t = &o->tunnel;
	size_t wrong = 0;
	if (t->peers_known && n == t->n_peers &&
	    (n == 0 || memcmp(peers, t->peers, n * sizeof(*peers)) == 0))
		return 0;
	free(t->peers);
	t->peers = n ? xmemdup(peers, n * sizeof(*peers)) : NULL;
	t->n_peers = n;
	t->peers_known = true;
	return t->ns < 0 ? 0 : sync_device(t, true, &wrong, err);
}
