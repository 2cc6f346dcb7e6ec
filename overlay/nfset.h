/* SPDX-License-Identifier: Apache-2.0
 *
 * Elements of nftables sets and maps without text: batches and dumps over netlink, for tables whose
 * contents change often (kernel: linux/netfilter/nf_tables.h). A socket stays in the network
 * namespace in which it was opened.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NFSET_KEY_MAX 56 /* three IPv6 addresses and two ports, each padded to four bytes */

struct nfset_elem {
	uint8_t key[NFSET_KEY_MAX];
	uint8_t key_len;
	uint8_t addr_len; /* of the value; 0: none, it is a set's */
	uint8_t addr[16];
};

int nfset_open(struct err *err); /* descriptor */

/* One transaction of additions and deletions, built up and then sent. */
struct nfset_batch {
	struct str buf;
	uint32_t elems;
};
void nfset_put(struct nfset_batch *b, bool add, const char *table, const char *set,
	       const struct nfset_elem *e);
/* All or nothing (larger ones than NFSET_BATCH: in several parts, in order). Empties b. */
#define NFSET_BATCH 512
int nfset_send(int fd, struct nfset_batch *b, struct err *err);
void nfset_batch_done(struct nfset_batch *b);

typedef void (*nfset_each)(const struct nfset_elem *e, void *arg);
int nfset_dump(int fd, const char *table, const char *set, nfset_each each, void *arg,
	       struct err *err);

/* Deletes a tracked UDP connection of this namespace, by its first packet: addresses of addr_len
 * bytes, ports in network order. Gone already is fine. */
struct nfset_flow {
	const void *from, *to;
	size_t addr_len;
	uint16_t from_port, to_port;
};
int nfset_forget_udp(int fd, const struct nfset_flow *f, struct err *err);
