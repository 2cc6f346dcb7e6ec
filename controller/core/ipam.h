/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers of networks: subnets cut from one pool, and addresses of one subnet, each by a bitmap with
 * a rotating cursor so that what was given back is not given out again at once. Pure: knows no
 * networks and no tasks. Addresses are IPv4 in host order.
 */
#pragma once
#include "base/err.h"
#include "base/ipaddr.h"
#include <stdbool.h>
#include <stdint.h>

#define IPAM_PREFIX_MIN 8 /* a longer range than /8 is refused: it would cost 2 MiB and more */
#define IPAM_PREFIX_MAX 29
#define IPAM_TEXT       20 /* "255.255.255.255/32" and NUL */
#define IPAM_MAC_TEXT   18

struct ipam_subnet { /* embedded; zero is "none" */
	uint32_t base, gateway;
	unsigned prefix;
	uint32_t first, last; /* what is handed out, both included */
	uint32_t cursor;
	uint32_t n_used;
	uint64_t *used; /* one bit an address of the subnet */
};

struct ipam_pool { /* embedded */
	uint32_t base;
	unsigned prefix, net_prefix;
	uint32_t cursor, n_blocks;
	uint16_t *refs; /* one for each block: subnets that touch it */
};

struct ipaddr ipam_addr(uint32_t addr);
bool ipam_addr_parse(const char *text, uint32_t *ret);
void ipam_addr_text(uint32_t addr, char out[IPAM_TEXT]);
void ipam_mac_text(uint32_t addr, char out[IPAM_MAC_TEXT]); /* 02:42 and the address */
/* "10.1.0.0/16", host bits clear. */
int ipam_cidr_parse(const char *text, uint32_t *ret_base, unsigned *ret_prefix, struct err *err);
void ipam_cidr_text(uint32_t base, unsigned prefix, char out[IPAM_TEXT]);
bool ipam_overlap(uint32_t a, unsigned a_prefix, uint32_t b, unsigned b_prefix);

int ipam_pool_init(struct ipam_pool *p, const char *cidr, unsigned net_prefix, struct err *err);
void ipam_pool_done(struct ipam_pool *p);
/* -ENOSPC when every block is taken. */
int ipam_pool_take(struct ipam_pool *p, uint32_t *ret_base);
/* Notes that a subnet (of any size, inside the pool or not) is in use, or not any more. */
void ipam_pool_mark(struct ipam_pool *p, uint32_t base, unsigned prefix, bool used);

/* gateway 0: the first address; range_prefix 0: the whole subnet is handed out. */
int ipam_subnet_init(struct ipam_subnet *s, uint32_t base, unsigned prefix, uint32_t gateway,
		     struct err *err);
int ipam_subnet_range(struct ipam_subnet *s, uint32_t base, unsigned prefix, struct err *err);
void ipam_subnet_done(struct ipam_subnet *s);
int ipam_take(struct ipam_subnet *s, uint32_t *ret);       /* -ENOSPC */
int ipam_take_fixed(struct ipam_subnet *s, uint32_t addr); /* -EADDRINUSE, -ERANGE */
/* The highest free address, so that what stays for long is out of the way of what comes and goes. */
int ipam_take_high(struct ipam_subnet *s, uint32_t *ret); /* -ENOSPC */
uint32_t ipam_free(const struct ipam_subnet *s);          /* of what is handed out */
void ipam_give(struct ipam_subnet *s, uint32_t addr);
