/* SPDX-License-Identifier: Apache-2.0
 * Following a packet from a task to where it goes, over the nodes it passes. */
#pragma once
#include "cli/client.h"

/* port: "80", "53/udp" or NULL (a ping). Prints the hops, or one JSON object. 0: it arrives and is
 * answered; 1: it does not, which was told; -errno with a sentence. */
int nettrace_run(struct client *c, const char *from, const char *to, const char *port, bool json,
		 struct err *err);
