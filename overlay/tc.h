/* SPDX-License-Identifier: Apache-2.0
 *
 * A BPF program as a traffic-control filter at a link's ingress (clsact, cls_bpf in direct action).
 * One of carrack's a link, at a place of its own among the filters of others (linux/pkt_cls.h).
 */
#pragma once
#include "overlay/nl.h"

/* Puts the program there, in place of the one that was, without a moment between. name: at most 15
 * characters, for those who list filters. */
int tc_attach(struct nlsock *s, int index, int program, const char *name, struct err *err);
/* Id of the program that is there; 0: none. */
uint32_t tc_attached(struct nlsock *s, int index);
/* Absent is fine. The queueing discipline goes too where no filter is left on it. */
void tc_detach(struct nlsock *s, int index);
