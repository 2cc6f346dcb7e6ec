/* SPDX-License-Identifier: Apache-2.0
 * Single entries of the kernel's tables, for the trace: what is there in the place of what should be. */
#pragma once
#include "overlay/host.h"

struct tracefdb_neigh {
	bool known, failed;
	uint8_t mac[6];
};
/* A neighbour entry of any kind; false: there is none. */
bool tracefdb_neigh(struct nlsock *nl, int index, const struct ipaddr *ip,
		    struct tracefdb_neigh *ret);

int tracefdb_read(struct nlsock *nl, const int *indexes, size_t n, struct fdb_list *have,
		  struct err *err);
/* Is the entry there, and no other in its place? Appends a sentence in either case. */
bool tracefdb_compare(const struct fdb_list *have, const struct fdb_entry *want,
		      const struct link_list *links, struct str *text);

struct tracefdb_tunnel {
	struct ipaddr endpoint;
	uint16_t port;
	int64_t met_s; /* last handshake, of the wall clock; 0: none */
};
/* WireGuard's peer with this address inside; NULL, or a phrase that goes behind "WireGuard". */
const char *tracefdb_tunnel(const struct tunnel *t, const struct ipaddr *inside,
			    struct tracefdb_tunnel *ret);
