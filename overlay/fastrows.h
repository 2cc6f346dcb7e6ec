/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tables of the fast path should hold, as records of key and value side by side, and the
 * comparison with what they do. Pure.
 */
#pragma once
#include "overlay/bpf/fastpath_maps.h"
#include "overlay/host.h"

struct fast_rows {
	uint8_t *v;
	size_t n, cap, key, value;
};
void fastrows_links(const struct overlay *o, struct fast_rows *out);
void fastrows_dests(const struct overlay *o, struct fast_rows *out);
void fastrows_done(struct fast_rows *r);
/* One record each; false: there is none. */
bool fastrows_port(const struct overlay *o, const struct endpoint *e, uint32_t *key,
		   struct fast_link *ret);
void fastrows_tunnel(const struct overlay *o, const struct network *n, uint32_t *key,
		     struct fast_link *ret);
bool fastrows_local(const struct overlay *o, const struct endpoint *e, struct fast_mac *key,
		    struct fast_dest *ret);
void fastrows_remote(const struct network *n, const struct ov_peer *p, struct fast_mac *key,
		     struct fast_dest *ret);
struct fast_addr fastrows_addr(const struct ipaddr *a); /* not set: all 0 */
/* Sorts both; each key that is missing or differs goes to put, each that has no place to del. */
void fastrows_diff(struct fast_rows *want, struct fast_rows *have, struct fast_rows *put,
		   struct fast_rows *del);
