/* SPDX-License-Identifier: Apache-2.0
 * Networks on the physical network, with real kernel networking: two hosts and a machine that is no member
 * ("out"), each with an interface eth1 on a switch of their own. */
#include "tests/unit/overlay_hosts.h"
#include <unistd.h>

/* From the switch; a check of a host leaves the thread there. */
#define sh(...) (netns_leave(t.home), sh(__VA_ARGS__))

static struct ov_network lan;
static const struct kvlist *parents_of;

static struct ov_network lan_network(enum ov_driver driver, const char *parent)
{
	struct ov_network n = {.id = "44444444dddd",
			       .vni = 4100,
			       .subnet = prefix("192.168.7.0/24"),
			       .gateway = ip("192.168.7.1"),
			       .subnet6 = prefix("fd07::/64"),
			       .gateway6 = ip("fd07::1"),
			       .driver = driver};
	snprintf(n.parent, sizeof(n.parent), "%s", parent);
	return n;
}

static void plug(int h)
{
	assert_int_equal(sh("ip link add lan-%s type veth peer name eth1 netns %s && "
			    "ip link set lan-%s master lan up",
			    names[h], names[h], names[h]),
			 0);
}

static void reopen(int h)
{
	char run[64];
	struct err err = {0};
	snprintf(run, sizeof(run), DIR_ "/run-%s", names[h]);
	struct overlay_config c = {.run_dir = run,
				   .underlay = "und0",
				   .check_ms = 100,
				   .parents = parents_of};
	overlay_close(take_ptr(t.ov[h]));
	on(h);
	must(overlay_open(t.loop, &c, &t.ov[h], &err), &err);
}

static int set_up_lan(void **state)
{
	static struct kvlist named;
	assert_int_equal(set_up(state), 0);
	kvlist_set(&named, "office", "eth1");
	parents_of = &named;
	/* The thread is here when the hosts' checks look at it. */
	assert_int_equal(sh("sysctl -q -w net.ipv4.ip_forward=1"), 0);
	assert_int_equal(sh("ip link add lan type bridge mcast_snooping 0 && ip link set lan up"),
			 0);
	for (int h = 0; h < HOSTS; h++)
		plug(h);
	assert_int_equal(
		sh("ip -n out addr add 192.168.7.1/24 dev eth1 && ip -n out link set eth1 up && "
		   "ip -n out addr add fd07::1/64 dev eth1 nodad"),
		0);
	reopen(A);
	reopen(B);
	return 0;
}

static int tear_down_lan(void **state)
{
	(void)state;
	for (int h = 0; h < 2; h++) {
		on(h);
		overlay_close(take_ptr(t.ov[h]));
	}
	netns_leave(t.home);
	return 0;
}

/* last: of both addresses, and of the MAC with who. */
static void box(int host, int i, const char *id, uint8_t last, uint8_t who)
{
	struct ov_endpoint e = at(&lan, "192.168.7.0");
	e.ip.bytes[3] = last;
	e.ip6 = ip("fd07::");
	e.ip6.bytes[15] = last;
	e.mac[4] = who;
	e.mac[5] = last;
	make_box(host, i, id, &e, 1);
}

static void use(enum ov_driver driver, const char *parent)
{
	struct err err = {0};
	lan = lan_network(driver, parent);
	for (int h = 0; h < 2; h++)
		must(overlay_network_set(on(h), &lan, &err), &err);
}

static void leave(void)
{
	struct err err = {0};
	static const char *const ids[] = {"aaaa1", "aaaa2", "bbbb1"};
	for (int h = 0; h < 2; h++) {
		for (size_t i = 0; i < ARRAY_LEN(ids); i++)
			must(overlay_sandbox_del(on(h), ids[i], &err), &err);
		must(overlay_network_del(on(h), lan.id, &err), &err);
		assert_int_not_equal(sh("ip -n %s -o link | grep -q ' ck'", names[h]), 0);
	}
}

static int ping(const char *ns_path, const char *to)
{
	char cmd[128];
	snprintf(cmd, sizeof(cmd), "ping -q -c 1 -W 1 %s >/dev/null 2>&1", to);
	return sh_served(ns_path, cmd);
}

/* Until the check had its turns; false: never. */
static bool until(int (*f)(void))
{
	for (int i = 0; i < 50; i++) {
		if (f() == 0)
			return true;
		spin(50);
	}
	return false;
}

static int first_talks(void)
{
	return ping(t.box[0], "192.168.7.20");
}

static void all_talk(void)
{
	assert_true(until(first_talks));
	assert_int_equal(ping(t.box[0], "192.168.7.1"), 0);
	assert_int_equal(ping(t.box[1], "fd07::1"), 0);
	assert_int_equal(ping(t.box[1], "fd07::a"), 0);
	assert_int_equal(ping(DIR_ "/out", "192.168.7.10"), 0);
	assert_int_equal(ping(DIR_ "/out", "fd07::14"), 0);
	transfer(t.box[1], t.box[0], "192.168.7.20");
}

static void two_boxes(enum ov_driver driver, const char *parent)
{
	use(driver, parent);
	box(A, 0, "aaaa1", 10, 0xa);
	box(B, 1, "bbbb1", 20, 0xb);
	all_talk();
}

/* A ping with another's IP, one with another's MAC, an ARP answer for the gateway, advertisements: none
 * arrives, and the honest one does. */
static void no_spoofing(void)
{
	static const uint8_t own[6] = {2, 0x42, 192, 168, 0xa, 10},
			     other[6] = {2, 0x42, 1, 1, 1, 1};
	static const uint8_t all[6] = {255, 255, 255, 255, 255, 255},
			     group[6] = {0x33, 0x33, 0, 0, 0, 1};
	unsigned long before = icmp_in(DIR_ "/out");
	send_ping(t.box[0], own, "192.168.7.99", all, "192.168.7.1");
	send_ping(t.box[0], other, "192.168.7.10", all, "192.168.7.1");
	assert_int_equal(icmp_in(DIR_ "/out"), before);
	send_ping(t.box[0], own, "192.168.7.10", all, "192.168.7.1");
	sh("ip -n out neigh replace 192.168.7.20 lladdr 02:42:c0:a8:0b:14 dev eth1 nud reachable");
	send_arp(t.box[0], own, "192.168.7.20");
	send_arp(t.box[0], other, "192.168.7.20");
	assert_int_equal(sh("ip -n out neigh show 192.168.7.20 | grep -q 02:42:c0:a8:0b:14"), 0);
	assert_int_equal(sh("ip -n out neigh replace fd07::14 lladdr 02:42:c0:a8:0b:14 dev eth1 "
			    "nud reachable"),
			 0);
	unsigned long ra = counter6(DIR_ "/out", "Icmp6InRouterAdvertisements");
	struct icmp6 m = {.type = 134,
			  .src_mac = own,
			  .dst_mac = group,
			  .src = "fd07::a",
			  .dst = "ff02::1"};
	send_icmp6(t.box[0], "eth0", &m);
	m.type = 136;
	m.target = "fd07::14";
	send_icmp6(t.box[0], "eth0", &m);
	m.hidden = true;
	send_icmp6(t.box[0], "eth0", &m);
	assert_int_equal(counter6(DIR_ "/out", "Icmp6InRouterAdvertisements"), ra);
	assert_int_equal(sh("ip -n out neigh show fd07::14 | grep -q 02:42:c0:a8:0b:14"), 0);
}

static int a_talks(void)
{
	return ping(DIR_ "/out", "192.168.7.10");
}

static int moved(void)
{
	return sh("ip -n out neigh show 192.168.7.10 | grep -q 02:42:c0:a8:cc:0a && "
		  "ip -n out neigh show fd07::a | grep -q 02:42:c0:a8:cc:0a");
}

/* Without a packet of the task's own. */
static void follows(void)
{
	struct err err = {0};
	assert_int_equal(ping(DIR_ "/out", "192.168.7.10") + ping(DIR_ "/out", "fd07::a"), 0);
	must(overlay_sandbox_del(on(A), "aaaa1", &err), &err);
	box(B, 0, "aaaa1", 10, 0xcc);
	assert_true(until(moved));
	must(overlay_sandbox_del(on(B), "aaaa1", &err), &err);
	box(A, 0, "aaaa1", 10, 0xa);
	assert_true(until(a_talks));
}

static void mends(const char *damage)
{
	struct ov_stats before, after;
	overlay_stats(t.ov[A], &before);
	assert_int_equal(sh("%s", damage), 0);
	for (int i = 0; i < 50; i++) {
		overlay_stats(t.ov[A], &after);
		if (after.mended > before.mended)
			break;
		spin(50);
	}
	if (after.mended == before.mended || !until(a_talks))
		fail_msg("not mended: %s", damage);
}

static void restart_keeps(void)
{
	struct err err = {0};
	assert_int_equal(sh("nsenter --net=%s cat /sys/class/net/eth0/ifindex >" DIR_ "/index",
			    t.box[0]),
			 0);
	on(A);
	reopen(A);
	assert_int_equal(a_talks(), 0);
	must(overlay_network_set(on(A), &lan, &err), &err);
	box(A, 0, "aaaa1", 10, 0xa);
	assert_int_equal(sh("nsenter --net=%s cat /sys/class/net/eth0/ifindex | cmp - " DIR_
			    "/index",
			    t.box[0]),
			 0);
	spin(400);
	struct ov_stats s;
	overlay_stats(t.ov[A], &s);
	assert_int_equal(s.mended, 0);
	no_spoofing();
}

static void test_macvlan(void **state)
{
	(void)state;
	two_boxes(OV_MACVLAN, "office");
	assert_int_equal(
		sh("nsenter --net=%s ip route | grep -q 'default via 192.168.7.1 dev eth0'",
		   t.box[0]),
		0);
	assert_int_equal(sh("nsenter --net=%s ip -6 route | grep -q 'default via fd07::1 dev eth0'",
			    t.box[0]),
			 0);
	box(A, 2, "aaaa2", 11, 0xa);
	assert_int_equal(ping(t.box[0], "192.168.7.11"), 0);
	no_spoofing();
	follows();
	restart_keeps();
	leave();
}

static void test_macvlan_mending(void **state)
{
	(void)state;
	char cmd[256];
	two_boxes(OV_MACVLAN, "eth1");
	snprintf(cmd, sizeof(cmd), "nsenter --net=%s ip link del eth0", t.box[0]);
	mends(cmd);
	snprintf(cmd, sizeof(cmd), "nsenter --net=%s nft delete table netdev ck_lan", t.box[0]);
	mends(cmd);
	no_spoofing();
	mends("ip -n a link set eth1 down");
	/* The card is replaced: nothing can be done until the new one is there. */
	netns_leave(t.home);
	assert_int_equal(sh("ip -n a link del eth1"), 0);
	spin(300);
	plug(A);
	if (!until(a_talks))
		fail_msg("not on the new interface");
	no_spoofing();
	/* Under another name it goes on, and is found again. */
	assert_int_equal(sh("ip -n a link set eth1 down; ip -n a link set eth1 name lan7 up"), 0);
	spin(300);
	assert_int_equal(a_talks(), 0);
	assert_int_equal(sh("ip -n a link set lan7 down; ip -n a link set lan7 name eth1 up"), 0);
	spin(300);
	assert_int_equal(a_talks(), 0);
	leave();
}

static void test_private(void **state)
{
	(void)state;
	struct err err = {0};
	lan = lan_network(OV_MACVLAN, "eth1");
	lan.macvlan = OV_MACVLAN_PRIVATE;
	must(overlay_network_set(on(A), &lan, &err), &err);
	box(A, 0, "aaaa1", 10, 0xa);
	box(A, 2, "aaaa2", 11, 0xa);
	assert_int_equal(ping(t.box[0], "192.168.7.1"), 0);
	assert_int_not_equal(ping(t.box[0], "192.168.7.11"), 0);
	leave();
}

static void test_vlan(void **state)
{
	(void)state;
	if (sh("ip -n out link add link eth1 name v9 type vlan id 9 2>/dev/null") != 0)
		skip(); /* this kernel has no VLANs; tests/vm has */
	sh("ip -n out link del v9");
	assert_int_equal(sh("ip -n out addr flush dev eth1; ip -n out link add link eth1 name "
			    "eth1.50 type vlan id 50;"
			    "ip -n out addr add 192.168.7.1/24 dev eth1.50; ip -n out addr add "
			    "fd07::1/64 dev eth1.50 nodad;"
			    "ip -n out link set eth1.50 up"),
			 0);
	two_boxes(OV_MACVLAN, "office.50");
	assert_int_equal(sh("ip -d -n a link show eth1.50 | grep -q 'vlan protocol 802.1Q id 50'"),
			 0);
	leave();
	assert_int_not_equal(sh("ip -n a link show eth1.50 2>/dev/null"), 0);
	/* One that was there before stays. */
	assert_int_equal(sh("ip -n a link add link eth1 name eth1.50 type vlan id 50"), 0);
	two_boxes(OV_BRIDGED, "eth1.50");
	leave();
	assert_int_equal(sh("ip -n a link del eth1.50; ip -n out link del eth1.50;"
			    "ip -n out addr add 192.168.7.1/24 dev eth1; ip -n out addr add "
			    "fd07::1/64 dev eth1 nodad"),
			 0);
}

static void test_bridge(void **state)
{
	(void)state;
	two_boxes(OV_BRIDGED, "office");
	no_spoofing();
	follows();
	mends("ip -n a link set eth1 nomaster");
	mends("ip -n a link set eth1 down");
	mends("ip -n a link del $(ip -n a -br link show type bridge | cut -d' ' -f1)");
	mends("for v in $(ip -n a -br link show type veth | grep -o ckv[0-9a-f]*); do ip -n a link "
	      "set $v nomaster; done");
	netns_leave(t.home);
	assert_int_equal(sh("ip -n a link del eth1"), 0);
	spin(300);
	plug(A);
	if (!until(a_talks))
		fail_msg("not on the new interface");
	restart_keeps();
	leave();
	assert_int_not_equal(sh("ip -n a link show eth1 | grep -q master"), 0);
}

static void test_host_bridge(void **state)
{
	(void)state;
	struct ov_stats before, after;
	for (int h = 0; h < 2; h++)
		assert_int_equal(
			sh("ip -n %s link add br0 type bridge mcast_snooping 0 && ip -n %s link "
			   "set eth1 master br0 up &&"
			   "ip -n %s link set br0 up && ip -n %s addr add 192.168.7.%d/24 dev br0",
			   names[h], names[h], names[h], names[h], 2 + h),
			0);
	two_boxes(OV_BRIDGED, "br0");
	no_spoofing();
	/* The host is a machine on it, and what the bridge learned is not ours to delete. */
	assert_int_equal(ping(t.box[0], "192.168.7.2"), 0);
	assert_int_equal(ping(DIR_ "/a", "192.168.7.10"), 0);
	overlay_stats(t.ov[A], &before);
	spin(400);
	overlay_stats(t.ov[A], &after);
	assert_int_equal(after.mended, before.mended);
	leave();
	for (int h = 0; h < 2; h++)
		assert_int_equal(sh("ip -n %s link show br0 >/dev/null && ip -n %s addr show br0 | "
				    "grep -q 192.168.7.%d && ip -n %s link del br0",
				    names[h], names[h], 2 + h, names[h]),
				 0);
}

static void refused(const struct ov_network *n, const char *words)
{
	struct err err = {0};
	assert_true(overlay_network_set(on(A), n, &err) < 0);
	if (!strstr(err_text(&err), words))
		fail_msg("'%s' does not say '%s'", err_text(&err), words);
	assert_int_not_equal(sh("ip -n a -o link | grep -q ' ck'"), 0);
}

static void test_refused(void **state)
{
	(void)state;
	struct ov_network n = lan_network(OV_BRIDGED, "und0");
	refused(&n, "it has the host's address 192.0.2.1");
	assert_int_equal(sh("ip -n a link show und0 | grep -q master"), 1);
	assert_int_equal(sh("nsenter --net=" DIR_ "/a ping -q -c 1 -W 1 192.0.2.2 >/dev/null"), 0);
	n = lan_network(OV_MACVLAN, "eth7");
	refused(&n, "this host has no interface 'eth7'");
	n = lan_network(OV_MACVLAN, "eth7.12");
	refused(&n, "this host has no interface 'eth7'");
	/* macvlan is on it: no bridge, and nothing of one is left. */
	assert_int_equal(sh("ip -n a link add link eth1 name mv0 type macvlan mode bridge"), 0);
	n = lan_network(OV_BRIDGED, "eth1");
	refused(&n, "macvlan or ipvlan is in use on it");
	assert_int_equal(sh("ip -n a link del mv0"), 0);
}

static void test_parents(void **state)
{
	(void)state;
	struct kvlist can = {0}, no_bridge = {0};
	on(A);
	overlay_check(t.ov[A]);
	unsigned changes = overlay_parents_changes(t.ov[A]);
	overlay_parents(t.ov[A], &can, &no_bridge);
	assert_string_equal(kvlist_find(&can, "eth1")->v, "");
	assert_string_equal(kvlist_find(&can, "office")->v, "");
	assert_null(kvlist_find(&no_bridge, "office"));
	assert_string_equal(kvlist_find(&can, "und0")->v, "");
	assert_non_null(strstr(kvlist_get(&no_bridge, "und0"), "192.0.2.1"));
	kvlist_done(&can);
	kvlist_done(&no_bridge);
	assert_int_equal(sh("ip -n a link add br0 type bridge; ip -n a link set eth1 master br0"),
			 0);
	on(A);
	overlay_check(t.ov[A]);
	assert_int_not_equal(overlay_parents_changes(t.ov[A]), changes);
	overlay_parents(t.ov[A], &can, &no_bridge);
	assert_null(kvlist_find(&can, "office")); /* the end of somebody's container, it seems */
	assert_string_equal(kvlist_find(&can, "br0")->v, "");
	kvlist_done(&can);
	kvlist_done(&no_bridge);
	assert_int_equal(sh("ip -n a link del br0"), 0);
}

/* A task on both: ports lead to the overlay, and answers go back that way though the LAN has the default. */
static void test_both(void **state)
{
	(void)state;
	struct err err = {0};
	use(OV_MACVLAN, "eth1");
	must(overlay_network_set(on(A), &net1, &err), &err);
	struct ov_endpoint e[2] = {at(&lan, "192.168.7.10"), at(&net1, "10.1.0.5")};
	struct ov_publish p = {.host_port = 8080, .target = 80, .proto = IPPROTO_TCP};
	struct ov_sandbox s = {.id = "aaaa1",
			       .endpoints = e,
			       .n_endpoints = 2,
			       .publish = &p,
			       .n_publish = 1};
	free_and_null(&t.box[0]);
	must(overlay_sandbox_set(on(A), &s, &t.box[0], &err), &err);
	tell(A, &lan, "192.168.7.20", "192.0.2.2"); /* no peer, and no error */
	assert_int_equal(sh("nsenter --net=%s ip route get 192.0.2.3 | grep -q 'via 192.168.7.1'",
			    t.box[0]),
			 0);
	assert_int_equal(
		sh("nsenter --net=%s ip route get 192.0.2.3 from 10.1.0.5 | grep -q 'via 10.1.0.1'",
		   t.box[0]),
		0);
	s.n_endpoints = 1;
	s.id = "aaaa2";
	p.host_port = 8081;
	char *path = NULL;
	assert_true(overlay_sandbox_set(on(A), &s, &path, &err) < 0);
	assert_non_null(strstr(err_text(&err), "physical networks only"));
	must(overlay_sandbox_del(on(A), "aaaa1", &err), &err);
	must(overlay_network_del(on(A), net1.id, &err), &err);
	leave();
}

int main(int argc, char **argv)
{
	(void)argc;
	if (geteuid() != 0) {
		printf("overlay_lan: skipped, it needs root\n");
		return 0;
	}
	if (!getenv("CK_LAN_INSIDE")) {
		setenv("CK_LAN_INSIDE", "1", 1);
		execlp("unshare", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
		       "--mount-proc", argv[0], (char *)NULL);
		perror("overlay_lan: unshare");
		return 1;
	}
	if (getenv("V"))
		log_set_level(LOG_DEBUG);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_macvlan), cmocka_unit_test(test_macvlan_mending),
		cmocka_unit_test(test_private), cmocka_unit_test(test_vlan),
		cmocka_unit_test(test_bridge),  cmocka_unit_test(test_host_bridge),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_parents),
		cmocka_unit_test(test_both),
	};
	return cmocka_run_group_tests(tests, set_up_lan, tear_down_lan);
}
