/* SPDX-License-Identifier: Apache-2.0
 * Which nodes can be on the networks of a service that are on the physical network. Pure; see sched.h. */
#pragma once
#include "controller/sched/sched.h"

#define LAN_WHY 300

/* true: the node cannot be on one of them, and why (it begins behind "the node ") in why. */
bool lan_refuses(const struct spec_service *s, const struct sched_node *n, char why[LAN_WHY]);
