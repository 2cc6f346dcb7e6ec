/* SPDX-License-Identifier: Apache-2.0
 * IPv6 addresses of a subnet; see ipam6.h. */
#include "controller/core/ipam6.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BASE        0x01000000u /* of the window's numbers: 0 is "none" there */
#define WINDOW_BITS 16
#define NET_LEN     64

static char present;

bool ipam6_is_set(const struct ipam6 *s)
{
	return ipprefix_is_set(&s->subnet);
}

/* The number of an address in the window, or 0. */
static uint32_t number_of(const struct ipam6 *s, const struct ipaddr *a)
{
	uint32_t low = (uint32_t)a->bytes[12] << 24 | (uint32_t)a->bytes[13] << 16 |
		       (uint32_t)a->bytes[14] << 8 | a->bytes[15];
	return ipprefix_has(&s->window, a) ? BASE + (low & ((1u << (128 - s->window.len)) - 1)) : 0;
}

static int window_init(struct ipam6 *s, const struct ipprefix *from, struct err *err)
{
	unsigned bits = 128u - from->len;
	s->window = ipprefix_of(&from->addr, 128u - (bits > WINDOW_BITS ? WINDOW_BITS : bits));
	uint32_t gateway = number_of(s, &s->gateway);
	int rc = ipam_subnet_init(&s->bits, BASE, s->window.len - 96u, gateway, err);
	if (rc < 0 || gateway)
		return rc;
	/* The gateway is elsewhere: the number that stood for it is free. */
	uint32_t first = s->bits.gateway;
	s->bits.gateway = 0;
	s->bits.n_used++;
	ipam_give(&s->bits, first);
	return 0;
}

int ipam6_init(struct ipam6 *s, const struct ipprefix *subnet, const struct ipaddr *gateway,
	       const struct ipprefix *range, struct err *err)
{
	char text[IPPREFIX_TEXT];
	struct ipam6 n = {.subnet = *subnet};
	ipprefix_format(subnet, text);
	if (!ipaddr_is_v6(&subnet->addr) || subnet->len < IPAM6_PREFIX_MIN ||
	    subnet->len > IPAM6_PREFIX_MAX)
		return err_set(err, -EINVAL, "the subnet '%s' must be an IPv6 one from /%d to /%d",
			       text, IPAM6_PREFIX_MIN, IPAM6_PREFIX_MAX);
	n.gateway = ipaddr_is_set(gateway) ? *gateway : ipaddr_add(&subnet->addr, 1);
	if (!ipprefix_has(subnet, &n.gateway) || ipaddr_equal(&n.gateway, &subnet->addr))
		return err_set(err, -EINVAL, "the gateway is not inside the subnet '%s'", text);
	bool narrow = ipprefix_is_set(range);
	if (narrow && (!ipprefix_has(subnet, &range->addr) || range->len < subnet->len ||
		       range->len > IPAM6_PREFIX_MAX))
		return err_set(err, -EINVAL, "the ip_range is not inside the subnet '%s'", text);
	int rc = window_init(&n, narrow ? range : subnet, err);
	if (rc == 0)
		*s = n;
	return rc;
}

void ipam6_done(struct ipam6 *s)
{
	ipam_subnet_done(&s->bits);
	map_clear(&s->fixed);
	*s = (struct ipam6){0};
}

int ipam6_take(struct ipam6 *s, struct ipaddr *ret)
{
	uint32_t n;
	int rc = ipam_take(&s->bits, &n);
	if (rc == 0)
		*ret = ipaddr_add(&s->window.addr, n - BASE);
	return rc;
}

int ipam6_take_high(struct ipam6 *s, struct ipaddr *ret)
{
	uint32_t n;
	int rc = ipam_take_high(&s->bits, &n);
	if (rc == 0)
		*ret = ipaddr_add(&s->window.addr, n - BASE);
	return rc;
}

int ipam6_take_fixed(struct ipam6 *s, const struct ipaddr *a)
{
	char key[IPADDR_TEXT];
	uint32_t n = number_of(s, a);
	if (!ipprefix_has(&s->subnet, a) || ipaddr_equal(a, &s->subnet.addr))
		return -ERANGE;
	if (ipaddr_equal(a, &s->gateway))
		return -EADDRINUSE;
	if (n)
		return ipam_take_fixed(&s->bits, n);
	ipaddr_format(a, key);
	if (map_has(&s->fixed, key))
		return -EADDRINUSE;
	map_set(&s->fixed, key, &present);
	return 0;
}

void ipam6_give(struct ipam6 *s, const struct ipaddr *a)
{
	char key[IPADDR_TEXT];
	uint32_t n = number_of(s, a);
	if (n)
		ipam_give(&s->bits, n);
	else
		map_del(&s->fixed, ipaddr_format(a, key));
}

void ipam6_mac_text(const struct ipaddr *a, char out[IPAM_MAC_TEXT])
{
	snprintf(out, IPAM_MAC_TEXT, "02:43:%02x:%02x:%02x:%02x", a->bytes[12], a->bytes[13],
		 a->bytes[14], a->bytes[15]);
}

struct ipprefix ipam6_pool_random(uint64_t random)
{
	struct ipaddr a = {.family = AF_INET6, .bytes = {0xfd}};
	for (size_t i = 1; i < 6; i++, random >>= 8)
		a.bytes[i] = (uint8_t)random;
	return ipprefix_of(&a, 48);
}

struct ipprefix ipam6_pool_nth(const struct ipprefix *pool, uint64_t n)
{
	struct ipprefix p = {0};
	if (!ipaddr_is_v6(&pool->addr) || pool->len > NET_LEN)
		return p;
	unsigned bits = NET_LEN - pool->len;
	if (bits < 64 && n >> bits)
		return p;
	struct ipaddr a = pool->addr;
	for (size_t i = 8; i-- > 0; n >>= 8)
		a.bytes[i] |= (uint8_t)n;
	return ipprefix_of(&a, NET_LEN);
}
