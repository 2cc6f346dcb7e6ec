/* SPDX-License-Identifier: Apache-2.0
 * The overlay on a real kernel: two hosts and a neighbour that is no member, as network namespaces on
 * one bridge, all inside a private namespace of the test. Needs root. */
#include "tests/unit/overlay_hosts.h"

/* 0: web on A, 1: peer of it on B, 2: on network 2 of A, 3: on network 2 of B, 4: internal on A. */
static void test_two_hosts(void **state)
{
	(void)state;
	struct err err = {0};
	for (int h = A; h <= B; h++) {
		must(overlay_network_set(on(h), &net1, &err), &err);
		must(overlay_network_set(on(h), &net2, &err), &err);
		must(overlay_network_set(on(h), &net3, &err), &err);
	}
	make_box(A, 0, "task0", (struct ov_endpoint[]){at(&net1, "10.1.0.2")}, 1);
	make_box(B, 1, "task1", (struct ov_endpoint[]){at(&net1, "10.1.0.3")}, 1);
	make_box(A, 2, "task2", (struct ov_endpoint[]){at(&net2, "10.1.16.2")}, 1);
	make_box(B, 3, "task3", (struct ov_endpoint[]){at(&net2, "10.1.16.3")}, 1);
	make_box(A, 4, "task4", (struct ov_endpoint[]){at(&net3, "10.1.32.2")}, 1);
	tell(A, &net1, "10.1.0.3", "192.0.2.2");
	tell(B, &net1, "10.1.0.2", "192.0.2.1");
	tell(A, &net2, "10.1.16.3", "192.0.2.2");
	tell(B, &net2, "10.1.16.2", "192.0.2.1");
	spin(20);
	assert_int_equal(sh("nsenter --net=%s ping -q -c2 -i0.1 -W5 10.1.0.3 >/dev/null", t.box[0]),
			 0);
	assert_int_equal(sh("nsenter --net=%s ping -q -c2 -i0.1 -W5 10.1.16.3 >/dev/null",
			    t.box[2]),
			 0);
	/* The host reaches its container, the container its gateway. */
	assert_int_equal(sh("nsenter --net=" DIR_ "/a ping -q -c1 -W5 10.1.0.2 >/dev/null"), 0);
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 10.1.0.1 >/dev/null", t.box[0]), 0);
	struct ov_stats s;
	overlay_stats(t.ov[A], &s);
	assert_int_equal(s.networks, 3);
	assert_int_equal(s.sandboxes, 3);
	assert_int_equal(s.peers, 2);
	assert_int_equal(s.mended, 0);
}

static void test_nothing_to_mend(void **state)
{
	(void)state;
	struct ov_stats s;
	spin(500);
	for (int h = A; h <= B; h++) {
		overlay_check(on(h));
		overlay_stats(t.ov[h], &s);
		assert_int_equal(s.mended, 0);
	}
}

static void test_mtu(void **state)
{
	(void)state;
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 -M do -s 1422 10.1.0.3 >/dev/null",
			    t.box[0]),
			 0);
	assert_int_not_equal(
		sh("nsenter --net=%s ping -q -c1 -W1 -M do -s 1423 10.1.0.3 >/dev/null 2>&1",
		   t.box[0]),
		0);
	transfer(t.box[1], t.box[0], "10.1.0.3");
}

static void test_isolation(void **state)
{
	(void)state;
	/* Neither on the same host nor across, nor from a neighbour that routes into it. */
	assert_int_not_equal(sh("nsenter --net=%s ping -q -c1 -W1 10.1.16.2 >/dev/null", t.box[0]),
			     0);
	assert_int_not_equal(sh("nsenter --net=%s ping -q -c1 -W1 10.1.16.3 >/dev/null", t.box[0]),
			     0);
	assert_int_equal(sh("ip -n out route add 10.1.0.0/20 via 192.0.2.1"), 0);
	assert_int_not_equal(sh("nsenter --net=" DIR_ "/out ping -q -c1 -W1 10.1.0.2 >/dev/null"),
			     0);
	assert_int_equal(sh("ip -n out route del 10.1.0.0/20 via 192.0.2.1"), 0);
}

static void test_way_out(void **state)
{
	(void)state;
	/* The outside knows no route back: only masquerade makes this work. */
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 192.0.2.3 >/dev/null", t.box[0]), 0);
	assert_int_not_equal(sh("nsenter --net=%s ping -q -c1 -W1 192.0.2.3 >/dev/null 2>&1",
				t.box[4]),
			     0);
}

static void test_names(void **state)
{
	(void)state;
	struct ipaddr addrs[] = {ip("10.1.0.2"), ip("10.1.0.3")};
	struct err err = {0};
	on(A);
	assert_int_equal(overlay_name_set(t.ov[A], net1.id, "Web", addrs, 2, false), 0);
	assert_int_equal(overlay_name_set(t.ov[A], net1.id, "empty", NULL, 0, true), 0);
	assert_int_equal(sh_served(t.box[0],
				   "busybox nslookup -type=a web 127.0.0.11 >" DIR_ "/n1"),
			 0);
	assert_int_equal(sh_served(t.box[0],
				   "busybox nslookup -type=a WEB. 127.0.0.11 >" DIR_ "/n2"),
			 0);
	assert_int_equal(sh("grep -q 10.1.0.2 " DIR_ "/n1 && grep -q 10.1.0.3 " DIR_ "/n1"), 0);
	assert_int_equal(sh("! cmp -s " DIR_ "/n1 " DIR_ "/n2"), 0); /* rotated */
	/* Reverse, no AAAA, unknown, and over TCP; another network does not know the name. */
	assert_int_equal(sh_served(t.box[0], "busybox nslookup -type=ptr 3.0.1.10.in-addr.arpa "
					     "127.0.0.11 | grep -q web"),
			 0);
	assert_int_equal(
		sh_served(t.box[0],
			  "busybox nslookup -type=aaaa web 127.0.0.11 | grep -qi 'NXDOMAIN'"),
		1);
	assert_int_equal(
		sh_served(t.box[0],
			  "busybox nslookup -type=a empty 127.0.0.11 2>&1 | grep -qi 'NXDOMAIN'"),
		1);
	assert_int_equal(
		sh_served(
			t.box[2],
			"timeout 5 busybox nslookup -type=a web 127.0.0.11 2>&1 | grep -q 10.1.0"),
		1);
	/* Port 53 is the container's own all the same. */
	assert_int_equal(
		sh_served(t.box[0],
			  "timeout 0.3 busybox nc -l -p 53 </dev/null; test $? = 124 -o $? = 143"),
		0);
	must(overlay_name_set(t.ov[A], net1.id, "empty", NULL, 0, false), &err);
}

static void test_upstream(void **state)
{
	(void)state;
	/* A resolver on the underlay's outside, asked from the host: any datagram's echo will not do,
	 * so it answers with a fixed message after copying the id. */
	auto_strlist servers = {0};
	strlist_add(&servers, "192.0.2.77"); /* silent */
	strlist_add(&servers, "192.0.2.3");
	struct err err = {0};
	struct ov_endpoint e = at(&net1, "10.1.0.9");
	struct ov_sandbox s = {.id = "asker", .endpoints = &e, .n_endpoints = 1, .dns = &servers};
	auto_free char *path = NULL;
	must(overlay_sandbox_set(on(A), &s, &path, &err), &err);
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(53)}, from;
	on(OUT);
	auto_close int fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	pid_t pid = fork();
	if (pid == 0) {
		for (;;) {
			uint8_t m[600];
			socklen_t len = sizeof(from);
			ssize_t n = recvfrom(fd, m, 500, 0, (struct sockaddr *)&from, &len);
			static const uint8_t rr[] = {0xc0, 12, 0, 1, 0,   1, 0,   0,
						     0,    9,  0, 4, 203, 0, 113, 7};
			m[2] |= 0x80;
			m[7] = 1;
			memcpy(m + n, rr, sizeof(rr));
			sendto(fd, m, (size_t)n + sizeof(rr), 0, (struct sockaddr *)&from, len);
		}
	}
	on(A);
	assert_int_equal(sh_served(path, "busybox nslookup -type=a www.example.com 127.0.0.11 | "
					 "grep -q 203.0.113.7"),
			 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	must(overlay_sandbox_del(on(A), "asker", &err), &err);
}

static void test_publish(void **state)
{
	(void)state;
	struct err err = {0};
	struct ov_endpoint e = at(&net1, "10.1.0.20"), e2 = at(&net1, "10.1.0.21");
	struct ov_publish p[2] = {{.host_port = 8080, .target = 80, .proto = IPPROTO_TCP},
				  {.target = 53, .proto = IPPROTO_UDP}};
	struct ov_sandbox s = {.id = "web",
			       .endpoints = &e,
			       .n_endpoints = 1,
			       .publish = p,
			       .n_publish = 2};
	auto_free char *path = NULL, *other = NULL;
	must(overlay_sandbox_set(on(A), &s, &path, &err), &err);
	assert_int_not_equal(p[1].host_port, 0);
	/* From outside, from a container of another network, of its own, and from the host; then on the
	 * host's loopback, at length and twice. */
	const char *from[] = {DIR_ "/out", t.box[2], t.box[0], DIR_ "/a"};
	pid_t server = serve_bytes(path, 80, 6, 3000000);
	for (size_t i = 0; i < ARRAY_LEN(from); i++)
		assert_true(fetches(from[i], "192.0.2.1", 8080, 3000000));
	for (int i = 0; i < 2; i++)
		assert_true(fetches(DIR_ "/a", "127.0.0.1", 8080, 3000000));
	int status;
	assert_int_equal(waitpid(server, &status, 0), server);
	assert_int_equal(status, 0);
	/* Nobody listens any more: the end comes at once. */
	assert_true(fetches(DIR_ "/a", "127.0.0.1", 8080, 0));
	/* Taken by another sandbox, and by another program. */
	struct ov_publish q = {.host_port = 8080, .target = 81, .proto = IPPROTO_TCP};
	struct ov_sandbox s2 = {.id = "web2",
				.endpoints = &e2,
				.n_endpoints = 1,
				.publish = &q,
				.n_publish = 1};
	assert_int_equal(overlay_sandbox_set(on(A), &s2, &other, &err), -EADDRINUSE);
	assert_non_null(strstr(err_text(&err), "\"web\""));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(8081)};
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	q.host_port = 8081;
	assert_int_equal(overlay_sandbox_set(on(A), &s2, &other, &err), -EADDRINUSE);
	assert_non_null(strstr(err_text(&err), "in use by another program"));
	assert_false(path_exists(DIR_ "/run-a/netns/web2"));
	close(fd);
	must(overlay_sandbox_set(on(A), &s2, &other, &err), &err);
	must(overlay_sandbox_del(on(A), "web2", &err), &err);
	must(overlay_sandbox_del(on(A), "web", &err), &err);
	must(overlay_sandbox_del(on(A), "web", &err), &err);
}

static void test_spoofing(void **state)
{
	(void)state;
	struct ov_endpoint me = at(&net1, "10.1.0.2"), victim = at(&net1, "10.1.0.3");
	static const uint8_t other[6] = {2, 0, 0, 0, 0, 9};
	unsigned long before = icmp_in(t.box[1]);
	send_ping(t.box[0], me.mac, "10.1.0.2", victim.mac, "10.1.0.3");
	assert_true(icmp_reaches(t.box[1], before + 1)); /* the honest one arrives */
	send_ping(t.box[0], other, "10.1.0.2", victim.mac, "10.1.0.3");
	send_ping(t.box[0], me.mac, "10.1.0.77", victim.mac, "10.1.0.3");
	send_ping(t.box[0], victim.mac, "10.1.0.3", victim.mac, "10.1.0.3");
	send_ping(t.box[0], me.mac, "10.1.0.2", victim.mac, "10.1.0.3");
	assert_true(icmp_reaches(t.box[1], before + 2)); /* and nothing before it */
	/* An ARP lie reaches nobody: neither a neighbour on the bridge nor the host. */
	struct ov_endpoint e = at(&net1, "10.1.0.8");
	struct ov_sandbox s = {.id = "near", .endpoints = &e, .n_endpoints = 1};
	struct err err = {0};
	auto_free char *near = NULL;
	tell(B, &net1, "10.1.0.8", "192.0.2.1");
	spin(20);
	must(overlay_sandbox_set(on(A), &s, &near, &err), &err);
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 10.1.0.3 >/dev/null", near), 0);
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 10.1.0.2 >/dev/null", near), 0);
	send_arp(t.box[0], me.mac, "10.1.0.3");
	assert_int_equal(sh("nsenter --net=%s ip neigh show 10.1.0.3 | grep -q 02:42:0a:01:00:03",
			    near),
			 0);
	assert_int_equal(sh("ip -n a neigh show 10.1.0.3 | grep -q '02:42:0a:01:00:03.*PERMANENT'"),
			 0);
	must(overlay_sandbox_del(on(A), "near", &err), &err);
}

/* VXLAN from a host that is no member, and from a container to its host, ends at the host. */
static void test_forged_vxlan(void **state)
{
	(void)state;
	static const char forge[] =
		"ip link add fx type vxlan id 4097 remote 192.0.2.1 dstport 4789 && "
		"ip link set fx address 02:42:0a:01:00:03 up && ip addr add 10.1.0.3/20 dev fx && "
		"ip neigh replace 10.1.0.2 lladdr 02:42:0a:01:00:02 dev fx nud permanent && "
		"ping -q -c1 -W1 -I fx 10.1.0.2 >/dev/null; ip link del fx";
	unsigned long before = icmp_in(t.box[0]);
	sh("nsenter --net=" DIR_ "/out sh -c '%s'", forge);
	assert_int_equal(icmp_in(t.box[0]), before);
	sh("nsenter --net=%s sh -c '%s'", t.box[2], forge);
	assert_int_equal(icmp_in(t.box[0]), before);
	/* Through the masquerade, to the other host. */
	before = icmp_in(t.box[1]);
	sh("nsenter --net=%s sh -c 'ip link add fx type vxlan id 4097 remote 192.0.2.2 dstport "
	   "4789 && "
	   "ip link set fx up && ip addr add 10.1.0.2/20 dev fx && "
	   "ip neigh replace 10.1.0.3 lladdr 02:42:0a:01:00:03 dev fx nud permanent && "
	   "ping -q -c1 -W1 -I fx 10.1.0.3 >/dev/null; ip link del fx'",
	   t.box[2]);
	assert_int_equal(icmp_in(t.box[1]), before);
}

static void expect_mended(const char *tamper, uint64_t at_least)
{
	struct ov_stats was, now;
	overlay_stats(t.ov[A], &was);
	assert_int_equal(sh("%s", tamper), 0);
	/* A check rests a hundred times as long as it took: on a busy machine it comes late. */
	unsigned waited = 0;
	do {
		spin(50);
		overlay_stats(t.ov[A], &now);
	} while (now.mended < was.mended + at_least && ++waited < 400);
	if (now.mended < was.mended + at_least)
		fail_msg("not noticed: %s", tamper);
	/* What took one check more; then once was enough. */
	overlay_check(on(A));
	overlay_stats(t.ov[A], &was);
	overlay_check(t.ov[A]);
	overlay_stats(t.ov[A], &now);
	assert_int_equal(now.mended, was.mended);
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 10.1.0.3 >/dev/null", t.box[0]), 0);
}

static void test_mending(void **state)
{
	(void)state;
	expect_mended("bridge -n a fdb del 02:42:0a:01:00:03 dev ckx-11111111 self", 1);
	expect_mended("bridge -n a fdb replace 02:42:0a:01:00:03 dev ckx-11111111 dst 192.0.2.9 "
		      "self permanent",
		      1);
	expect_mended(
		"bridge -n a fdb append 00:00:00:00:00:00 dev ckx-11111111 dst 192.0.2.3 self", 1);
	expect_mended("bridge -n a fdb del 02:42:0a:01:00:03 dev ckx-11111111 master", 1);
	expect_mended("ip -n a neigh del 10.1.0.3 dev ckb-11111111", 1);
	expect_mended("ip -n a neigh replace 10.1.0.3 lladdr 02:00:00:00:00:05 dev ckb-11111111",
		      1);
	expect_mended("ip -n a neigh replace 10.1.0.99 lladdr 02:00:00:00:00:05 dev ckb-11111111",
		      1);
	expect_mended("ip -n a link del ckx-11111111", 1);
	expect_mended("ip -n a link set ckb-11111111 down", 1);
	expect_mended("ip -n a link del ckb-11111111", 1);
	expect_mended("nsenter --net=" DIR_ "/a nft flush ruleset", 1);
	expect_mended("ip -n a addr del 10.1.0.1/20 dev ckb-11111111", 1);
	expect_mended("ip -n a addr add 10.1.0.200/20 dev ckb-11111111", 1);
	expect_mended("ip -n a link set ckx-11111111 nomaster", 1);
#define NFT_ "nsenter --net=" DIR_ "/a nft "
	expect_mended(NFT_ "flush set bridge ck_overlay source", 2);
	expect_mended(NFT_ "flush set inet ck_overlay members", 1);
	expect_mended(NFT_ "add element inet ck_overlay members { 192.0.2.77 }", 0);
	expect_mended(NFT_ "delete table bridge ck_overlay", 1);
	expect_mended(NFT_ "'add table ip strange; add chain ip strange x'", 0);
	assert_int_equal(sh(NFT_ "delete table ip strange"), 0);
	expect_mended("for l in $(ip -n a -br link show type veth | grep -o 'ckv[0-9a-f]*'); do "
		      "ip -n a link set $l nomaster; done",
		      1);
	expect_mended("for l in $(ip -n a -br link show type veth | grep -o 'ckv[0-9a-f]*'); do "
		      "ip -n a link del $l; done",
		      1);
}

/* The agent dies and comes back: traffic goes on, and what was there is adopted. */
static void test_crash(void **state)
{
	(void)state;
	struct err err = {0};
	struct ov_endpoint e = at(&net1, "10.1.0.20");
	struct ov_publish p = {.target = 80, .proto = IPPROTO_TCP};
	struct ov_sandbox s = {.id = "web",
			       .endpoints = &e,
			       .n_endpoints = 1,
			       .publish = &p,
			       .n_publish = 1};
	auto_free char *path = NULL, *again = NULL;
	must(overlay_sandbox_set(on(A), &s, &path, &err), &err);
	uint16_t port = p.host_port;
	struct ov_network left = net1, other = net1;
	left.id = "55555555dddd";
	left.vni = 4555;
	left.subnet = prefix("10.5.0.0/24");
	left.gateway = ip("10.5.0.1");
	other.id = "56565656dddd";
	other.vni = 4556;
	other.subnet = prefix("10.6.0.0/24");
	other.gateway = ip("10.6.0.1");
	must(overlay_network_set(on(A), &left, &err), &err);
	must(overlay_network_set(on(A), &other, &err), &err);
	overlay_close(take_ptr(t.ov[A]));
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 10.1.0.3 >/dev/null", t.box[0]), 0);
	open_host(A);
	spin(500); /* a check with no peers told yet */
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 10.1.0.3 >/dev/null", t.box[0]), 0);
	auto_strlist ids = {0};
	must(overlay_sandbox_list(on(A), &ids, &err), &err);
	assert_int_equal(ids.n, 4);
	must(overlay_network_set(on(A), &net1, &err), &err);
	must(overlay_network_set(on(A), &net2, &err), &err);
	tell(A, &net1, "10.1.0.3", "192.0.2.2");
	p.host_port = 0;
	must(overlay_sandbox_set(on(A), &s, &again, &err), &err);
	assert_int_equal(p.host_port, port);
	assert_string_equal(path, again);
	make_box(A, 0, "task0", (struct ov_endpoint[]){at(&net1, "10.1.0.2")}, 1);
	spin(300);
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 10.1.0.3 >/dev/null", t.box[0]), 0);
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 10.1.0.2 >/dev/null", path), 0);
	struct ov_stats stats;
	overlay_stats(t.ov[A], &stats);
	assert_int_equal(stats.mended, 0);
	/* A network of the earlier life that nobody uses makes room for one with its VNI, or its
	 * addresses; one that a container uses does not. */
	struct ov_network taker = net1;
	taker.id = "77777777eeee";
	assert_int_equal(overlay_network_set(on(A), &taker, &err), -EEXIST);
	taker.vni = left.vni;
	taker.subnet = prefix("10.9.0.0/24");
	taker.gateway = ip("10.9.0.1");
	must(overlay_network_set(on(A), &taker, &err), &err);
	assert_int_not_equal(sh("ip -n a link show ckb-55555555 >/dev/null 2>&1"), 0);
	assert_int_equal(sh("ip -n a link show ckb-56565656 >/dev/null"), 0);
	must(overlay_network_del(on(A), taker.id, &err), &err);
	taker.vni = 4700;
	taker.subnet = other.subnet;
	taker.gateway = other.gateway;
	must(overlay_network_set(on(A), &taker, &err), &err);
	assert_int_not_equal(sh("ip -n a link show ckb-56565656 >/dev/null 2>&1"), 0);
	must(overlay_network_del(on(A), taker.id, &err), &err);
	/* A sandbox of the earlier life goes without having been set in this one. */
	must(overlay_sandbox_del(on(A), "task2", &err), &err);
	must(overlay_sandbox_del(on(A), "web", &err), &err);
}

static void test_peer_moves_and_goes(void **state)
{
	(void)state;
	struct err err = {0};
	tell(A, &net1, "10.1.0.50", "192.0.2.2");
	spin(20);
	assert_int_equal(sh("bridge -n a fdb show dev ckx-11111111 | grep -q '02:42:0a:01:00:32 "
			    "dst 192.0.2.2'"),
			 0);
	tell(A, &net1, "10.1.0.50", "192.0.2.40");
	spin(20);
	assert_int_equal(sh("bridge -n a fdb show dev ckx-11111111 | grep -q '02:42:0a:01:00:32 "
			    "dst 192.0.2.40'"),
			 0);
	assert_int_equal(sh("nsenter --net=" DIR_
			    "/a nft list set inet ck_overlay members | grep -q 192.0.2.40"),
			 0);
	struct ipaddr gone = ip("10.1.0.50");
	must(overlay_peer_del(on(A), net1.id, &gone, &err), &err);
	spin(20);
	assert_int_not_equal(sh("bridge -n a fdb show | grep -q 02:42:0a:01:00:32"), 0);
	assert_int_not_equal(sh("ip -n a neigh | grep -q 10.1.0.50"), 0);
	assert_int_not_equal(sh("nsenter --net=" DIR_
				"/a nft list set inet ck_overlay members | grep -q 192.0.2.40"),
			     0);
}

static void test_two_networks_at_once(void **state)
{
	(void)state;
	struct err err = {0};
	struct ov_endpoint e[2] = {at(&net3, "10.1.32.7"), at(&net1, "10.1.0.7")};
	struct ov_sandbox s = {.id = "both", .endpoints = e, .n_endpoints = 2};
	auto_free char *path = NULL;
	must(overlay_network_set(on(A), &net3, &err), &err);
	must(overlay_sandbox_set(on(A), &s, &path, &err), &err);
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 10.1.32.2 >/dev/null", path), 0);
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 10.1.0.2 >/dev/null", path), 0);
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 192.0.2.3 >/dev/null", path), 0);
	must(overlay_sandbox_del(on(A), "both", &err), &err);
}

static void make_six(int host, const char *id, uint8_t last, char **ret)
{
	struct err err = {0};
	struct ov_network n = net1;
	n.id = "66666666dddd";
	n.vni = 4666;
	n.subnet = (struct ipprefix){0};
	n.gateway = (struct ipaddr){0};
	n.subnet6 = prefix("fd00:66::/64");
	n.gateway6 = ip("fd00:66::1");
	must(overlay_network_set(on(host), &n, &err), &err);
	struct ov_endpoint e = {.network_id = n.id,
				.ip6 = ip("fd00:66::"),
				.mac = {2, 0x42, 0, 0, 6, last},
				.ifname = "six"};
	e.ip6.bytes[15] = last;
	struct ov_sandbox s = {.id = id, .endpoints = &e, .n_endpoints = 1};
	must(overlay_sandbox_set(on(host), &s, ret, &err), &err);
	struct ov_peer p = {.ip6 = e.ip6, .vtep = ip(host == A ? "192.0.2.1" : "192.0.2.2")};
	memcpy(p.mac, e.mac, sizeof(p.mac));
	must(overlay_peer_set(on(host == A ? B : A), n.id, &p, &err), &err);
}

/* What sandbox 2 may not say to sandbox 3 of another host, and to 4 of its own. */
static void six_liar(const char *liar, const char *far)
{
	static const uint8_t me[6] = {2, 0x42, 0, 0, 6, 2}, other[6] = {2, 0x42, 0, 0, 6, 9},
			     all[6] = {0x33, 0x33, 0, 0, 0, 1}, to_far[6] = {2, 0x42, 0, 0, 6, 3},
			     to_near[6] = {2, 0x42, 0, 0, 6, 4};
	static const char *const in = "Icmp6InMsgs";
	const struct icmp6 lies[] = {
		{134, me, all, "fd00:66::2", "ff02::1", NULL, false},
		{134, me, to_near, "fd00:66::2", "fd00:66::4", NULL, true},
		{137, me, to_near, "fd00:66::1", "fd00:66::4", NULL, false},
		{136, me, all, "fd00:66::2", "ff02::1", "fd00:66::1", false},
		{136, me, to_near, "fd00:66::2", "fd00:66::4", "fd00:66::3", false},
		{136, me, to_near, "fd00:66::2", "fd00:66::4", "fd00:66::2", true},
		{136, me, to_far, "fd00:66::2", "fd00:66::3", "fd00:66::4", false},
		{128, other, to_near, "fd00:66::2", "fd00:66::4", NULL, false},
		{128, me, to_near, "fd00:66::77", "fd00:66::4", NULL, false},
		{128, me, to_far, "fd00:66::4", "fd00:66::3", NULL, false},
		{128, me, to_far, "fe80::1", "fd00:66::3", NULL, false},
	};
	struct err err = {0};
	auto_free char *near = NULL;
	make_six(A, "six-near", 4, &near);
	spin(20);
	struct icmp6 honest = {128, me, to_near, "fd00:66::2", "fd00:66::4", NULL, false};
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 fd00:66::4 >/dev/null", liar), 0);
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 fd00:66::3 >/dev/null", near), 0);
	unsigned long n = counter6(near, in), f = counter6(far, in);
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		send_icmp6(liar, "six", &lies[i]);
		send_icmp6(liar, "six", &honest); /* arrives, and nothing before it */
		assert_true(counter6_reaches(near, in, ++n));
		assert_int_equal(counter6(far, in), f);
	}
	assert_int_equal(sh("nsenter --net=%s ip -6 route | grep -c default | grep -qx 1", near),
			 0);
	must(overlay_sandbox_del(on(A), "six-near", &err), &err);
}

/* A network of IPv6 alone: across the hosts, to the gateway and, mended, again. */
static void test_ipv6(void **state)
{
	(void)state;
	struct err err = {0};
	auto_free char *a = NULL, *b = NULL, *again = NULL;
	struct ov_network n = net1;
	n.id = "66666666dddd";
	n.vni = 4666;
	n.subnet6 = prefix("fd00:66::/64");
	n.gateway6 = ip("fd00:66::1");
	must(overlay_network_set(on(B), &n, &err), &err); /* both families, then one */
	make_six(A, "six-a", 2, &a);
	make_six(B, "six-b", 3, &b);
	make_six(A, "six-a", 2, &again);
	spin(20);
	struct ov_stats first,
		second; /* one family is what B has now, with nothing left of the other */
	overlay_check(on(B));
	overlay_stats(t.ov[B], &first);
	overlay_check(t.ov[B]);
	overlay_stats(t.ov[B], &second);
	assert_int_equal(first.mended, 0);
	assert_int_equal(second.mended, 0);
	assert_int_equal(sh("nsenter --net=%s ping -q -c2 -i0.1 -W5 fd00:66::3 >/dev/null", a), 0);
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 fd00:66::1 >/dev/null", b), 0);
	assert_int_equal(sh("nsenter --net=%s ip -6 addr show dev six | grep -c inet6 | grep -qx 1",
			    a),
			 0);
	assert_int_equal(sh("ip -n a -6 neigh del fd00:66::3 dev ckb-66666666 && "
			    "ip -n a -6 addr del fd00:66::1/64 dev ckb-66666666"),
			 0);
	for (int i = 0; i < 50; i++) { /* the check's turn, and until the address is usable */
		spin(200);
		if (sh("nsenter --net=%s ping -q -c1 -W1 fd00:66::1 >/dev/null", a) == 0)
			break;
	}
	struct ov_stats before, after;
	spin(500);
	overlay_stats(t.ov[A], &before);
	spin(500);
	overlay_stats(t.ov[A], &after);
	assert_int_equal(before.mended, after.mended); /* and once was enough */
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 fd00:66::3 >/dev/null", a), 0);
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 fd00:66::1 >/dev/null", a), 0);
	six_liar(a, b);
	must(overlay_sandbox_del(on(A), "six-a", &err), &err);
	must(overlay_sandbox_del(on(B), "six-b", &err), &err);
	for (int h = A; h <= B; h++)
		must(overlay_network_del(on(h), "66666666dddd", &err), &err);
}

static void test_bad_input(void **state)
{
	(void)state;
	struct err err = {0};
	auto_free char *path = NULL;
	struct ov_network n = net1;
	n.id = "../../etc";
	assert_int_equal(overlay_network_set(on(A), &n, &err), -EINVAL);
	n.id = "11111111ffff"; /* the same link names */
	n.vni = 77;
	assert_int_equal(overlay_network_set(on(A), &n, &err), -EEXIST);
	struct ov_endpoint e = at(&net1, "10.9.0.2");
	struct ov_sandbox s = {.id = "x", .endpoints = &e, .n_endpoints = 1};
	assert_int_equal(overlay_sandbox_set(on(A), &s, &path, &err), -EINVAL);
	s.id = "../x";
	assert_int_equal(overlay_sandbox_set(on(A), &s, &path, &err), -EINVAL);
	assert_int_equal(overlay_network_del(on(A), net1.id, &err), -EBUSY);
	struct kvlist sysctls = {0};
	kvlist_set(&sysctls, "kernel.hostname", "evil");
	e = at(&net1, "10.1.0.60");
	s.id = "y";
	s.sysctls = &sysctls;
	assert_int_equal(overlay_sandbox_set(on(A), &s, &path, &err), -EINVAL);
	assert_false(path_exists(DIR_ "/run-a/netns/y"));
	kvlist_done(&sysctls);
}

static void test_wipe(void **state)
{
	(void)state;
	struct err err = {0};
	for (int h = A; h <= B; h++) {
		must(overlay_wipe(on(h), &err), &err);
		assert_int_not_equal(sh("ip -n %s link | grep -q ' ck'", names[h]), 0);
		assert_int_equal(sh("test -z \"$(nsenter --net=" DIR_ "/%s nft list ruleset)\"",
				    names[h]),
				 0);
		assert_int_not_equal(sh("grep -q run-%s/netns /proc/mounts", names[h]), 0);
		assert_int_not_equal(sh("test -e " DIR_ "/run-%s/netns", names[h]), 0);
		overlay_close(take_ptr(t.ov[h]));
	}
}

static int tear_down(void **state)
{
	(void)state;
	netns_leave(t.home);
	for (int h = 0; h < HOSTS; h++)
		close(t.ns[h]);
	close(t.home);
	for (size_t i = 0; i < ARRAY_LEN(t.box); i++)
		free(t.box[i]);
	loop_free(t.loop);
	return 0;
}

int main(int argc, char **argv)
{
	(void)argc;
	if (geteuid() != 0) {
		printf("overlay_live: skipped, it needs root\n");
		return 0;
	}
	if (!getenv("CK_LIVE_INSIDE")) {
		setenv("CK_LIVE_INSIDE", "1", 1);
		execlp("unshare", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
		       "--mount-proc", argv[0], (char *)NULL);
		perror("overlay_live: unshare");
		return 1;
	}
	if (getenv("V"))
		log_set_level(LOG_DEBUG);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_hosts),
		cmocka_unit_test(test_nothing_to_mend),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_isolation),
		cmocka_unit_test(test_way_out),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_upstream),
		cmocka_unit_test(test_publish),
		cmocka_unit_test(test_spoofing),
		cmocka_unit_test(test_forged_vxlan),
		cmocka_unit_test(test_mending),
		cmocka_unit_test(test_crash),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_peer_moves_and_goes),
		cmocka_unit_test(test_two_networks_at_once),
		cmocka_unit_test(test_bad_input),
		cmocka_unit_test(test_wipe),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
