/* SPDX-License-Identifier: Apache-2.0
 * Addresses of either family; see ipaddr.h. */
#include "base/ipaddr.h"
#include "base/num.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

struct ipaddr ipaddr_v4(struct in_addr a)
{
	struct ipaddr r = {.family = AF_INET};
	memcpy(r.bytes, &a, sizeof(a));
	return r;
}

struct ipaddr ipaddr_v6(const struct in6_addr *a)
{
	struct ipaddr r = {.family = AF_INET6};
	memcpy(r.bytes, a, sizeof(*a));
	return r;
}

struct ipaddr ipaddr_any(int family)
{
	return (struct ipaddr){.family = (uint8_t)family};
}

bool ipaddr_parse(const char *text, struct ipaddr *ret)
{
	struct ipaddr a = {.family = AF_INET};
	if (!text)
		return false;
	if (inet_pton(AF_INET, text, a.bytes) != 1) {
		a.family = AF_INET6;
		if (inet_pton(AF_INET6, text, a.bytes) != 1)
			return false;
	}
	*ret = a;
	return true;
}

const char *ipaddr_format(const struct ipaddr *a, char out[IPADDR_TEXT])
{
	if (!a->family || !inet_ntop(a->family, a->bytes, out, IPADDR_TEXT))
		out[0] = '\0';
	return out;
}

bool ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

int ipaddr_compare(const struct ipaddr *a, const struct ipaddr *b)
{
	return memcmp(a, b, sizeof(*a)); /* AF_INET is below AF_INET6 */
}

bool ipaddr_is_set(const struct ipaddr *a)
{
	return a->family != 0;
}

bool ipaddr_is_v4(const struct ipaddr *a)
{
	return a->family == AF_INET;
}

bool ipaddr_is_v6(const struct ipaddr *a)
{
	return a->family == AF_INET6;
}

bool ipaddr_is_any(const struct ipaddr *a)
{
	static const uint8_t zero[IPADDR_BYTES];
	return memcmp(a->bytes, zero, sizeof(zero)) == 0;
}

bool ipaddr_is_loopback(const struct ipaddr *a)
{
	static const uint8_t one[IPADDR_BYTES] = {[IPADDR_BYTES - 1] = 1};
	if (ipaddr_is_v4(a))
		return a->bytes[0] == IN_LOOPBACKNET;
	return ipaddr_is_v6(a) && memcmp(a->bytes, one, sizeof(one)) == 0;
}

bool ipaddr_is_multicast(const struct ipaddr *a)
{
	return ipaddr_is_v4(a) ? a->bytes[0] >> 4 == 14 : ipaddr_is_v6(a) && a->bytes[0] == 0xff;
}

bool ipaddr_is_link_local(const struct ipaddr *a)
{
	if (ipaddr_is_v4(a))
		return a->bytes[0] == 169 && a->bytes[1] == 254;
	return ipaddr_is_v6(a) && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

size_t ipaddr_len(const struct ipaddr *a)
{
	return ipaddr_is_v4(a) ? 4 : ipaddr_is_v6(a) ? IPADDR_BYTES : 0;
}

unsigned ipaddr_bits(const struct ipaddr *a)
{
	return (unsigned)ipaddr_len(a) * 8;
}

struct ipaddr ipaddr_add(const struct ipaddr *a, uint64_t n)
{
	struct ipaddr r = *a;
	uint64_t carry = n;
	for (size_t i = ipaddr_len(a); i-- > 0 && carry;) {
		carry += r.bytes[i];
		r.bytes[i] = (uint8_t)carry;
		carry >>= 8;
	}
	return r;
}

socklen_t ipaddr_to_sockaddr(const struct ipaddr *a, uint16_t port, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (ipaddr_is_v4(a)) {
		struct sockaddr_in *sa = (struct sockaddr_in *)ret;
		sa->sin_family = AF_INET;
		sa->sin_port = htons(port);
		memcpy(&sa->sin_addr, a->bytes, sizeof(sa->sin_addr));
		return sizeof(*sa);
	}
	if (!ipaddr_is_v6(a))
		return 0;
	struct sockaddr_in6 *sa = (struct sockaddr_in6 *)ret;
	sa->sin6_family = AF_INET6;
	sa->sin6_port = htons(port);
	memcpy(&sa->sin6_addr, a->bytes, sizeof(sa->sin6_addr));
	return sizeof(*sa);
}

bool ipaddr_of_sockaddr(const struct sockaddr *sa, struct ipaddr *ret, uint16_t *ret_port)
{
	uint16_t port;
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)sa;
		*ret = ipaddr_v4(v4->sin_addr);
		port = ntohs(v4->sin_port);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)sa;
		*ret = ipaddr_v6(&v6->sin6_addr);
		if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
			struct in_addr a;
			memcpy(&a, ret->bytes + 12, sizeof(a));
			*ret = ipaddr_v4(a);
		}
		port = ntohs(v6->sin6_port);
	} else {
		return false;
	}
	if (ret_port)
		*ret_port = port;
	return true;
}

/* Clears the bits behind len. */
static void cut(struct ipaddr *a, unsigned len)
{
	for (size_t i = 0; i < IPADDR_BYTES; i++) {
		unsigned keep = len <= i * 8 ? 0 : len - (unsigned)i * 8;
		if (keep < 8)
			a->bytes[i] &= (uint8_t)(0xff00u >> keep);
	}
}

bool ipprefix_parse(const char *text, struct ipprefix *ret)
{
	char addr[IPADDR_TEXT];
	const char *slash = text ? strchr(text, '/') : NULL;
	struct ipaddr a;
	uint64_t len;
	if (!slash || (size_t)(slash - text) >= sizeof(addr))
		return false;
	memcpy(addr, text, (size_t)(slash - text));
	addr[slash - text] = '\0';
	if (!ipaddr_parse(addr, &a) || !num_parse_u64(slash + 1, ipaddr_bits(&a), &len))
		return false;
	*ret = ipprefix_of(&a, (unsigned)len);
	return true;
}

struct ipprefix ipprefix_of(const struct ipaddr *a, unsigned len)
{
	struct ipprefix p = {.addr = *a};
	unsigned bits = ipaddr_bits(a);
	p.len = (uint8_t)(len > bits ? bits : len);
	cut(&p.addr, p.len);
	return p;
}

const char *ipprefix_format(const struct ipprefix *p, char out[IPPREFIX_TEXT])
{
	char text[IPADDR_TEXT];
	out[0] = '\0';
	if (ipaddr_is_set(&p->addr))
		snprintf(out, IPPREFIX_TEXT, "%s/%u", ipaddr_format(&p->addr, text), p->len);
	return out;
}

bool ipprefix_is_set(const struct ipprefix *p)
{
	return ipaddr_is_set(&p->addr);
}

bool ipprefix_equal(const struct ipprefix *a, const struct ipprefix *b)
{
	return ipaddr_equal(&a->addr, &b->addr) && a->len == b->len;
}

bool ipprefix_has(const struct ipprefix *p, const struct ipaddr *a)
{
	if (!ipaddr_is_set(a) || p->addr.family != a->family)
		return false;
	struct ipaddr top = *a;
	cut(&top, p->len);
	return ipaddr_equal(&top, &p->addr);
}

bool ipprefix_overlap(const struct ipprefix *a, const struct ipprefix *b)
{
	return a->len <= b->len ? ipprefix_has(a, &b->addr) : ipprefix_has(b, &a->addr);
}
