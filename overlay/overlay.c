/* SPDX-License-Identifier: Apache-2.0
 * Opening, closing and wiping the overlay of a host. See overlay.h. */
#include "overlay/overlay.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "overlay/fastpath.h"
#include "overlay/host.h"
#include "overlay/lan.h"
#include "overlay/netns.h"
#include "overlay/rules.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>

#define VXLAN_PORT_DEFAULT 4789
#define CHECK_MS_DEFAULT   1000
#define MTU_MIN            576
#define RESOLV_CONF        "/etc/resolv.conf"

bool host_id_ok(const char *id)
{
	if (!id || !*id || *id == '.' || strlen(id) > HOST_ID_MAX)
		return false;
	for (const char *p = id; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
			return false;
	return true;
}

int overlay_overhead(const struct overlay *o)
{
	return ipaddr_is_v6(&o->underlay.ip) ? UNDERLAY_OVERHEAD6 : UNDERLAY_OVERHEAD;
}

static int prepare_host(struct overlay *o, const struct overlay_config *c, struct err *err)
{
	int r = dir_make(o->netns_dir, 0711, err);
	if (r == 0)
		r = dir_make(o->state_dir, 0700, err);
	if (r < 0)
		return r;
	o->home = netns_self();
	if (o->home < 0)
		return err_sys(err, o->home, "cannot open the host's network namespace");
	r = nlsock_open(&o->nl, err);
	if (r == 0)
		r = underlay_find(o->nl, c->underlay, &o->underlay, err);
	if (r < 0)
		return r;
	auto_link_list links = {0};
	auto_link_addrs addrs = {0};
	if (link_list(o->nl, &links, NULL) == 0 && link_addrs(o->nl, &addrs, NULL) == 0)
		lan_look(o, &links, &addrs);
	o->mtu = c->mtu ? c->mtu : o->underlay.mtu - overlay_overhead(o);
	if (o->mtu < MTU_MIN)
		return err_set(err, -EINVAL,
			       "the overlay's MTU would be %d on \"%s\"; give it at least %d",
			       o->mtu, o->underlay.name, MTU_MIN);
	return netns_sysctl("net.ipv4.ip_forward", "1", err);
}

int overlay_open(struct loop *l, const struct overlay_config *c, struct overlay **ret,
		 struct err *err)
{
	struct overlay *o = xcalloc(1, sizeof(*o));
	nft_keep_room();
	o->loop = l;
	o->home = o->nft_gen = -1;
	o->netns_dir = xasprintf("%s/netns", c->run_dir);
	o->state_dir = xasprintf("%s/overlay", c->run_dir);
	o->vxlan_port = c->vxlan_port ? c->vxlan_port : VXLAN_PORT_DEFAULT;
	lan_open(o, c->parents);
	announce_open(o);
	tunnel_init(&o->tunnel, o->state_dir);
	if (c->tunnel) {
		o->tunnel.self = *c->tunnel;
		o->tunnel.given = true;
	}
	o->check_ms = c->check_ms ? c->check_ms : CHECK_MS_DEFAULT;
	o->networks.free_val = ov_network_free;
	o->sandboxes.free_val = sandbox_free;
	o->opened_ms = clock_ms();
	o->upstream = upstream_new(l, RESOLV_CONF);
	o->check = timer_new(l, check_timer, o);
	o->flush = timer_new(l, peers_flush, o);
	o->ingress.free_val = ov_ingress_free;
	stale_open(o);
	int r = prepare_host(o, c, err);
	if (r == 0) {
		record_load(o);
		r = firewall_open(o, err);
	}
	if (r == 0)
		fastpath_open(o, c->no_fast);
	if (r == 0)
		r = vips_open(c->vip, c->run_dir, o->home, &o->vips, err);
	if (r < 0) {
		overlay_close(o);
		return r;
	}
	timer_set(o->check, o->check_ms == OV_CHECK_NEVER ? CHECK_MS_DEFAULT : o->check_ms);
	*ret = o;
	return 0;
}

void overlay_close(struct overlay *o)
{
	if (!o)
		return;
	timer_free(o->check);
	timer_free(o->flush);
	timer_free(o->stale);
	timer_free(o->lan.announce);
	map_clear(&o->ingress);
	map_clear(&o->dead);
	vips_close(o->vips);
	fastpath_close(o);
	map_clear(&o->sandboxes);
	map_clear(&o->networks);
	map_clear(&o->members);
	upstream_free(o->upstream);
	str_done(&o->members_script);
	nft_close(o->nft);
	if (o->nft_gen >= 0)
		close(o->nft_gen);
	nlsock_close(o->nl);
	tunnel_done(&o->tunnel);
	lan_close(o);
	if (o->home >= 0)
		close(o->home);
	free(o->tables);
	free(o->netns_dir);
	free(o->state_dir);
	free(o);
}

struct ipaddr overlay_address(const struct overlay *o)
{
	return o->underlay.ip;
}

void overlay_own_subnets(struct overlay *o, struct strlist *out)
{
	underlay_subnets(o->nl, out);
}

static bool is_own_link(const struct link_info *li)
{
	return strncmp(li->name, "ckb-", 4) == 0 || strncmp(li->name, "ckx-", 4) == 0 ||
	       strncmp(li->name, "ckv", 3) == 0 || li->group == LAN_VLAN_GROUP;
}

static int wipe_links(struct overlay *o, struct err *err)
{
	auto_link_list links = {0};
	int r = link_list(o->nl, &links, err);
	uint32_t done = 0;
	for (size_t i = 0; i < links.n && r == 0; i++) {
		const struct link_info *li = &links.v[i];
		if (!is_own_link(li) || li->group == done)
			continue;
		if (li->group == 0) {
			r = link_del(o->nl, li->index, err);
			continue;
		}
		done = li->group;
		r = link_del_group(o->nl, li->group, err);
	}
	return r;
}

int overlay_wipe(struct overlay *o, struct err *err)
{
	auto_strlist ids = {0};
	auto_str script = {0};
	int r = overlay_sandbox_list(o, &ids, err);
	for (size_t i = 0; i < ids.n && r == 0; i++)
		r = overlay_sandbox_del(o, ids.v[i], err);
	if (r == 0)
		r = wipe_links(o, err);
	rules_drop(&script);
	if (r == 0)
		r = nft_run(o->nft, script.data, err);
	if (r < 0)
		return err_wrap(err, r, "cannot clear this host's overlay");
	/* Nothing is desired any more: the check must not build it again. */
	o->wiped = true;
	timer_stop(o->check);
	timer_stop(o->flush);
	timer_stop(o->stale);
	timer_stop(o->lan.announce);
	map_clear(&o->ingress);
	vips_wipe(o->vips);
	fastpath_wipe(o);
	map_clear(&o->sandboxes);
	map_clear(&o->networks);
	map_clear(&o->members);
	str_clear(&o->members_script);
	tunnel_drop(o);
	record_wipe(o);
	return dir_remove(o->netns_dir, err);
}

bool overlay_wiped(const struct overlay *o)
{
	return o->wiped;
}

int overlay_underlay_mtu(const struct overlay *o)
{
	return o->underlay.mtu;
}

void overlay_stats(const struct overlay *o, struct ov_stats *out)
{
	*out = (struct ov_stats){.networks = o->networks.n,
				 .sandboxes = o->sandboxes.n,
				 .mended = o->mended};
	map_each(&o->networks, e) out->peers += ((const struct network *)e->val)->peers.n;
}
