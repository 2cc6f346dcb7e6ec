/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses that services ask for by name (ipv4_address, ipv6_address): nobody else is given one of them by chance,
 * and who has one that is wanted is told.
 */
#pragma once
#include "controller/core/state.h"

/* A template that asks for what a says is there (add), or goes. */
void fixedaddr_count(struct network *n, const struct spec_attach *a, bool add);
/* ipam_take and the like, past what some service asks for. */
int fixedaddr_skip4(struct network *n, int (*take)(struct ipam_subnet *, uint32_t *),
		    uint32_t *ret);
int fixedaddr_skip6(struct network *n, int (*take)(struct ipam6 *, struct ipaddr *),
		    struct ipaddr *ret);
bool fixedaddr_wanted(const struct network *n, const struct ipaddr *a);
/* "held by the task 's_web.1' on 'host1'; choose another address"; NULL: no task and no VIP has it;
 * caller frees. */
char *fixedaddr_holder(const struct cluster *c, const struct network *n, const struct ipaddr *a);
