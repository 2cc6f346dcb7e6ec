/* SPDX-License-Identifier: Apache-2.0
 * DNS messages over ldns; the one file that includes it. See dnsmsg.h. */
#include "overlay/dnsmsg.h"
#include "base/mem.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <string.h>

#define RECORD_BYTES 12 /* a pointer to the name, type, class, ttl, length; an address follows */

DEFINE_CLEANUP(ldns_pkt *, ldns_pkt_free);

static ldns_pkt *parse(const uint8_t *msg, size_t len)
{
	ldns_pkt *p = NULL;
	if (len < DNSMSG_HEADER || len > DNSMSG_MAX ||
	    ldns_wire2pkt(&p, msg, len) != LDNS_STATUS_OK)
		return NULL;
	return p;
}

static bool name_text(const ldns_rdf *dname, char out[256])
{
	ldns_rdf *low = ldns_rdf_clone(dname);
	if (!low)
		return false;
	ldns_dname2canonical(low);
	char *text = ldns_rdf2str(low);
	ldns_rdf_deep_free(low);
	size_t len = text ? strlen(text) : 0;
	if (len && text[len - 1] == '.')
		text[--len] = '\0';
	bool fits = text && len < 256;
	if (fits)
		memcpy(out, text, len + 1);
	free(text);
	return fits;
}

int dnsmsg_read(const uint8_t *msg, size_t len, struct dnsmsg_question *ret)
{
	auto_(ldns_pkt_free) ldns_pkt *p = parse(msg, len);
	if (!p || ldns_pkt_qr(p))
		return -EINVAL;
	struct dnsmsg_question q = {.udp_max = DNSMSG_UDP_MIN};
	if (ldns_pkt_edns(p)) {
		q.bad_edns = ldns_pkt_edns_version(p) != 0;
		size_t size = ldns_pkt_edns_udp_size(p);
		q.udp_max = size < DNSMSG_UDP_MIN   ? DNSMSG_UDP_MIN
			    : size > DNSMSG_UDP_MAX ? DNSMSG_UDP_MAX
						    : size;
	}
	if (ldns_pkt_qdcount(p) == 1) {
		const ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_question(p), 0);
		if (!rr || !ldns_rr_owner(rr) || !name_text(ldns_rr_owner(rr), q.name))
			return -EINVAL;
		q.type = (uint16_t)ldns_rr_get_type(rr);
		q.class = (uint16_t)ldns_rr_get_class(rr);
		q.standard =
			ldns_pkt_get_opcode(p) == LDNS_PACKET_QUERY && q.class == LDNS_RR_CLASS_IN;
	}
	*ret = q;
	return 0;
}

static bool push_addr(ldns_pkt *out, ldns_pkt_section section, const ldns_rdf *owner,
		      const struct ipaddr *ip, uint32_t ttl)
{
	ldns_rr *rr = ldns_rr_new();
	if (!rr)
		return false;
	bool v4 = ipaddr_is_v4(ip);
	ldns_rr_set_type(rr, v4 ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA);
	ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
	ldns_rr_set_ttl(rr, ttl);
	ldns_rr_set_owner(rr, ldns_rdf_clone(owner));
	ldns_rr_push_rdf(rr, ldns_rdf_new_frm_data(v4 ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA,
						   ipaddr_len(ip), ip->bytes));
	return ldns_pkt_push_rr(out, section, rr);
}

static bool push_ptr(ldns_pkt *out, const ldns_rdf *owner, const char *name, uint32_t ttl)
{
	ldns_rdf *target = ldns_dname_new_frm_str(name);
	ldns_rr *rr = target ? ldns_rr_new() : NULL;
	if (!rr) {
		ldns_rdf_deep_free(target);
		return false;
	}
	ldns_rr_set_type(rr, LDNS_RR_TYPE_PTR);
	ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
	ldns_rr_set_ttl(rr, ttl);
	ldns_rr_set_owner(rr, ldns_rdf_clone(owner));
	ldns_rr_push_rdf(rr, target);
	return ldns_pkt_push_rr(out, LDNS_SECTION_ANSWER, rr);
}

static ldns_rdf *number(uint16_t n)
{
	return ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, n);
}

/* The record, and the addresses of its target while there is room; false: none for the record. */
static bool push_srv(ldns_pkt *out, const ldns_rdf *owner, const struct dnsmsg_srv *s,
		     const struct dnsmsg_answer *a, size_t *used)
{
	ldns_rdf *target = ldns_dname_new_frm_str(s->target);
	size_t name = target ? ldns_rdf_size(target) : 0, size = RECORD_BYTES + 6 + name;
	ldns_rr *rr = target && *used + size <= a->max ? ldns_rr_new() : NULL;
	if (!rr) {
		ldns_rdf_deep_free(target);
		return !target; /* no name of DNS: passed over */
	}
	ldns_rr_set_type(rr, LDNS_RR_TYPE_SRV);
	ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
	ldns_rr_set_ttl(rr, a->ttl);
	ldns_rr_set_owner(rr, ldns_rdf_clone(owner));
	ldns_rr_push_rdf(rr, number(0)); /* priority, weight: all are alike */
	ldns_rr_push_rdf(rr, number(0));
	ldns_rr_push_rdf(rr, number(a->port));
	ldns_rr_push_rdf(rr, target);
	*used += size;
	bool ok = ldns_pkt_push_rr(out, LDNS_SECTION_ANSWER, rr);
	const struct ipaddr *const ips[] = {&s->ip, &s->ip6};
	for (size_t i = 0; i < 2; i++) {
		size_t more = RECORD_BYTES + name + ipaddr_len(ips[i]);
		if (!ipaddr_is_set(ips[i]) || *used + more > a->max)
			continue;
		push_addr(out, LDNS_SECTION_ADDITIONAL, target, ips[i], a->ttl);
		*used += more;
	}
	return ok;
}

/* The head of an answer: the client's id, question and wishes. */
static ldns_pkt *start(const ldns_pkt *q, enum dnsmsg_code code)
{
	static const ldns_pkt_rcode codes[] =
		{[DNSMSG_OK] = LDNS_RCODE_NOERROR,        [DNSMSG_FORMERR] = LDNS_RCODE_FORMERR,
		 [DNSMSG_SERVFAIL] = LDNS_RCODE_SERVFAIL, [DNSMSG_NXDOMAIN] = LDNS_RCODE_NXDOMAIN,
		 [DNSMSG_NOTIMP] = LDNS_RCODE_NOTIMPL,    [DNSMSG_BADVERS] = LDNS_RCODE_NOERROR};
	ldns_pkt *out = ldns_pkt_new();
	if (!out)
		return NULL;
	ldns_pkt_set_id(out, ldns_pkt_id(q));
	ldns_pkt_set_opcode(out, ldns_pkt_get_opcode(q));
	ldns_pkt_set_qr(out, true);
	ldns_pkt_set_rd(out, ldns_pkt_rd(q));
	ldns_pkt_set_ra(out, true);
	ldns_pkt_set_rcode(out, codes[code]);
	if (ldns_pkt_qdcount(q) == 1)
		ldns_pkt_push_rr(out, LDNS_SECTION_QUESTION,
				 ldns_rr_clone(ldns_rr_list_rr(ldns_pkt_question(q), 0)));
	if (ldns_pkt_edns(q))
		ldns_pkt_set_edns_udp_size(out, DNSMSG_UDP_MAX);
	if (code == DNSMSG_BADVERS) /* 16: what is above four bits stands in the EDNS record */
		ldns_pkt_set_edns_extended_rcode(out, 1);
	return out;
}

static void fill(ldns_pkt *out, const struct dnsmsg_answer *a)
{
	const ldns_rr *q = ldns_rr_list_rr(ldns_pkt_question(out), 0);
	if (!q)
		return;
	const ldns_rdf *owner = ldns_rr_owner(q);
	size_t used = DNSMSG_HEADER + ldns_rdf_size(owner) + 4 + 11 /* EDNS */;
	size_t each = RECORD_BYTES + (a->family == AF_INET6 ? IPADDR_BYTES : 4);
	size_t room = a->max > used ? (a->max - used) / each : 0;
	bool cut = a->cut;
	for (size_t i = 0; i < a->n && !cut; i++) {
		const struct ipaddr *ip = &a->addrs[(a->first + i) % a->n];
		if (ip->family != a->family)
			continue;
		cut = room == 0;
		if (!cut)
			push_addr(out, LDNS_SECTION_ANSWER, owner, ip, a->ttl);
		room--;
	}
	for (size_t i = 0; i < a->n_srv && !cut; i++)
		cut = !push_srv(out, owner, &a->srv[i], a, &used);
	ldns_pkt_set_tc(out, cut);
	if (a->ptr)
		push_ptr(out, owner, a->ptr, a->ttl);
}

int dnsmsg_write(const uint8_t *query, size_t len, const struct dnsmsg_answer *a, struct str *out)
{
	auto_(ldns_pkt_free) ldns_pkt *q = parse(query, len);
	auto_(ldns_pkt_free) ldns_pkt *p = q ? start(q, a->code) : NULL;
	if (!p)
		return -EINVAL;
	fill(p, a);
	uint8_t *wire = NULL;
	size_t size = 0;
	if (ldns_pkt2wire(&wire, p, &size) != LDNS_STATUS_OK)
		return -EINVAL;
	str_addn(out, wire, size);
	free(wire);
	return 0;
}

/* 32 nibbles, the last first: RFC 3596 2.5. */
static bool reverse6(const char *name, struct ipaddr *ret)
{
	struct ipaddr a = {.family = AF_INET6};
	for (size_t i = 0; i < 2 * IPADDR_BYTES; i++, name += 2) {
		const char *digits = "0123456789abcdef", *at = strchr(digits, name[0]);
		if (!name[0] || !at || name[1] != '.')
			return false;
		size_t byte = IPADDR_BYTES - 1 - i / 2;
		a.bytes[byte] |= (uint8_t)((unsigned)(at - digits) << (i % 2 ? 4 : 0));
	}
	if (strcmp(name, "ip6.arpa") != 0)
		return false;
	*ret = a;
	return true;
}

bool dnsmsg_reverse(const char *name, struct ipaddr *ret)
{
	if (reverse6(name, ret))
		return true;
	unsigned b[4];
	int used = 0;
	if (sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &b[0], &b[1], &b[2], &b[3], &used) !=
		    4 ||
	    used == 0 || name[used] != '\0')
		return false;
	for (size_t i = 0; i < 4; i++)
		if (b[i] > 255)
			return false;
	*ret = ipaddr_v4((struct in_addr){htonl(b[3] << 24 | b[2] << 16 | b[1] << 8 | b[0])});
	return true;
}

bool dnsmsg_matches(const uint8_t *query, size_t query_len, const uint8_t *answer, size_t len)
{
	struct dnsmsg_question want;
	auto_(ldns_pkt_free) ldns_pkt *p = parse(answer, len);
	if (!p || !ldns_pkt_qr(p) || memcmp(query, answer, 2) != 0 ||
	    dnsmsg_read(query, query_len, &want) < 0)
		return false;
	/* A refusal may come without the question. */
	if (ldns_pkt_qdcount(p) == 0)
		return ldns_pkt_get_rcode(p) != LDNS_RCODE_NOERROR;
	const ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_question(p), 0);
	char name[256];
	return ldns_pkt_qdcount(p) == 1 && rr && name_text(ldns_rr_owner(rr), name) &&
	       strcmp(name, want.name) == 0 && (uint16_t)ldns_rr_get_type(rr) == want.type;
}
