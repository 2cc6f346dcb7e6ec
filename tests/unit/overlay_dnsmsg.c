/* SPDX-License-Identifier: Apache-2.0
 * DNS messages, the table of names, and resolv.conf. */
#include "base/mem.h"
#include "overlay/dnsmsg.h"
#include "overlay/names.h"
#include "overlay/resolv.h"
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A query for name; edns: the size offered, 0 without. */
static size_t query(uint8_t *out, const char *name, uint16_t type, uint16_t edns)
{
	static const uint8_t head[12] = {0x12, 0x34, 0x01, 0, 0, 1};
	memcpy(out, head, 12);
	size_t n = 12;
	while (*name) {
		size_t len = strcspn(name, ".");
		out[n++] = (uint8_t)len;
		memcpy(out + n, name, len);
		n += len;
		name += len + (name[len] == '.');
	}
	out[n++] = 0;
	out[n++] = (uint8_t)(type >> 8);
	out[n++] = (uint8_t)type;
	out[n++] = 0;
	out[n++] = 1;
	if (edns) {
		out[11] = 1;
		const uint8_t opt[11] = {0, 0, 41, (uint8_t)(edns >> 8), (uint8_t)edns};
		memcpy(out + n, opt, sizeof(opt));
		n += sizeof(opt);
	}
	return n;
}

static void test_read(void **state)
{
	(void)state;
	uint8_t m[512];
	struct dnsmsg_question q;
	size_t n = query(m, "WeB.Example", 1, 0);
	assert_int_equal(dnsmsg_read(m, n, &q), 0);
	assert_string_equal(q.name, "web.example");
	assert_int_equal(q.type, DNSMSG_A);
	assert_true(q.standard);
	assert_int_equal(q.udp_max, 512);
	n = query(m, "web", 28, 4096);
	assert_int_equal(dnsmsg_read(m, n, &q), 0);
	assert_int_equal(q.udp_max, DNSMSG_UDP_MAX);
	n = query(m, "web", 28, 100);
	assert_int_equal(dnsmsg_read(m, n, &q), 0);
	assert_int_equal(q.udp_max, 512);
}

static void test_broken(void **state)
{
	(void)state;
	uint8_t m[512];
	struct dnsmsg_question q;
	size_t n = query(m, "web", 1, 0);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(dnsmsg_read(m, cut, &q), -EINVAL);
	m[2] |= 0x80; /* an answer is no query: two resolvers must not talk for ever */
	assert_int_equal(dnsmsg_read(m, n, &q), -EINVAL);
	n = query(m, "web", 1, 0);
	m[12] = 0xc0; /* a name that points at itself */
	m[13] = 12;
	assert_int_equal(dnsmsg_read(m, n, &q), -EINVAL);
}

static struct ipaddr addr(uint32_t v)
{
	return ipaddr_v4((struct in_addr){htonl(v)});
}

static void test_write(void **state)
{
	(void)state;
	uint8_t m[512];
	struct ipaddr v[3] = {addr(1), addr(2), addr(3)};
	size_t n = query(m, "Web", 1, 0);
	struct dnsmsg_answer a =
		{.family = AF_INET, .addrs = v, .n = 3, .first = 2, .ttl = 5, .max = 512};
	auto_str out = {0};
	assert_int_equal(dnsmsg_write(m, n, &a, &out), 0);
	const uint8_t *p = (const uint8_t *)out.data;
	assert_memory_equal(p, m, 2);
	assert_int_equal(p[7], 3);
	assert_true(p[2] & 0x80);
	assert_memory_equal(p + 12, m + 12, 5); /* the question as it was written */
	assert_int_equal(p[n + 15], 3);         /* rotation: the third comes first */
	assert_true(dnsmsg_matches(m, n, p, out.len));
	m[0]++;
	assert_false(dnsmsg_matches(m, n, p, out.len));
	m[0]--;
	m[13] = 'x';
	assert_false(dnsmsg_matches(m, n, p, out.len));
}

static void test_truncated(void **state)
{
	(void)state;
	uint8_t m[512];
	struct ipaddr v[1000];
	for (uint32_t i = 0; i < 1000; i++)
		v[i] = addr(i);
	for (unsigned edns = 0; edns < 2; edns++) {
		size_t n = query(m, "web", 1, edns ? 1232 : 0);
		size_t max = edns ? 1232 : 512;
		struct dnsmsg_answer a = {.family = AF_INET, .addrs = v, .n = 1000, .max = max};
		auto_str out = {0};
		assert_int_equal(dnsmsg_write(m, n, &a, &out), 0);
		assert_true(out.len <= max && out.len > max - 64);
		assert_true(out.data[2] & 0x02);
		str_clear(&out);
		a.max = DNSMSG_MAX;
		assert_int_equal(dnsmsg_write(m, n, &a, &out), 0);
		assert_false(out.data[2] & 0x02);
		assert_true(out.len > 16000);
	}
}

/* One list has both families; each question gets its own. */
static void test_families(void **state)
{
	(void)state;
	uint8_t m[512];
	struct ipaddr v[3] = {addr(1), addr(2)};
	assert_true(ipaddr_parse("2001:db8::5", &v[2]));
	for (int six = 0; six < 2; six++) {
		size_t n = query(m, "web", six ? 28 : 1, 0);
		struct dnsmsg_answer a = {.family = six ? AF_INET6 : AF_INET,
					  .addrs = v,
					  .n = 3,
					  .first = 1,
					  .max = 512};
		auto_str out = {0};
		assert_int_equal(dnsmsg_write(m, n, &a, &out), 0);
		const uint8_t *p = (const uint8_t *)out.data;
		assert_int_equal(p[7], six ? 1 : 2);
		assert_int_equal(p[n + 3], six ? 28 : 1);
		if (six)
			assert_memory_equal(p + n + 12, v[2].bytes, 16);
	}
}

static void test_codes(void **state)
{
	(void)state;
	uint8_t m[512];
	size_t n = query(m, "web", 1, 0);
	static const int wire[] = {0, 1, 2, 3, 4};
	for (enum dnsmsg_code c = DNSMSG_OK; c <= DNSMSG_NOTIMP; c++) {
		struct dnsmsg_answer a = {.code = c, .max = 512};
		auto_str out = {0};
		assert_int_equal(dnsmsg_write(m, n, &a, &out), 0);
		assert_int_equal(out.data[3] & 15, wire[c]);
	}
}

static void test_reverse(void **state)
{
	(void)state;
	struct ipaddr ip, v6;
	assert_true(dnsmsg_reverse("3.2.1.10.in-addr.arpa", &ip));
	struct ipaddr want = addr(0x0a010203);
	assert_true(ipaddr_equal(&ip, &want));
	assert_true(
		dnsmsg_reverse("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
			       "ip6.arpa",
			       &ip));
	assert_true(ipaddr_parse("2001:db8::1", &v6) && ipaddr_equal(&ip, &v6));
	assert_false(dnsmsg_reverse("1.0.0.0.ip6.arpa", &ip));
	assert_false(dnsmsg_reverse("3.2.1.in-addr.arpa", &ip));
	assert_false(dnsmsg_reverse("3.2.1.256.in-addr.arpa", &ip));
	assert_false(dnsmsg_reverse("3.2.1.10.in-addr.arpa.x", &ip));
}

static void test_names(void **state)
{
	(void)state;
	struct names n;
	struct names_found f;
	struct ipaddr v[2] = {addr(1), addr(2)};
	names_init(&n);
	assert_false(names_find(&n, "web", &f));
	assert_int_equal(names_set(&n, "Web", v, 2, false), 0);
	assert_true(names_find(&n, "wEB.", &f));
	assert_int_equal(f.n, 2);
	size_t first = f.first;
	assert_true(names_find(&n, "web", &f));
	assert_int_not_equal(f.first, first);
	assert_string_equal(names_of(&n, &v[1]), "web");
	assert_int_equal(names_set(&n, "web", v, 1, false), 0);
	assert_true(names_find(&n, "web", &f));
	assert_int_equal(f.first, 0);
	assert_int_equal(names_set(&n, "web", NULL, 0, true), 0);
	assert_true(names_find(&n, "web", &f));
	assert_int_equal(f.n, 0);
	assert_int_equal(names_set(&n, "web", NULL, 0, false), 0);
	assert_false(names_find(&n, "web", &f));
	assert_int_equal(names_set(&n, "", v, 1, false), -EINVAL);
	names_done(&n);
}

static void test_resolv(void **state)
{
	(void)state;
	struct resolv_server v[RESOLV_SERVERS_MAX];
	assert_int_equal(resolv_parse("# nameserver 1.1.1.1\nnameserver 192.0.2.1\n"
				      "\tnameserver\t2001:db8::1 \nnameserver bad\nsearch x\n"
				      "nameserver 192.0.2.2",
				      v),
			 3);
	assert_int_equal(v[0].addr.ss_family, AF_INET);
	assert_int_equal(v[1].addr.ss_family, AF_INET6);
	auto_str many = {0};
	for (int i = 0; i < 50; i++)
		str_addf(&many, "nameserver 192.0.2.%d\n", i);
	assert_int_equal(resolv_parse(many.data, v), RESOLV_SERVERS_MAX);
	assert_int_equal(resolv_parse("", v), 0);
}

static void test_srv(void **state)
{
	static const struct dnsmsg_srv hosts[] = {{"web-1", {0}, {0}}, {"web-2", {0}, {0}}};
	struct dnsmsg_srv srv[2];
	uint8_t m[512];
	auto_str out = {0};
	(void)state;
	memcpy(srv, hosts, sizeof(srv));
	srv[0].ip = addr(0x0a000001);
	srv[1].ip = addr(0x0a000002);
	struct dnsmsg_answer a = {.ttl = 1, .max = 512, .srv = srv, .n_srv = 2, .port = 8080};
	size_t n = query(m, "_http._tcp.web", DNSMSG_SRV, 0);
	assert_int_equal(dnsmsg_write(m, n, &a, &out), 0);
	const uint8_t *p = (const uint8_t *)out.data;
	assert_int_equal(p[7], 2);  /* answers */
	assert_int_equal(p[11], 2); /* addresses of the hosts */
	assert_false(p[2] & 2);
	/* priority 0, weight 0, port, target */
	static const uint8_t want[] = {0, 0, 0, 0, 0x1f, 0x90, 5, 'w', 'e', 'b', '-', '1', 0};
	assert_non_null(memmem(out.data, out.len, want, sizeof(want)));
	str_clear(&out);
	a.max = out.len + 70; /* room for one record, and not for its address */
	assert_int_equal(dnsmsg_write(m, n, &a, &out), 0);
	p = (const uint8_t *)out.data;
	assert_int_equal(p[7], 1);
	assert_true(p[2] & 2);
	assert_true(out.len <= 70);
}

static void test_srv_names(void **state)
{
	struct names n;
	struct names_found f;
	struct ipaddr v[] = {addr(0x0a000001), addr(0x0a000002)};
	(void)state;
	names_init(&n);
	assert_int_equal(names_set_srv(&n, "_http._tcp.web", 8080, v, 2, true), 0);
	assert_int_equal(names_set(&n, "tasks.web", v, 2, true), 0);
	assert_int_equal(names_set(&n, "web-2", v + 1, 1, true), 0);
	assert_true(names_find(&n, "_HTTP._tcp.web", &f));
	assert_int_equal(f.port, 8080);
	assert_string_equal(names_of(&n, &v[0]), "tasks.web");
	assert_string_equal(names_of(&n, &v[1]), "web-2");
	names_done(&n);
}

static void test_edns_version(void **state)
{
	uint8_t m[512];
	struct dnsmsg_question q;
	auto_str out = {0};
	(void)state;
	size_t n = query(m, "web", 1, 1232);
	assert_int_equal(dnsmsg_read(m, n, &q), 0);
	assert_false(q.bad_edns);
	m[n - 5] = 1; /* the version */
	assert_int_equal(dnsmsg_read(m, n, &q), 0);
	assert_true(q.bad_edns);
	struct dnsmsg_answer a = {.code = DNSMSG_BADVERS, .max = 512};
	assert_int_equal(dnsmsg_write(m, n, &a, &out), 0);
	const uint8_t *p = (const uint8_t *)out.data;
	assert_int_equal(p[3] & 15, 0);
	assert_int_equal(p[out.len - 6], 1); /* RFC 6891 6.1.3: the upper bits of 16 */
	assert_int_equal(p[out.len - 5], 0); /* the version that is known */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),      cmocka_unit_test(test_broken),
		cmocka_unit_test(test_write),     cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_families),  cmocka_unit_test(test_codes),
		cmocka_unit_test(test_reverse),   cmocka_unit_test(test_names),
		cmocka_unit_test(test_resolv),    cmocka_unit_test(test_srv),
		cmocka_unit_test(test_srv_names), cmocka_unit_test(test_edns_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
