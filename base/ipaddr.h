/* SPDX-License-Identifier: Apache-2.0
 *
 * IP addresses and prefixes of either family, as plain values: no padding, so two are the same when
 * their bytes are, and zero is "none". Bytes are in network order; an IPv4 address has the first four.
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define IPADDR_TEXT   INET6_ADDRSTRLEN
#define IPPREFIX_TEXT (INET6_ADDRSTRLEN + 4) /* "/128" */
#define IPADDR_BYTES  16

struct ipaddr {
	uint8_t family; /* AF_INET, AF_INET6; 0: none */
	uint8_t bytes[IPADDR_BYTES];
};

struct ipprefix {
	struct ipaddr addr; /* the first address: host bits are clear */
	uint8_t len;        /* bits */
};

struct ipaddr ipaddr_v4(struct in_addr a);
struct ipaddr ipaddr_v6(const struct in6_addr *a);
struct ipaddr ipaddr_any(int family); /* 0.0.0.0 or :: */
/* Plain "192.0.2.1" or "2001:db8::1", no zone, no port; false (ret untouched): neither. NULL is. */
bool ipaddr_parse(const char *text, struct ipaddr *ret);
/* RFC 5952 text, "" for none; returns out. */
const char *ipaddr_format(const struct ipaddr *a, char out[IPADDR_TEXT]);
bool ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b);
int ipaddr_compare(const struct ipaddr *a, const struct ipaddr *b); /* none, IPv4, IPv6; bytes */
bool ipaddr_is_set(const struct ipaddr *a);
bool ipaddr_is_v4(const struct ipaddr *a);
bool ipaddr_is_v6(const struct ipaddr *a);
bool ipaddr_is_any(const struct ipaddr *a); /* none, 0.0.0.0 or :: */
bool ipaddr_is_loopback(const struct ipaddr *a);
bool ipaddr_is_multicast(const struct ipaddr *a);
bool ipaddr_is_link_local(const struct ipaddr *a);
size_t ipaddr_len(const struct ipaddr *a);    /* bytes: 4, 16, or 0 for none */
unsigned ipaddr_bits(const struct ipaddr *a); /* 32, 128, or 0 for none */
/* The address plus n (of its last 64 bits); wraps. */
struct ipaddr ipaddr_add(const struct ipaddr *a, uint64_t n);

/* Fills ret and returns its length for bind and connect; 0 for none. */
socklen_t ipaddr_to_sockaddr(const struct ipaddr *a, uint16_t port, struct sockaddr_storage *ret);
/* The address of a socket's address; false: neither family. An IPv4-mapped one becomes IPv4. */
bool ipaddr_of_sockaddr(const struct sockaddr *sa, struct ipaddr *ret, uint16_t *ret_port);

/* "10.0.0.0/8", "fd00::/64"; bits behind the length are cleared. false (ret untouched): no prefix. */
bool ipprefix_parse(const char *text, struct ipprefix *ret);
/* The prefix of a and len; bits behind it are cleared. */
struct ipprefix ipprefix_of(const struct ipaddr *a, unsigned len);
const char *ipprefix_format(const struct ipprefix *p, char out[IPPREFIX_TEXT]); /* "" for none */
bool ipprefix_is_set(const struct ipprefix *p);
bool ipprefix_equal(const struct ipprefix *a, const struct ipprefix *b);
bool ipprefix_has(const struct ipprefix *p, const struct ipaddr *a); /* false for another family */
bool ipprefix_overlap(const struct ipprefix *a, const struct ipprefix *b);
