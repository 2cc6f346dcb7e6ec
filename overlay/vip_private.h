/* SPDX-License-Identifier: Apache-2.0
 * What vip.c (what should be) and the two data paths, vipbpf.c and vipnft.c, share. */
#pragma once
#include "base/map.h"
#include "overlay/vip.h"
#include "overlay/vipslots.h"

#define VIP_TEXT INET6_ADDRSTRLEN

struct vip {
	struct vip_addr ip;
	uint32_t network;
	struct vip_addr *slots;
	size_t n_slots;
};

struct vip_sandbox {
	char *id;
	uint32_t *networks;
	size_t n_networks;
	uint64_t cookie; /* ebpf: of its namespace */
	int nl, gen;     /* nft: sockets inside; -1: none */
	uint32_t seen;   /* nft: generation up to which it is known to be right; 0: not */
	bool clean;      /* nft: strays were taken out since it joined */
	bool stale;      /* nft: written by the next check only, which compares */
	char *rules;     /* nft: the table without elements, as it should list */
};

struct vips {
	const struct vip_path *path;
	void *state; /* the path's */
	char *run_dir, *why;
	int home;
	bool look;            /* check counts and writes nothing */
	struct map vips;      /* address text -> struct vip */
	struct map sandboxes; /* id -> struct vip_sandbox */
};

struct vip_path {
	const char *name;
	int (*open)(struct vips *v, struct err *err);
	void (*close)(struct vips *v);
	void (*wipe)(struct vips *v);
	/* How many slots so many tasks get; 0 for none. */
	size_t (*slots)(size_t tasks);
	/* The kernel has was (n_slots 0 and no slots: nothing) and is to have vip. */
	int (*write)(struct vips *v, const struct vip *vip, const struct vip *was, struct err *err);
	int (*remove)(struct vips *v, const struct vip *vip, struct err *err);
	/* s->networks are new; was: those before. */
	int (*join)(struct vips *v, struct vip_sandbox *s, int ns, const uint32_t *was,
		    size_t n_was, struct err *err);
	void (*leave)(struct vips *v, struct vip_sandbox *s);
	int (*check)(struct vips *v, bool strays, size_t *mended, struct err *err);
};
extern const struct vip_path vip_path_ebpf, vip_path_nft;

bool vip_on(const struct vip_sandbox *s, uint32_t network);
void vip_text(const struct vip_addr *a, char out[VIP_TEXT]);
