/* SPDX-License-Identifier: Apache-2.0
 * The data path at the socket: what bpf/vip.bpf.c reads, written and compared. See vip.h. */
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "overlay/netns.h"
#include "overlay/vip_private.h"
#include "overlay/vipbpf.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define GROW 4 /* a table that is full is made so many times larger */

struct ebpf {
	struct vipbpf *bpf;
	char *dir;
};

static struct vipbpf *bpf_of(const struct vips *v)
{
	const struct ebpf *e = v->state;
	return e->bpf;
}

static int open_ebpf(struct vips *v, struct err *err)
{
	bool found;
	struct ebpf *e = xcalloc(1, sizeof(*e));
	e->dir = xasprintf("%s/bpf", v->run_dir);
	int r = vipbpf_open(e->dir, NULL, &e->bpf, &found, err);
	if (r < 0) {
		vipbpf_wipe(e->dir);
		free(e->dir);
		free(e);
		return r;
	}
	v->state = e;
	return 0;
}

static void close_ebpf(struct vips *v)
{
	struct ebpf *e = v->state;
	vipbpf_close(e->bpf);
	free(e->dir);
	free(e);
	v->state = NULL;
}

static void wipe_ebpf(struct vips *v)
{
	struct ebpf *e = v->state;
	vipbpf_close(take_ptr(e->bpf));
	vipbpf_wipe(e->dir);
}

static size_t slots_ebpf(size_t tasks)
{
	return tasks;
}

static struct vip_bpf_slot slot_key(const struct vip *vip, size_t i)
{
	return (struct vip_bpf_slot){.vip = vip->ip, .slot = (uint32_t)i};
}

/* The order keeps the programs right at each moment: slots below the count are always there. */
static int write_rows(struct vipbpf *b, const struct vip *vip, const struct vip *was)
{
	int r = 0;
	for (size_t i = 0; i < vip->n_slots && r == 0; i++) {
		struct vip_bpf_slot key = slot_key(vip, i);
		if (i >= was->n_slots || !vip_addr_same(&vip->slots[i], &was->slots[i]))
			r = vipbpf_put(b, VIPBPF_SLOTS, &key, &vip->slots[i]);
	}
	struct vip_bpf_vip row = {.network = vip->network, .n_slots = (uint32_t)vip->n_slots};
	if (r == 0 && (!was->slots || vip->n_slots != was->n_slots))
		r = vipbpf_put(b, VIPBPF_VIPS, &vip->ip, &row);
	for (size_t i = vip->n_slots; i < was->n_slots && r == 0; i++) {
		struct vip_bpf_slot key = slot_key(vip, i);
		r = vipbpf_del(b, VIPBPF_SLOTS, &key);
	}
	return r;
}

static int write_members(struct vipbpf *b, const struct vip_sandbox *s)
{
	static const uint32_t yes = 1;
	int r = 0;
	for (size_t i = 0; i < s->n_networks && r == 0; i++) {
		struct vip_bpf_member key = {.netns = s->cookie, .network = s->networks[i]};
		r = vipbpf_put(b, VIPBPF_MEMBERS, &key, &yes);
	}
	return r;
}

/* All of it into tables that may be empty. */
static int write_all(struct vips *v, struct vipbpf *b)
{
	static const struct vip nothing;
	int r = 0;
	map_each(&v->sandboxes, e)
	{
		r = r == 0 ? write_members(b, e->val) : r;
	}
	map_each(&v->vips, e)
	{
		r = r == 0 ? write_rows(b, e->val, &nothing) : r;
	}
	return r;
}

static void count(const struct vips *v, uint32_t room[VIPBPF_TABLES])
{
	map_each(&v->vips, e)
	{
		room[VIPBPF_VIPS]++;
		room[VIPBPF_SLOTS] += (uint32_t)((const struct vip *)e->val)->n_slots;
	}
	map_each(&v->sandboxes, e)
	{
		room[VIPBPF_MEMBERS] += (uint32_t)((const struct vip_sandbox *)e->val)->n_networks;
	}
}

/* Tables cannot grow: larger ones are filled and take the programs' place with new programs. The old
 * ones serve until then. */
static int open_again(struct vips *v, struct err *err)
{
	struct ebpf *e = v->state;
	uint32_t room[VIPBPF_TABLES] = {0};
	count(v, room);
	for (int t = 0; t < VIPBPF_TABLES; t++) {
		uint32_t have = vipbpf_room(e->bpf, (enum vipbpf_table)t);
		while (have < room[t] + room[t] / 2)
			have *= GROW;
		room[t] = have;
	}
	struct vipbpf *fresh = NULL;
	bool found;
	int r = vipbpf_open(e->dir, room, &fresh, &found, err);
	if (r < 0)
		return r;
	vipbpf_close(e->bpf);
	e->bpf = fresh;
	r = write_all(v, fresh);
	return r < 0 ? err_sys(err, r, "cannot fill larger tables") : 0;
}

static int finish(struct vips *v, int r, struct err *err)
{
	if (r == -E2BIG)
		return open_again(v, err);
	return r < 0 ? err_sys(err, r, "cannot write a BPF table") : 0;
}

static int write_ebpf(struct vips *v, const struct vip *vip, const struct vip *was, struct err *err)
{
	return finish(v, write_rows(bpf_of(v), vip, was), err);
}

static int remove_ebpf(struct vips *v, const struct vip *vip, struct err *err)
{
	struct vipbpf *b = bpf_of(v);
	int r = vipbpf_del(b, VIPBPF_VIPS, &vip->ip);
	for (size_t i = 0; i < vip->n_slots && r == 0; i++) {
		struct vip_bpf_slot key = slot_key(vip, i);
		r = vipbpf_del(b, VIPBPF_SLOTS, &key);
	}
	return r < 0 ? err_sys(err, r, "cannot write a BPF table") : 0;
}

static int read_cookie(const struct vips *v, int ns, uint64_t *ret, struct err *err)
{
	socklen_t len = sizeof(*ret);
	int r = netns_enter(ns, err);
	if (r < 0)
		return r;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	r = fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &len) < 0 ? -errno : 0;
	netns_leave(v->home);
	if (fd >= 0)
		close(fd);
	return r < 0 ? err_sys(err, r, "cannot read a namespace's cookie") : 0;
}

static void forget(struct vipbpf *b, uint64_t cookie, uint32_t network)
{
	struct vip_bpf_member key = {.netns = cookie, .network = network};
	int r = vipbpf_del(b, VIPBPF_MEMBERS, &key);
	if (r < 0)
		log_warn("overlay", "a sandbox stays in a BPF table for now: %s", strerror(-r));
}

static int join_ebpf(struct vips *v, struct vip_sandbox *s, int ns, const uint32_t *was,
		     size_t n_was, struct err *err)
{
	uint64_t cookie = 0;
	int r = read_cookie(v, ns, &cookie, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n_was; i++)
		if (s->cookie != cookie || !vip_on(s, was[i]))
			forget(bpf_of(v), s->cookie, was[i]);
	s->cookie = cookie;
	return finish(v, write_members(bpf_of(v), s), err);
}

static void leave_ebpf(struct vips *v, struct vip_sandbox *s)
{
	for (size_t i = 0; i < s->n_networks; i++)
		forget(bpf_of(v), s->cookie, s->networks[i]);
}

/* --- comparison: records, key and value, sorted by key ----------------------------------------- */

struct records {
	uint8_t *v;
	size_t n, cap;
};

static void add(struct records *r, enum vipbpf_table t, const void *key, const void *value)
{
	size_t k = vipbpf_key_size(t), w = vipbpf_value_size(t);
	r->v = vec_grow(r->v, r->n, &r->cap, k + w);
	uint8_t *at = r->v + r->n++ * (k + w);
	memcpy(at, key, k);
	memcpy(at + k, value, w);
}

static void want_rows(const struct vips *v, struct records want[VIPBPF_TABLES])
{
	static const uint32_t yes = 1;
	map_each(&v->vips, e)
	{
		const struct vip *vip = e->val;
		struct vip_bpf_vip row = {.network = vip->network,
					  .n_slots = (uint32_t)vip->n_slots};
		add(&want[VIPBPF_VIPS], VIPBPF_VIPS, &vip->ip, &row);
		for (size_t i = 0; i < vip->n_slots; i++) {
			struct vip_bpf_slot key = slot_key(vip, i);
			add(&want[VIPBPF_SLOTS], VIPBPF_SLOTS, &key, &vip->slots[i]);
		}
	}
	map_each(&v->sandboxes, e)
	{
		const struct vip_sandbox *s = e->val;
		for (size_t i = 0; i < s->n_networks; i++) {
			struct vip_bpf_member key = {.netns = s->cookie, .network = s->networks[i]};
			add(&want[VIPBPF_MEMBERS], VIPBPF_MEMBERS, &key, &yes);
		}
	}
}

static int by_key(const void *a, const void *b, void *size)
{
	return memcmp(a, b, *(const size_t *)size);
}

static int compare(const struct vips *v, enum vipbpf_table t, struct records *want, bool strays,
		   size_t *mended)
{
	struct vipbpf *b = bpf_of(v);
	size_t k = vipbpf_key_size(t), size = k + vipbpf_value_size(t), n_have;
	auto_free uint8_t *have = NULL;
	int r = vipbpf_dump(b, t, &have, &n_have);
	if (r < 0)
		return r;
	if (n_have)
		qsort_r(have, n_have, size, by_key, &k);
	if (want->n)
		qsort_r(want->v, want->n, size, by_key, &k);
	size_t i = 0, j = 0;
	while (r == 0 && (i < want->n || j < n_have)) {
		const uint8_t *w = want->v + i * size, *h = have + j * size;
		int order = i == want->n ? 1 : j == n_have ? -1 : memcmp(w, h, k);
		if (order > 0) {
			j++;
			if (!strays)
				continue;
			r = v->look ? 0 : vipbpf_del(b, t, h);
			++*mended;
			continue;
		}
		if (order < 0 || memcmp(w + k, h + k, size - k) != 0) {
			r = v->look ? 0 : vipbpf_put(b, t, w, w + k);
			++*mended;
		}
		i++;
		j += order == 0;
	}
	return r;
}

static int check_ebpf(struct vips *v, bool strays, size_t *mended, struct err *err)
{
	struct ebpf *e = v->state;
	size_t broken = vipbpf_broken(e->bpf);
	if (broken) {
		*mended += broken;
		int r = v->look ? 0 : open_again(v, err);
		if (r < 0)
			return r;
	}
	struct records want[VIPBPF_TABLES] = {0};
	int r = 0;
	want_rows(v, want);
	/* Slots before the rows that count them. */
	static const enum vipbpf_table order[] = {VIPBPF_SLOTS, VIPBPF_VIPS, VIPBPF_MEMBERS};
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		if (r == 0)
			r = compare(v, order[i], &want[order[i]], strays, mended);
		free(want[order[i]].v);
	}
	return finish(v, r, err);
}

const struct vip_path vip_path_ebpf = {
	.name = "ebpf",
	.open = open_ebpf,
	.close = close_ebpf,
	.wipe = wipe_ebpf,
	.slots = slots_ebpf,
	.write = write_ebpf,
	.remove = remove_ebpf,
	.join = join_ebpf,
	.leave = leave_ebpf,
	.check = check_ebpf,
};
