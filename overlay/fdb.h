/* SPDX-License-Identifier: Apache-2.0
 *
 * Forwarding and neighbour entries as a desired table: three kinds of kernel entries, the pure
 * comparison of what should be with what is, and writing the difference. Knows no networks.
 *
 * FDB_TUNNEL  on a VXLAN link: mac goes to the host vtep
 * FDB_PORT    on a bridge: mac is behind port
 * FDB_NEIGH   on a bridge: ip has mac; the bridge answers ARP and ND from it for its silent ports
 */
#pragma once
#include "base/ipaddr.h"
#include "overlay/nl.h"
#include <stdbool.h>

enum fdb_kind { FDB_TUNNEL, FDB_PORT, FDB_NEIGH };

struct fdb_entry {
	enum fdb_kind kind;
	int dev;            /* link index: the VXLAN for FDB_TUNNEL, else the bridge */
	int port;           /* FDB_PORT */
	struct ipaddr ip;   /* FDB_NEIGH: key */
	struct ipaddr vtep; /* FDB_TUNNEL */
	uint8_t mac[6];     /* key of FDB_TUNNEL and FDB_PORT */
	bool fixed;         /* never ages; false only in entries read from the kernel */
};

struct fdb_list {
	struct fdb_entry *v;
	size_t n, cap;
};
void fdb_add(struct fdb_list *l, const struct fdb_entry *e);
void fdb_done(struct fdb_list *l);
static inline void cleanup_fdb(struct fdb_list *l)
{
	fdb_done(l);
}
#define auto_fdb __attribute__((cleanup(cleanup_fdb))) struct fdb_list

/* Sorts both; appends to set what must be written and to del what has no place. Pure. */
void fdb_diff(struct fdb_list *want, struct fdb_list *have, struct fdb_list *set,
	      struct fdb_list *del);

/* Writes with replace semantics, or deletes (absent is fine), in batches. */
int fdb_write(struct nlsock *s, const struct fdb_list *l, bool del, struct err *err);

/* Appends the entries of all links for which owned(index) says yes. Learned neighbours, which the
 * kernel made for itself, are left out unless they are fixed. */
int fdb_read(struct nlsock *s, bool (*owned)(int index, void *arg), void *arg,
	     struct fdb_list *have, struct err *err);
