/* SPDX-License-Identifier: Apache-2.0
 *
 * Service VIPs on one host: an address of a network that leads to one of a service's tasks, chosen
 * anew for each connection. Two data paths do the same behind this header:
 *
 *   ebpf  at the socket (bpf/vip.bpf.c), by programs on the root of the cgroup v2 hierarchy. Nothing
 *         for each packet, no connection tracking. Tables and programs are pinned in RUN/bpf, so that
 *         they work on while the agent is away.
 *   nft   in the container's own namespace: destination NAT out of maps, one look-up however many
 *         VIPs there are.
 *
 * Where a VIP has no task, and for ping, the host's bridge stands in for it (viproute.c).
 * What is asked for is kept here, written incrementally, and compared with the kernel's by
 * vips_check. Knows no services: addresses only.
 */
#pragma once
#include "base/err.h"
#include "base/ipaddr.h"
#include "overlay/bpf/vip_maps.h"
#include "overlay/overlay.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vip_addr vip_addr_of(const struct ipaddr *a);
bool vip_addr_is_v4(const struct vip_addr *a);

struct vips;

/* What this host can do: OV_VIP_EBPF or OV_VIP_NFT. why (caller frees): NULL or why it is not ebpf.
 * Leaves nothing behind. */
enum ov_vip_path vips_probe(char **why);

/* OV_VIP_AUTO takes ebpf where it works. home: the host's network namespace, borrowed. */
int vips_open(enum ov_vip_path mode, const char *run_dir, int home, struct vips **ret,
	      struct err *err);
void vips_close(struct vips *v); /* leaves the kernel's tables as they are; NULL is fine */
void vips_wipe(struct vips *v);  /* before vips_close: leaves nothing in the kernel */
const char *vips_path(const struct vips *v); /* "ebpf" or "nft" */
/* Why OV_VIP_AUTO did not take ebpf; NULL: it did, or was not asked. Borrowed. */
const char *vips_why(const struct vips *v);

/* The tasks that a VIP of a network (its VNI) leads to; what it led to before is replaced. */
int vips_set(struct vips *v, uint32_t network, const struct vip_addr *vip,
	     const struct vip_addr *tasks, size_t n, struct err *err);
int vips_del(struct vips *v, const struct vip_addr *vip, struct err *err); /* absent is fine */
void vips_drop_network(struct vips *v, uint32_t network);                  /* all VIPs of it */
bool vips_has(const struct vips *v, uint32_t network, const struct vip_addr *vip);
/* Where it leads; *ret is borrowed. */
size_t vips_slots(const struct vips *v, uint32_t network, const struct vip_addr *vip,
		  const struct vip_addr **ret);
size_t vips_count(const struct vips *v);

/* Lets the namespace ns of a sandbox reach the VIPs of exactly these networks. */
int vips_join(struct vips *v, const char *sandbox, int ns, const uint32_t *networks, size_t n,
	      struct err *err);
void vips_leave(struct vips *v, const char *sandbox);

/* Compares with the kernel, mends, and adds the number of differences to *mended. strays: what
 * nobody asked for may go (all that is wanted has been asked for). */
int vips_check(struct vips *v, bool strays, size_t *mended, struct err *err);

/* From now on vips_check only counts, by sockets of its own: for a forked copy of this process. */
void vips_look(struct vips *v);

/* A namespace is not as it should be and waits for vips_check. */
bool vips_behind(const struct vips *v);

/* Each VIP of a network. */
typedef void (*vips_each_fn)(uint32_t network, const struct vip_addr *vip, void *arg);
void vips_each(const struct vips *v, vips_each_fn fn, void *arg);
