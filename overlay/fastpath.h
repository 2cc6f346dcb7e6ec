/* SPDX-License-Identifier: Apache-2.0
 *
 * The fast path between containers of a network: filters at the ports of containers, at VXLAN links and
 * at the underlay's link that pass packets on without the bridge (bpf/fastpath.bpf.c). It carries what
 * it is sure of and leaves the rest to the bridge, so nothing depends on it: each call does nothing
 * where the kernel does not permit it or the configuration says no.
 */
#pragma once
#include "overlay/bpf/fastpath_maps.h"
#include "overlay/host.h"

/* Loads it for what is known by now and replaces what an earlier life left; off: removes that. */
void fastpath_open(struct overlay *o, bool off);
void fastpath_close(struct overlay *o); /* all works on */
void fastpath_wipe(struct overlay *o);  /* from the links that are not carrack's own */

/* What was just made, or is about to go. */
void fastpath_network(struct overlay *o, const struct network *n, bool add);
void fastpath_endpoint(struct overlay *o, const struct endpoint *e, bool add);
void fastpath_peer(struct overlay *o, const struct network *n, const struct ov_peer *p, bool add);

/* Compares tables and filters with what should be, mends and counts. */
int fastpath_check(struct overlay *o, struct err *err);

struct fastpath {
	struct fastbpf *bpf;
	struct fast_self self;
	bool refused; /* a link that took no filter was told of */
};
