/* SPDX-License-Identifier: Apache-2.0
 * What VIPs there should be, over either data path; see vip.h. */
#include "overlay/vip.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "overlay/netns.h"
#include "overlay/vip_private.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

struct vip_addr vip_addr_of(const struct ipaddr *a)
{
	struct vip_addr v = {{0, 0, htonl(0xffff), 0}};
	if (ipaddr_is_v4(a))
		memcpy(&v.w[3], a->bytes, sizeof(v.w[3]));
	else
		memcpy(&v, a->bytes, sizeof(v));
	return v;
}

bool vip_addr_is_v4(const struct vip_addr *a)
{
	return !a->w[0] && !a->w[1] && a->w[2] == htonl(0xffff);
}

void vip_text(const struct vip_addr *a, char out[VIP_TEXT])
{
	if (vip_addr_is_v4(a))
		inet_ntop(AF_INET, &a->w[3], out, VIP_TEXT);
	else
		inet_ntop(AF_INET6, a, out, VIP_TEXT);
}

bool vip_on(const struct vip_sandbox *s, uint32_t network)
{
	for (size_t i = 0; i < s->n_networks; i++)
		if (s->networks[i] == network)
			return true;
	return false;
}

static void free_vip(void *p)
{
	struct vip *vip = p;
	free(vip->slots);
	free(vip);
}

static void free_sandbox(void *p)
{
	struct vip_sandbox *s = p;
	if (s->nl >= 0)
		close(s->nl);
	if (s->gen >= 0)
		close(s->gen);
	free(s->networks);
	free(s->rules);
	free(s->id);
	free(s);
}

static int open_path(struct vips *v, enum ov_vip_path mode, struct err *err)
{
	struct err why = {0};
	if (mode != OV_VIP_NFT) {
		v->path = &vip_path_ebpf;
		int r = v->path->open(v, &why);
		if (r == 0)
			return 0;
		if (mode == OV_VIP_EBPF)
			return err_set(err, r, "vip: ebpf cannot be used: %s", err_text(&why));
		v->why = xstrdup(err_text(&why));
	}
	v->path = &vip_path_nft;
	return v->path->open(v, err);
}

int vips_open(enum ov_vip_path mode, const char *run_dir, int home, struct vips **ret,
	      struct err *err)
{
	struct vips *v = xcalloc(1, sizeof(*v));
	v->run_dir = xstrdup(run_dir);
	v->home = home;
	v->vips.free_val = free_vip;
	v->sandboxes.free_val = free_sandbox;
	int r = open_path(v, mode, err);
	if (r < 0) {
		v->path = NULL;
		vips_close(v);
		return r;
	}
	*ret = v;
	return 0;
}

void vips_close(struct vips *v)
{
	if (!v)
		return;
	if (v->path)
		v->path->close(v);
	map_clear(&v->sandboxes);
	map_clear(&v->vips);
	free(v->run_dir);
	free(v->why);
	free(v);
}

void vips_wipe(struct vips *v)
{
	v->path->wipe(v);
	map_clear(&v->sandboxes);
	map_clear(&v->vips);
}

enum ov_vip_path vips_probe(char **why)
{
	char dir[] = "/tmp/carrack-vip-XXXXXX";
	struct vips *v = NULL;
	struct err err = {0};
	*why = NULL;
	if (!mkdtemp(dir)) {
		*why = xasprintf("no temporary folder: %s", strerror(errno));
		return OV_VIP_NFT;
	}
	int r = vips_open(OV_VIP_EBPF, dir, -1, &v, &err);
	if (r == 0)
		vips_wipe(v);
	else
		*why = xstrdup(err_text(&err));
	vips_close(v);
	dir_remove(dir, NULL);
	return r == 0 ? OV_VIP_EBPF : OV_VIP_NFT;
}

const char *vips_path(const struct vips *v)
{
	return v->path->name;
}

const char *vips_why(const struct vips *v)
{
	return v->why;
}

size_t vips_slots(const struct vips *v, uint32_t network, const struct vip_addr *ip,
		  const struct vip_addr **ret)
{
	char key[VIP_TEXT];
	vip_text(ip, key);
	const struct vip *vip = map_get(&v->vips, key);
	if (!vip || vip->network != network)
		return 0;
	*ret = vip->slots;
	return vip->n_slots;
}

bool vips_has(const struct vips *v, uint32_t network, const struct vip_addr *ip)
{
	char key[VIP_TEXT];
	vip_text(ip, key);
	const struct vip *vip = map_get(&v->vips, key);
	return vip && vip->network == network;
}

size_t vips_count(const struct vips *v)
{
	return v->vips.n;
}

int vips_set(struct vips *v, uint32_t network, const struct vip_addr *ip,
	     const struct vip_addr *tasks, size_t n, struct err *err)
{
	char key[VIP_TEXT];
	vip_text(ip, key);
	struct vip *vip = map_get(&v->vips, key);
	if (vip && vip->network != network) { /* the address went to another network */
		int r = vips_del(v, ip, err);
		if (r < 0)
			return r;
		vip = NULL;
	}
	bool made = !vip;
	if (made) {
		vip = xcalloc(1, sizeof(*vip));
		*vip = (struct vip){.ip = *ip, .network = network};
		map_set(&v->vips, key, vip);
	}
	struct vip was = *vip;
	vip->n_slots = v->path->slots(n);
	vip->slots = xcalloc(vip->n_slots + 1, sizeof(*vip->slots));
	vipslots_fill(vip->slots, vip->n_slots, was.slots, was.n_slots, tasks, n);
	bool same = !made && vip->n_slots == was.n_slots &&
		    (!was.n_slots ||
		     memcmp(vip->slots, was.slots, was.n_slots * sizeof(*vip->slots)) == 0);
	int r = same ? 0 : v->path->write(v, vip, &was, err);
	free(was.slots);
	return r < 0 ? err_wrap(err, r, "VIP %s", key) : 0;
}

int vips_del(struct vips *v, const struct vip_addr *ip, struct err *err)
{
	char key[VIP_TEXT];
	vip_text(ip, key);
	struct vip *vip = map_get(&v->vips, key);
	if (!vip)
		return 0;
	int r = v->path->remove(v, vip, err);
	map_del(&v->vips, key); /* what resists is a stray, which the check removes */
	return r < 0 ? err_wrap(err, r, "VIP %s", key) : 0;
}

void vips_drop_network(struct vips *v, uint32_t network)
{
	map_each(&v->vips, e)
	{
		struct vip *vip = e->val;
		struct err err = {0};
		if (vip->network == network && vips_del(v, &vip->ip, &err) < 0)
			log_debug("overlay", "%s", err_text(&err));
	}
}

int vips_join(struct vips *v, const char *id, int ns, const uint32_t *networks, size_t n,
	      struct err *err)
{
	struct vip_sandbox *s = map_get(&v->sandboxes, id);
	if (!s) {
		s = xcalloc(1, sizeof(*s));
		*s = (struct vip_sandbox){.id = xstrdup(id), .nl = -1, .gen = -1};
		map_set(&v->sandboxes, id, s);
	}
	auto_free uint32_t *was = s->networks;
	size_t n_was = s->n_networks;
	s->networks = n ? xmemdup(networks, n * sizeof(*networks)) : NULL;
	s->n_networks = n;
	int r = v->path->join(v, s, ns, was, n_was, err);
	if (r < 0) {
		vips_leave(v, id);
		return err_wrap(err, r, "VIPs of sandbox \"%s\"", id);
	}
	return 0;
}

void vips_leave(struct vips *v, const char *id)
{
	struct vip_sandbox *s = v ? map_get(&v->sandboxes, id) : NULL;
	if (!s)
		return;
	auto_free char *key = xstrdup(id); /* may be the sandbox's own */
	v->path->leave(v, s);
	map_del(&v->sandboxes, key);
}

int vips_check(struct vips *v, bool strays, size_t *mended, struct err *err)
{
	return v->path->check(v, strays, mended, err);
}

void vips_look(struct vips *v)
{
	v->look = true;
	map_each(&v->sandboxes, e)
	{
		struct vip_sandbox *s = e->val;
		s->seen = 0;
	}
}

void vips_each(const struct vips *v, vips_each_fn fn, void *arg)
{
	map_each(&v->vips, e)
	{
		const struct vip *vip = e->val;
		fn(vip->network, &vip->ip, arg);
	}
}

bool vips_behind(const struct vips *v)
{
	map_each(&v->sandboxes, e)
	{
		if (((const struct vip_sandbox *)e->val)->stale)
			return true;
	}
	return false;
}
