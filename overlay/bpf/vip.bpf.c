/* SPDX-License-Identifier: Apache-2.0
 *
 * Service VIPs at the socket: a program at each of the cgroup hooks connect, sendmsg, recvmsg and
 * getpeername. A VIP is replaced by a task's address before the kernel sees it, and put back where
 * the container asks who it talks to; no packet is touched. Runs for every process of the host, so
 * the first look-up (is it a VIP at all?) decides; the second one lets only the network's own
 * containers through. Needs Linux 5.10: BPF_MAP_TYPE_SK_STORAGE and bpf_get_netns_cookie here.
 */
#include "overlay/bpf/vip_maps.h"
#include <linux/bpf.h>
/* above the next one */
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#define FLOWS       16 /* VIPs that an unconnected socket talks to at a time */
#define DGRAM       2  /* SOCK_DGRAM */
#define NO_SLOT     0xffffffffu
#define NEW_OR_SAME BPF_SK_STORAGE_GET_F_CREATE

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* the agent says how many */
	__type(key, struct vip_addr);
	__type(value, struct vip_bpf_vip);
} ck_vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct vip_bpf_slot);
	__type(value, struct vip_addr);
} ck_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct vip_bpf_member);
	__type(value, __u32);
} ck_members SEC(".maps");

struct pair {
	struct vip_addr vip, task;
};

/* Of a connected socket: who it believes to talk to, and who it is. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct pair);
} ck_peer SEC(".maps");

struct flow {
	struct pair pair;
	__u32 slot; /* NO_SLOT: its task has left; answers may still come */
};
struct flows {
	struct flow v[FLOWS];
	__u32 next;
};

/* Of an unconnected socket: a VIP stays with one task for as long as that is there. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct flows);
} ck_flows SEC(".maps");

static __always_inline bool same(const struct vip_addr *a, const struct vip_addr *b)
{
	return a->w[3] == b->w[3] && a->w[2] == b->w[2] && a->w[1] == b->w[1] && a->w[0] == b->w[0];
}

static __always_inline void get4(struct bpf_sock_addr *ctx, struct vip_addr *a)
{
	a->w[0] = a->w[1] = 0;
	a->w[2] = bpf_htonl(0xffff);
	a->w[3] = ctx->user_ip4;
}

static __always_inline void put4(struct bpf_sock_addr *ctx, const struct vip_addr *a)
{
	ctx->user_ip4 = a->w[3];
}

static __always_inline void get6(struct bpf_sock_addr *ctx, struct vip_addr *a)
{
	a->w[0] = ctx->user_ip6[0];
	a->w[1] = ctx->user_ip6[1];
	a->w[2] = ctx->user_ip6[2];
	a->w[3] = ctx->user_ip6[3];
}

static __always_inline void put6(struct bpf_sock_addr *ctx, const struct vip_addr *a)
{
	ctx->user_ip6[0] = a->w[0];
	ctx->user_ip6[1] = a->w[1];
	ctx->user_ip6[2] = a->w[2];
	ctx->user_ip6[3] = a->w[3];
}

/* The VIP's row, if it is one of a network that this container is on. */
static __always_inline const struct vip_bpf_vip *find_vip(struct bpf_sock_addr *ctx,
							  const struct vip_addr *a)
{
	const struct vip_bpf_vip *v = bpf_map_lookup_elem(&ck_vips, a);
	if (!v)
		return NULL;
	struct vip_bpf_member key = {.netns = bpf_get_netns_cookie(ctx), .network = v->network};
	return bpf_map_lookup_elem(&ck_members, &key) ? v : NULL;
}

/* NULL: nothing is ready. The packet then goes to the host's bridge, which refuses it. */
static __always_inline const struct vip_addr *choose(const struct vip_bpf_vip *v,
						     struct vip_bpf_slot *key)
{
	__u32 n = v->n_slots;
	if (!n)
		return NULL;
	key->slot = bpf_get_prandom_u32() % n;
	const struct vip_addr *task = bpf_map_lookup_elem(&ck_slots, key);
	if (task)
		return task;
	/* The table shrank between the two look-ups: the first slot is the last to go. */
	key->slot = 0;
	return bpf_map_lookup_elem(&ck_slots, key);
}

static __always_inline bool do_connect(struct bpf_sock_addr *ctx, struct vip_addr *a)
{
	const struct vip_bpf_vip *v = find_vip(ctx, a);
	struct vip_bpf_slot key = {.vip = *a};
	const struct vip_addr *task = v ? choose(v, &key) : NULL;
	if (!task) {
		/* It may have been connected to a VIP before. */
		if (ctx->type == DGRAM && ctx->sk)
			bpf_sk_storage_delete(&ck_peer, ctx->sk);
		return false;
	}
	struct pair *p = ctx->sk ? bpf_sk_storage_get(&ck_peer, ctx->sk, NULL, NEW_OR_SAME) : NULL;
	if (p) {
		p->vip = *a;
		p->task = *task;
	}
	*a = *task;
	return true;
}

/* Spoken to directly: its answers are its own from now on. */
static __always_inline void forget(struct bpf_sock_addr *ctx, const struct vip_addr *task)
{
	struct flows *f = ctx->sk ? bpf_sk_storage_get(&ck_flows, ctx->sk, NULL, 0) : NULL;
	for (int i = 0; f && i < FLOWS; i++)
		if (same(&f->v[i].pair.task, task))
			f->v[i] = (struct flow){.slot = NO_SLOT};
}

static __always_inline bool do_sendmsg(struct bpf_sock_addr *ctx, struct vip_addr *a)
{
	const struct vip_bpf_vip *v = find_vip(ctx, a);
	if (!v) {
		forget(ctx, a);
		return false;
	}
	struct vip_bpf_slot key = {.vip = *a};
	const struct vip_addr *task;
	struct flows *f =
		ctx->sk ? bpf_sk_storage_get(&ck_flows, ctx->sk, NULL, NEW_OR_SAME) : NULL;
	for (int i = 0; f && i < FLOWS; i++) {
		struct flow *e = &f->v[i];
		if (!same(&e->pair.vip, a) || e->slot == NO_SLOT)
			continue;
		key.slot = e->slot;
		task = e->slot < v->n_slots ? bpf_map_lookup_elem(&ck_slots, &key) : NULL;
		if (task && same(task, &e->pair.task)) {
			*a = *task;
			return true;
		}
		e->slot = NO_SLOT;
	}
	task = choose(v, &key);
	if (!task)
		return false;
	if (f) {
		struct flow *e = &f->v[f->next++ % FLOWS];
		e->pair.vip = *a;
		e->pair.task = *task;
		e->slot = key.slot;
	}
	*a = *task;
	return true;
}

static __always_inline bool do_recvmsg(struct bpf_sock_addr *ctx, struct vip_addr *a)
{
	if (!ctx->sk)
		return false;
	const struct pair *p = bpf_sk_storage_get(&ck_peer, ctx->sk, NULL, 0);
	if (p && same(&p->task, a)) {
		*a = p->vip;
		return true;
	}
	const struct flows *f = bpf_sk_storage_get(&ck_flows, ctx->sk, NULL, 0);
	for (int i = 0; f && i < FLOWS; i++)
		if (same(&f->v[i].pair.task, a)) {
			*a = f->v[i].pair.vip;
			return true;
		}
	return false;
}

static __always_inline bool do_getpeername(struct bpf_sock_addr *ctx, struct vip_addr *a)
{
	const struct pair *p = ctx->sk ? bpf_sk_storage_get(&ck_peer, ctx->sk, NULL, 0) : NULL;
	if (!p || !same(&p->task, a))
		return false;
	*a = p->vip;
	return true;
}

#define PROGRAM(hook, family)                                                                      \
	SEC("cgroup/" #hook #family) int ck_##hook##family(struct bpf_sock_addr *ctx)              \
	{                                                                                          \
		struct vip_addr a;                                                                 \
		get##family(ctx, &a);                                                              \
		if (do_##hook(ctx, &a))                                                            \
			put##family(ctx, &a);                                                      \
		return 1;                                                                          \
	}
PROGRAM(connect, 4)
PROGRAM(connect, 6)
PROGRAM(sendmsg, 4)
PROGRAM(sendmsg, 6)
PROGRAM(recvmsg, 4)
PROGRAM(recvmsg, 6)
PROGRAM(getpeername, 4)
PROGRAM(getpeername, 6)

char LICENSE[] SEC("license") = "Apache-2.0";
