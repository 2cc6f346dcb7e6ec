/* SPDX-License-Identifier: Apache-2.0
 *
 * Host ports on one node: what is in use there, and what a task would get of its ranges.
 */
#pragma once
#include "controller/sched/sched.h"

#define SCHED_PORT_WHY 240

/* Has each task a number of its own of it? */
static inline bool sched_ports_is_range(const struct spec_port *p)
{
	return p->mode == PORT_HOST && p->range_first;
}
/* Who has the port of that number there; NULL: nobody. */
const struct sched_port *sched_ports_holder(const struct sched_node *n, const struct spec_port *p,
					    uint16_t number);
/* Are all host ports of s free there? out (room for s->n_ports, or NULL): a number for each port of mode
 * host with a range, in the order of its ports, the first that is free. */
bool sched_ports_pick(const struct spec_service *s, const struct sched_node *n, uint16_t *out);
/* "the host port 80/tcp in use (by 'web' of the stack 'shop')": why that is false. */
void sched_ports_why(const struct spec_service *s, const struct sched_node *n,
		     char out[SCHED_PORT_WHY]);
/* Does s want a host port of one number, so that a node has room for one task of it? */
bool sched_ports_single(const struct spec_service *s);
