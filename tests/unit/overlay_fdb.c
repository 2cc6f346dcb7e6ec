/* SPDX-License-Identifier: Apache-2.0
 * The comparison of forwarding entries, and the texts of rules. */
#include "overlay/fdb.h"
#include "overlay/rules.h"
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct fdb_entry tunnel(int dev, uint8_t mac, uint8_t vtep)
{
	return (struct fdb_entry){.kind = FDB_TUNNEL,
				  .dev = dev,
				  .mac = {2, 0, 0, 0, 0, mac},
				  .vtep = {AF_INET, {192, 0, 2, vtep}},
				  .fixed = true};
}

static struct fdb_entry neigh(int dev, uint8_t ip, uint8_t mac)
{
	return (struct fdb_entry){.kind = FDB_NEIGH,
				  .dev = dev,
				  .mac = {2, 0, 0, 0, 0, mac},
				  .ip = {AF_INET, {10, 0, 0, ip}},
				  .fixed = true};
}

struct lists {
	struct fdb_list want, have, set, del;
};

static void done(struct lists *l)
{
	fdb_done(&l->want);
	fdb_done(&l->have);
	fdb_done(&l->set);
	fdb_done(&l->del);
}

static void put(struct fdb_list *l, struct fdb_entry e)
{
	fdb_add(l, &e);
}

static void test_same(void **state)
{
	(void)state;
	struct lists l = {0};
	put(&l.want, tunnel(1, 1, 1));
	put(&l.want, neigh(2, 1, 1));
	put(&l.have, neigh(2, 1, 1));
	put(&l.have, tunnel(1, 1, 1));
	fdb_diff(&l.want, &l.have, &l.set, &l.del);
	assert_int_equal(l.set.n, 0);
	assert_int_equal(l.del.n, 0);
	done(&l);
}

static void test_missing_and_stray(void **state)
{
	(void)state;
	struct lists l = {0};
	put(&l.want, tunnel(1, 1, 1));
	put(&l.have, tunnel(1, 2, 1));
	put(&l.have, tunnel(2, 1, 1)); /* the same MAC on another link is another entry */
	fdb_diff(&l.want, &l.have, &l.set, &l.del);
	assert_int_equal(l.set.n, 1);
	assert_int_equal(l.del.n, 2);
	done(&l);
}

static void test_wrong_value(void **state)
{
	(void)state;
	struct lists l = {0};
	put(&l.want, neigh(1, 1, 1));
	put(&l.have, neigh(1, 1, 2));
	fdb_diff(&l.want, &l.have, &l.set, &l.del);
	assert_int_equal(l.set.n, 1); /* replaced, not deleted first: no gap */
	assert_int_equal(l.del.n, 0);
	done(&l);
}

static void test_second_destination(void **state)
{
	(void)state;
	struct lists l = {0};
	put(&l.want, tunnel(1, 1, 1));
	put(&l.have, tunnel(1, 1, 1));
	put(&l.have, tunnel(1, 1, 9));
	fdb_diff(&l.want, &l.have, &l.set, &l.del);
	assert_int_equal(l.set.n, 1);
	assert_int_equal(l.del.n, 1);
	assert_int_equal(l.del.v[0].vtep.bytes[3], 9);
	done(&l);
}

static void test_aging_entry_is_wrong(void **state)
{
	(void)state;
	struct lists l = {0};
	put(&l.want, tunnel(1, 1, 1));
	put(&l.have, tunnel(1, 1, 1));
	l.have.v[0].fixed = false;
	fdb_diff(&l.want, &l.have, &l.set, &l.del);
	assert_int_equal(l.set.n, 1);
	done(&l);
}

/* Applying the difference to any table gives the wanted one. */
static void test_random(void **state)
{
	(void)state;
	srandom(1);
	for (int round = 0; round < 2000; round++) {
		struct lists l = {0}, again = {0};
		for (int mac = 0; mac < 20; mac++) {
			if (random() % 2)
				put(&l.want, tunnel(1, (uint8_t)mac, (uint8_t)(random() % 3)));
			if (random() % 2)
				put(&l.have, tunnel(1, (uint8_t)mac, (uint8_t)(random() % 3)));
		}
		fdb_diff(&l.want, &l.have, &l.set, &l.del);
		for (size_t i = 0; i < l.have.n; i++) {
			bool gone = false;
			for (size_t j = 0; j < l.del.n + l.set.n; j++) {
				const struct fdb_entry *e =
					j < l.del.n ? &l.del.v[j] : &l.set.v[j - l.del.n];
				gone |= memcmp(e->mac, l.have.v[i].mac, 6) == 0;
			}
			if (!gone)
				put(&again.have, l.have.v[i]);
		}
		for (size_t i = 0; i < l.set.n; i++)
			put(&again.have, l.set.v[i]);
		for (size_t i = 0; i < l.want.n; i++)
			put(&again.want, l.want.v[i]);
		fdb_diff(&again.want, &again.have, &again.set, &again.del);
		assert_int_equal(again.set.n + again.del.n, 0);
		done(&l);
		done(&again);
	}
}

static void test_rules(void **state)
{
	(void)state;
	auto_str s = {0};
	struct ipaddr underlay = {AF_INET, {192, 0, 2, 1}};
	rules_base(&s, 4789, &underlay);
	assert_null(strstr(s.data, "route_localnet"));
	assert_non_null(strstr(s.data, "udp dport 4789 ip saddr != @members drop"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_missing_and_stray),
		cmocka_unit_test(test_wrong_value),
		cmocka_unit_test(test_second_destination),
		cmocka_unit_test(test_aging_entry_is_wrong),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
