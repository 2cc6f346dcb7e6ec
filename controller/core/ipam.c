/* SPDX-License-Identifier: Apache-2.0
 * Bitmaps of subnets and addresses; see ipam.h. */
#include "controller/core/ipam.h"
#include "base/mem.h"
#include "base/num.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint32_t mask_of(unsigned prefix)
{
	return prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

static uint32_t last_of(uint32_t base, unsigned prefix)
{
	return base | ~mask_of(prefix);
}

bool ipam_addr_parse(const char *text, uint32_t *ret)
{
	struct in_addr a;
	if (!text || inet_pton(AF_INET, text, &a) != 1)
		return false;
	*ret = ntohl(a.s_addr);
	return true;
}

struct ipaddr ipam_addr(uint32_t addr)
{
	return ipaddr_v4((struct in_addr){htonl(addr)});
}

void ipam_addr_text(uint32_t a, char out[IPAM_TEXT])
{
	snprintf(out, IPAM_TEXT, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

void ipam_mac_text(uint32_t a, char out[IPAM_MAC_TEXT])
{
	snprintf(out, IPAM_MAC_TEXT, "02:42:%02x:%02x:%02x:%02x", a >> 24, a >> 16 & 255,
		 a >> 8 & 255, a & 255);
}

void ipam_cidr_text(uint32_t base, unsigned prefix, char out[IPAM_TEXT])
{
	snprintf(out, IPAM_TEXT, "%u.%u.%u.%u/%u", base >> 24, base >> 16 & 255, base >> 8 & 255,
		 base & 255, prefix);
}

int ipam_cidr_parse(const char *text, uint32_t *ret_base, unsigned *ret_prefix, struct err *err)
{
	char addr[IPAM_TEXT];
	const char *slash = text ? strchr(text, '/') : NULL;
	uint32_t base;
	uint64_t prefix;
	if (!slash || (size_t)(slash - text) >= sizeof(addr))
		return err_set(err, -EINVAL, "'%s' is not a subnet; write it like 10.1.0.0/20",
			       text ? text : "");
	memcpy(addr, text, (size_t)(slash - text));
	addr[slash - text] = '\0';
	if (!ipam_addr_parse(addr, &base) || !num_parse_u64(slash + 1, 32, &prefix))
		return err_set(err, -EINVAL, "'%s' is not a subnet; write it like 10.1.0.0/20",
			       text);
	if (base & ~mask_of((unsigned)prefix))
		return err_set(err, -EINVAL, "'%s' has host bits set; the first address is wanted",
			       text);
	*ret_base = base;
	*ret_prefix = (unsigned)prefix;
	return 0;
}

bool ipam_overlap(uint32_t a, unsigned a_prefix, uint32_t b, unsigned b_prefix)
{
	uint32_t mask = mask_of(a_prefix < b_prefix ? a_prefix : b_prefix);
	return (a & mask) == (b & mask);
}

int ipam_pool_init(struct ipam_pool *p, const char *cidr, unsigned net_prefix, struct err *err)
{
	uint32_t base;
	unsigned prefix;
	int rc = ipam_cidr_parse(cidr, &base, &prefix, err);
	if (rc < 0)
		return rc;
	if (prefix < IPAM_PREFIX_MIN || net_prefix < prefix || net_prefix > IPAM_PREFIX_MAX)
		return err_set(err, -EINVAL, "the pool '%s' cannot be cut into networks of /%u",
			       cidr, net_prefix);
	uint32_t n = 1u << (net_prefix - prefix);
	*p = (struct ipam_pool){.base = base,
				.prefix = prefix,
				.net_prefix = net_prefix,
				.n_blocks = n,
				.refs = xcalloc(n, sizeof(*p->refs))};
	return 0;
}

void ipam_pool_done(struct ipam_pool *p)
{
	free(p->refs);
	*p = (struct ipam_pool){0};
}

int ipam_pool_take(struct ipam_pool *p, uint32_t *ret_base)
{
	for (uint32_t i = 0; i < p->n_blocks; i++) {
		uint32_t at = (p->cursor + i) % p->n_blocks;
		if (p->refs[at])
			continue;
		p->cursor = at + 1;
		p->refs[at] = 1;
		*ret_base = p->base + (at << (32 - p->net_prefix));
		return 0;
	}
	return -ENOSPC;
}

void ipam_pool_mark(struct ipam_pool *p, uint32_t base, unsigned prefix, bool used)
{
	if (!ipam_overlap(p->base, p->prefix, base, prefix))
		return;
	uint32_t from = base > p->base ? base : p->base;
	uint32_t to = last_of(base, prefix), end = last_of(p->base, p->prefix);
	if (to > end)
		to = end;
	uint32_t first = (from - p->base) >> (32 - p->net_prefix);
	uint32_t last = (to - p->base) >> (32 - p->net_prefix);
	for (uint32_t at = first; at <= last; at++) {
		if (used && p->refs[at] < UINT16_MAX)
			p->refs[at]++;
		else if (!used && p->refs[at])
			p->refs[at]--;
	}
}

static bool bit_get(const struct ipam_subnet *s, uint32_t i)
{
	return s->used[i / 64] >> (i % 64) & 1;
}

static void bit_set(struct ipam_subnet *s, uint32_t i)
{
	s->used[i / 64] |= (uint64_t)1 << (i % 64);
}

int ipam_subnet_init(struct ipam_subnet *s, uint32_t base, unsigned prefix, uint32_t gateway,
		     struct err *err)
{
	char text[IPAM_TEXT];
	ipam_cidr_text(base, prefix, text);
	if (prefix < IPAM_PREFIX_MIN || prefix > IPAM_PREFIX_MAX)
		return err_set(err, -EINVAL, "the subnet '%s' must be from /%d to /%d", text,
			       IPAM_PREFIX_MIN, IPAM_PREFIX_MAX);
	uint32_t end = last_of(base, prefix);
	if (!gateway)
		gateway = base + 1;
	if (gateway <= base || gateway >= end)
		return err_set(err, -EINVAL, "the gateway is not inside the subnet '%s'", text);
	uint32_t words = ((end - base) + 64) / 64;
	*s = (struct ipam_subnet){.base = base,
				  .gateway = gateway,
				  .prefix = prefix,
				  .first = base + 1,
				  .last = end - 1,
				  .cursor = base + 1,
				  .used = xcalloc(words, sizeof(*s->used))};
	bit_set(s, 0);
	bit_set(s, end - base);
	bit_set(s, gateway - base);
	return 0;
}

int ipam_subnet_range(struct ipam_subnet *s, uint32_t base, unsigned prefix, struct err *err)
{
	char text[IPAM_TEXT];
	ipam_cidr_text(base, prefix, text);
	if (prefix < s->prefix || !ipam_overlap(s->base, s->prefix, base, prefix))
		return err_set(err, -EINVAL, "the ip_range '%s' is not inside the subnet", text);
	uint32_t end = last_of(base, prefix);
	s->first = base > s->first ? base : s->first;
	s->last = end < s->last ? end : s->last;
	s->cursor = s->first;
	return 0;
}

void ipam_subnet_done(struct ipam_subnet *s)
{
	free(s->used);
	*s = (struct ipam_subnet){0};
}

/* The first free address from `from` to `to`, or 0: no network starts at 0.0.0.0. */
static uint32_t free_between(const struct ipam_subnet *s, uint32_t from, uint32_t to)
{
	for (uint32_t a = from; a <= to && a >= from;) {
		uint32_t i = a - s->base;
		uint64_t open = ~s->used[i / 64] >> (i % 64);
		if (!open) {
			a += 64 - i % 64;
			continue;
		}
		a += (uint32_t)__builtin_ctzll(open);
		return a <= to ? a : 0;
	}
	return 0;
}

int ipam_take(struct ipam_subnet *s, uint32_t *ret)
{
	if (!s->used)
		return -ENOSPC;
	uint32_t a = free_between(s, s->cursor, s->last);
	if (!a && s->cursor > s->first)
		a = free_between(s, s->first, s->cursor - 1);
	if (!a)
		return -ENOSPC;
	bit_set(s, a - s->base);
	s->n_used++;
	s->cursor = a == s->last ? s->first : a + 1;
	*ret = a;
	return 0;
}

int ipam_take_high(struct ipam_subnet *s, uint32_t *ret)
{
	if (!s->used)
		return -ENOSPC;
	for (uint32_t a = s->last; a >= s->first; a--) {
		if (bit_get(s, a - s->base))
			continue;
		bit_set(s, a - s->base);
		s->n_used++;
		*ret = a;
		return 0;
	}
	return -ENOSPC;
}

uint32_t ipam_free(const struct ipam_subnet *s)
{
	uint32_t n = 0, i = s->first - s->base, end = s->last - s->base + 1;
	while (s->used && i < end) {
		uint32_t bits = 64 - i % 64 < end - i ? 64 - i % 64 : end - i;
		uint64_t open = ~s->used[i / 64] >> (i % 64);
		if (bits < 64)
			open &= ((uint64_t)1 << bits) - 1;
		n += (uint32_t)__builtin_popcountll(open);
		i += bits;
	}
	return n;
}

int ipam_take_fixed(struct ipam_subnet *s, uint32_t addr)
{
	if (!s->used || addr <= s->base || addr >= last_of(s->base, s->prefix))
		return -ERANGE;
	if (bit_get(s, addr - s->base))
		return -EADDRINUSE;
	bit_set(s, addr - s->base);
	s->n_used++;
	return 0;
}

void ipam_give(struct ipam_subnet *s, uint32_t addr)
{
	uint32_t end = last_of(s->base, s->prefix);
	if (!s->used || addr <= s->base || addr >= end || addr == s->gateway)
		return;
	uint32_t i = addr - s->base;
	if (!bit_get(s, i))
		return;
	s->used[i / 64] &= ~((uint64_t)1 << (i % 64));
	s->n_used--;
}
