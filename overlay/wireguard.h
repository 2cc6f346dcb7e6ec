/* SPDX-License-Identifier: Apache-2.0
 *
 * One WireGuard device over generic netlink (linux/wireguard.h): its key, port and peers; the pure
 * comparison of the peers it should have with those it has, and writing the difference. Knows no
 * networks and no names of nodes.
 */
#pragma once
#include "base/ipaddr.h"
#include "overlay/nl.h"

#define WG_KEY_BYTES 32

struct wg_peer {
	uint8_t key[WG_KEY_BYTES]; /* public; what a table is sorted by */
	struct ipaddr endpoint;    /* where it is on the underlay, */
	uint16_t port;             /* and its UDP port there */
	struct ipaddr allowed;     /* what may come from it and goes to it; none: handshakes only */
	bool met;      /* read only: it proved, by a handshake, that it has the private key */
	int64_t met_s; /* read only: when it did so last, of the wall clock */
	bool extra;    /* read only: it may send from more addresses than allowed */
};

struct wg_list {
	struct wg_peer *v;
	size_t n, cap;
};
void wg_list_add(struct wg_list *l, const struct wg_peer *p);
void wg_list_done(struct wg_list *l);
static inline void cleanup_wg_list(struct wg_list *l)
{
	wg_list_done(l);
}
#define auto_wg_list __attribute__((cleanup(cleanup_wg_list))) struct wg_list

struct wg_device {
	uint8_t key[WG_KEY_BYTES]; /* private */
	uint16_t port;
	struct wg_list peers;
};

/* Sorts both; appends to set what must be written and to del what has no place. Pure. */
void wg_diff(struct wg_list *want, struct wg_list *have, struct wg_list *set, struct wg_list *del);

struct wg; /* a socket to the WireGuard of the namespace in which it was opened */
/* -EOPNOTSUPP, with a sentence, where the kernel has none. */
int wg_open(struct wg **ret, struct err *err);
void wg_close(struct wg *w); /* NULL is fine */
/* Appends to ret->peers. */
int wg_read(struct wg *w, int index, struct wg_device *ret, struct err *err);
int wg_set_key(struct wg *w, int index, const uint8_t private_key[WG_KEY_BYTES], uint16_t port,
	       struct err *err);
int wg_write(struct wg *w, int index, const struct wg_list *l, bool del, struct err *err);
