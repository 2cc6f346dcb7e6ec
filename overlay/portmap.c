/* SPDX-License-Identifier: Apache-2.0
 * Texts for published ports; see portmap.h. */
#include "overlay/portmap.h"

#define EXACT_MAX 8                    /* up to so many backends share evenly, */
#define MANY      PORTMAP_BACKENDS_MAX /* more share so many slots */

struct family {
	char digit;            /* of names */
	const char *ip, *addr; /* words of nft */
	const char *nfproto;
};
static const struct family families[] = {{'4', "ip", "ipv4_addr", "ipv4"},
					 {'6', "ip6", "ipv6_addr", "ipv6"}};

static const char protos[] = "meta l4proto . th dport";
static const char *const proto_names[] = {"tcp", "udp", "sctp"};

static const char *proto_name(uint8_t proto)
{
	return proto_names[proto == IPPROTO_TCP ? 0 : proto == IPPROTO_UDP ? 1 : 2];
}

static size_t pick_next(size_t n)
{
	return n < EXACT_MAX ? n + 1 : n == EXACT_MAX ? MANY : MANY + 1;
}

static void family_tables(struct str *s, const struct family *f)
{
	str_addf(s,
		 "add map inet ck_overlay gate%c { type inet_proto . inet_service : verdict; }\n"
		 "add map inet ck_overlay gate%c_at { type %s . inet_proto . inet_service : "
		 "verdict; }\n",
		 f->digit, f->digit, f->addr);
	/* nft 1.0.6 knows numgen as part of a key only beside a port of one protocol. */
	for (size_t i = 0; i < ARRAY_LEN(proto_names); i++) {
		const char *p = proto_names[i];
		str_addf(s,
			 "add map inet ck_overlay back%c_%s { typeof %s dport . numgen random mod "
			 "65536 : %s daddr . %s dport; }\n"
			 "add map inet ck_overlay back%c_%s_at { typeof %s daddr . %s dport . "
			 "numgen random mod 65536 : %s daddr . %s dport; }\n",
			 f->digit, p, p, f->ip, p, f->digit, p, f->ip, p, f->ip, p);
	}
	str_addf(s,
		 "add set inet ck_overlay far%c { type %s . inet_proto . inet_service; }\n"
		 "add set inet ck_overlay far%c_ports { type inet_proto . inet_service; }\n",
		 f->digit, f->addr, f->digit);
	for (size_t n = 1; n <= MANY; n = pick_next(n))
		str_addf(s,
			 "add chain inet ck_overlay a%c_%zu\n"
			 "add chain inet ck_overlay h%c_%zu\n",
			 f->digit, n, f->digit, n);
}

void portmap_tables(struct str *s)
{
	str_add(s,
		"add set inet ck_overlay idle { type inet_proto . inet_service; }\n"
		"add chain inet ck_overlay published\n"
		"add chain inet ck_overlay refuse\n"
		"add chain inet ck_overlay nat_in { type nat hook prerouting priority dstnat; }\n"
		"add chain inet ck_overlay nat_out { type nat hook output priority -100; }\n"
		"add chain inet ck_overlay hop_out { type filter hook postrouting priority "
		"mangle; }\n"
		"add chain inet ck_overlay way_out { type nat hook postrouting priority "
		"srcnat; }\n");
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		family_tables(s, &families[i]);
}

static void pick_rules(struct str *s, const struct family *f)
{
	for (size_t n = 1; n <= MANY; n = pick_next(n))
		for (size_t i = 0; i < ARRAY_LEN(proto_names); i++) {
			const char *p = proto_names[i];
			str_addf(s,
				 "add rule inet ck_overlay a%c_%zu dnat %s to %s dport . numgen "
				 "random mod %zu map @back%c_%s\n",
				 f->digit, n, f->ip, p, n, f->digit, p);
			str_addf(
				s,
				"add rule inet ck_overlay h%c_%zu dnat %s to %s daddr . %s dport . "
				"numgen random mod %zu map @back%c_%s_at\n",
				f->digit, n, f->ip, f->ip, p, n, f->digit, p);
		}
}

static void far_rules(struct str *s, const struct family *f, const struct ipaddr *underlay)
{
	char text[IPADDR_TEXT];
	bool own = ipaddr_is_v4(underlay) == (f->digit == '4');
	str_addf(s,
		 "add rule inet ck_overlay hop_out ct state new ct status dnat %s daddr . %s "
		 "@far%c %s dscp set %d\n",
		 f->ip, protos, f->digit, f->ip, PORTMAP_HOP);
	if (own)
		str_addf(s,
			 "add rule inet ck_overlay way_out ct status dnat %s daddr . %s @far%c "
			 "snat %s to %s\n",
			 f->ip, protos, f->digit, f->ip, ipaddr_format(underlay, text));
}

void portmap_rules(struct str *s, const struct ipaddr *underlay)
{
	str_addf(s,
		 "add rule inet ck_overlay refuse meta l4proto tcp reject with tcp reset\n"
		 "add rule inet ck_overlay refuse reject\n"
		 "add rule inet ck_overlay nat_in jump published\n"
		 "add rule inet ck_overlay nat_out ip daddr 127.0.0.0/8 %s @idle goto refuse\n"
		 "add rule inet ck_overlay nat_out ip6 daddr ::1 %s @idle goto refuse\n"
		 "add rule inet ck_overlay nat_out jump published\n"
		 /* Loopback stays out: it would need route_localnet, which opens 127.0.0.0/8. */
		 "add rule inet ck_overlay published ip daddr 127.0.0.0/8 return\n"
		 "add rule inet ck_overlay published ip6 daddr ::1 return\n"
		 "add rule inet ck_overlay published meta l4proto != { tcp, udp, sctp } return\n"
		 /* First of all: an address that a stack names may be somebody else's. */
		 "add rule inet ck_overlay published fib daddr type != local return\n"
		 "add rule inet ck_overlay published ip daddr . %s vmap @gate4_at\n"
		 "add rule inet ck_overlay published ip6 daddr . %s vmap @gate6_at\n",
		 protos, protos, protos, protos);
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		const struct family *f = &families[i];
		str_addf(s,
			 "add rule inet ck_overlay published %s dscp %d %s @far%c_ports goto "
			 "refuse\n"
			 "add rule inet ck_overlay published meta nfproto %s %s vmap @gate%c\n",
			 f->ip, PORTMAP_HOP, protos, f->digit, f->nfproto, protos, f->digit);
		far_rules(s, f, underlay);
		pick_rules(s, f);
	}
}

void portmap_flush(struct str *s)
{
	str_add(s, "flush set inet ck_overlay idle\n");
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		char d = families[i].digit;
		str_addf(s,
			 "flush map inet ck_overlay gate%c\nflush map inet ck_overlay gate%c_at\n"
			 "flush set inet ck_overlay far%c\nflush set inet ck_overlay far%c_ports\n",
			 d, d, d, d);
		for (size_t k = 0; k < ARRAY_LEN(proto_names); k++)
			str_addf(s,
				 "flush map inet ck_overlay back%c_%s\n"
				 "flush map inet ck_overlay back%c_%s_at\n",
				 d, proto_names[k], d, proto_names[k]);
	}
}

static void element(struct str *s, bool add, const char *set, char digit, const char *rest,
		    const char *key)
{
	str_addf(s, "add element inet ck_overlay %s%c%s { %s }\n", set, digit, rest, key);
	if (!add)
		str_addf(s, "delete element inet ck_overlay %s%c%s { %s }\n", set, digit, rest,
			 key);
}

static const struct ipaddr *address_of(const struct ov_backend *b, const struct family *f)
{
	const struct ipaddr *a = f->digit == '4' ? &b->ip : &b->ip6;
	return ipaddr_is_set(a) ? a : NULL;
}

struct picked { /* the backends of one family */
	const struct ov_backend *v[PORTMAP_BACKENDS_MAX];
	size_t n;
};

static void pick(struct picked *p, const struct portmap_entry *e, const struct family *f)
{
	p->n = 0;
	for (size_t i = 0; i < e->n && p->n < ARRAY_LEN(p->v); i++)
		if (address_of(&e->backends[i], f))
			p->v[p->n++] = &e->backends[i];
}

static void family_entry(struct str *s, bool add, const struct portmap_entry *e,
			 const struct family *f)
{
	struct picked p;
	char text[IPADDR_TEXT];
	auto_str gate = {0}, far = {0}, back = {0};
	pick(&p, e, f);
	/* Those of the other family only are the proxy's matter. */
	if (!p.n && e->n)
		return;
	bool at = !ipaddr_is_any(&e->host_ip);
	auto_str key = {0}, set = {0};
	if (at)
		str_addf(&key, "%s . ", ipaddr_format(&e->host_ip, text));
	str_addf(&set, "_%s%s", proto_name(e->proto), at ? "_at" : "");
	str_addf(&back, "%s%u", key.data ? key.data : "", e->port);
	str_addf(&key, "%u . %u", e->proto, e->port);
	size_t slots = p.n > EXACT_MAX ? MANY : p.n;
	if (slots)
		str_addf(&gate, "%s : goto %c%c_%zu", key.data, at ? 'h' : 'a', f->digit, slots);
	else
		str_addf(&gate, "%s : goto refuse", key.data);
	element(s, add, "gate", f->digit, at ? "_at" : "", gate.data);
	for (size_t i = 0; i < slots; i++) {
		const struct ov_backend *b = p.v[i % p.n];
		auto_str slot = {0};
		str_addf(&slot, "%s . %zu : %s . %u", back.data, i,
			 ipaddr_format(address_of(b, f), text), b->port);
		element(s, add, "back", f->digit, set.data, slot.data);
	}
	for (size_t i = 0; e->far && i < p.n; i++) {
		str_clear(&far);
		str_addf(&far, "%s . %u . %u", ipaddr_format(address_of(p.v[i], f), text), e->proto,
			 p.v[i]->port);
		element(s, add, "far", f->digit, "", far.data);
	}
	if (e->far && p.n && !at)
		element(s, add, "far", f->digit, "_ports", key.data);
}

void portmap_entry(struct str *s, bool add, const struct portmap_entry *e)
{
	bool loop = ipaddr_is_loopback(&e->host_ip);
	bool any = !ipaddr_is_set(&e->host_ip);
	for (size_t i = 0; i < ARRAY_LEN(families) && !loop; i++)
		if (any || ipaddr_is_v4(&e->host_ip) == (families[i].digit == '4'))
			family_entry(s, add, e, &families[i]);
	if (e->n || (!loop && !ipaddr_is_any(&e->host_ip)))
		return;
	str_addf(s, "add element inet ck_overlay idle { %u . %u }\n", e->proto, e->port);
	if (!add)
		str_addf(s, "delete element inet ck_overlay idle { %u . %u }\n", e->proto, e->port);
}
