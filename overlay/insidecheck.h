/* SPDX-License-Identifier: Apache-2.0
 * What is wrong with an interface inside of a sandbox: for the check, which mends it, and the trace, which
 * tells it. */
#pragma once
#include "overlay/host.h"

struct inside { /* what the kernel has in one namespace */
	struct nlsock *nl;
	struct link_list links;
	struct link_addrs addrs;
	struct link_routes routes;
};
int inside_read(struct inside *in, struct err *err); /* of the thread's namespace */
void inside_done(struct inside *in);
const struct link_info *inside_link(const struct inside *in, const char *name); /* NULL: none */
/* A phrase that goes behind the interface's name; NULL: it is right. */
const char *inside_fault(struct overlay *o, const struct endpoint *e, const struct network *n,
			 const struct inside *in);
