/* SPDX-License-Identifier: Apache-2.0
 * DNS messages: reading a question and writing an answer (ldns behind it). Pure. */
#pragma once
#include "base/ipaddr.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNSMSG_HEADER  12
#define DNSMSG_UDP_MIN 512
#define DNSMSG_UDP_MAX 1232 /* what we send at most over UDP, whatever the client allows */
#define DNSMSG_MAX     65535

enum dnsmsg_code {
	DNSMSG_OK,
	DNSMSG_FORMERR,
	DNSMSG_SERVFAIL,
	DNSMSG_NXDOMAIN,
	DNSMSG_NOTIMP,
	DNSMSG_BADVERS /* RFC 6891 6.1.3 */
};
enum dnsmsg_type { DNSMSG_A = 1, DNSMSG_PTR = 12, DNSMSG_AAAA = 28, DNSMSG_SRV = 33 };

struct dnsmsg_question {
	char name[256]; /* lower case, no dot at the end; "" is the root */
	uint16_t type, class;
	size_t udp_max; /* bytes that the client takes over UDP */
	bool standard;  /* a query with one question of class IN */
	bool bad_edns;  /* of a version of EDNS that is not known here */
};
/* -EINVAL: not a query, or too broken to answer (drop it). */
int dnsmsg_read(const uint8_t *msg, size_t len, struct dnsmsg_question *ret);

struct dnsmsg_srv { /* RFC 2782: a host, and its addresses as additional records */
	const char *target;
	struct ipaddr ip, ip6; /* one may be none */
};

struct dnsmsg_answer {
	enum dnsmsg_code code;
	int family; /* AF_INET: A records, AF_INET6: AAAA; the other family's are passed over */
	const struct ipaddr *addrs; /* from first and around */
	size_t n, first;
	const char *ptr; /* one PTR record; NULL: none */
	const struct dnsmsg_srv *srv;
	size_t n_srv;
	uint16_t port; /* of all srv */
	uint32_t ttl;
	size_t max; /* bytes; a longer answer is cut at a record and marked so */
	bool cut;   /* marked as cut in any case */
};
/* Appends the whole answer to query; -EINVAL if that cannot be read. */
int dnsmsg_write(const uint8_t *query, size_t len, const struct dnsmsg_answer *a, struct str *out);
/* The address in a name below in-addr.arpa or ip6.arpa. */
bool dnsmsg_reverse(const char *name, struct ipaddr *ret);
/* True if answer is a response to query: same id, question and type. */
bool dnsmsg_matches(const uint8_t *query, size_t query_len, const uint8_t *answer, size_t len);
