/* SPDX-License-Identifier: Apache-2.0
 * The fast path on a real kernel: what goes past the bridges, what must not, and that the check mends
 * what someone took away or falsified. Needs root. */
#include "overlay/fastbpf.h"
#include "overlay/fastpath.h"
#include "overlay/fastrows.h"
#include "overlay/host.h"
#include "tests/unit/overlay_hosts.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static struct ov_network net6;

static struct ov_fast counted(int host)
{
	struct ov_fast f = {0};
	assert_true(overlay_fast(t.ov[host], &f));
	return f;
}

static bool pings(const char *ns_path, const char *to)
{
	return sh("nsenter --net=%s ping -q -c2 -i0.05 -W5 %s >/dev/null 2>&1", ns_path, to) == 0;
}

static uint64_t unwrapped(int host) /* where they arrived on the underlay's link */
{
	uint64_t v[FAST_COUNTS];
	fastbpf_counts(t.ov[host]->fast->bpf, v);
	return v[FAST_IN_UNDERLAY];
}

/* 0 and 1 on network 1 of A and B, 2 and 3 on A's, 4 on B's network 2. */
static void test_goes_past_the_bridges(void **state)
{
	(void)state;
	struct err err = {0};
	for (int h = A; h <= B; h++) {
		must(overlay_network_set(on(h), &net1, &err), &err);
		must(overlay_network_set(on(h), &net2, &err), &err);
	}
	make_box(A, 0, "task0", (struct ov_endpoint[]){at(&net1, "10.1.0.2")}, 1);
	make_box(B, 1, "task1", (struct ov_endpoint[]){at(&net1, "10.1.0.3")}, 1);
	make_box(A, 2, "task2", (struct ov_endpoint[]){at(&net1, "10.1.0.4")}, 1);
	make_box(A, 3, "task3", (struct ov_endpoint[]){at(&net2, "10.1.16.2")}, 1);
	make_box(B, 4, "task4", (struct ov_endpoint[]){at(&net2, "10.1.16.3")}, 1);
	tell(A, &net1, "10.1.0.3", "192.0.2.2");
	tell(B, &net1, "10.1.0.2", "192.0.2.1");
	tell(B, &net1, "10.1.0.4", "192.0.2.1");
	tell(A, &net2, "10.1.16.3", "192.0.2.2");
	tell(B, &net2, "10.1.16.2", "192.0.2.1");
	spin(20);
	struct ov_fast was = counted(A), far = counted(B);
	assert_true(pings(t.box[0], "10.1.0.3"));
	struct ov_fast now = counted(A);
	assert_true(now.sent >= was.sent + 2 && now.received >= was.received + 2);
	assert_int_equal(now.local, was.local);
	assert_true(counted(B).received >= far.received + 2);
	assert_true(pings(t.box[0], "10.1.0.4"));
	assert_true(counted(A).local >= now.local + 4);
	assert_true(pings(t.box[0], "10.1.0.1")); /* the gateway, by the bridge */
	struct ov_stats s;
	spin(250);
	overlay_stats(t.ov[A], &s);
	assert_int_equal(s.mended, 0);
}

static void test_full_size(void **state)
{
	(void)state;
	static const char *const to[] = {"10.1.0.3", "10.1.0.4"};
	for (size_t i = 0; i < ARRAY_LEN(to); i++) {
		assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 -M do -s 1422 %s >/dev/null",
				    t.box[0], to[i]),
				 0);
		/* Fragments, in and out of the same way. */
		assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 -s 9000 %s >/dev/null",
				    t.box[0], to[i]),
				 0);
		/* A container that makes its frames too long gains nothing. */
		assert_int_equal(sh("nsenter --net=%s ip link set eth0 mtu 1500", t.box[0]), 0);
		assert_int_not_equal(
			sh("nsenter --net=%s ping -q -c1 -W1 -M do -s 1472 %s >/dev/null 2>&1",
			   t.box[0], to[i]),
			0);
		assert_int_equal(sh("nsenter --net=%s ip link set eth0 mtu 1450", t.box[0]), 0);
	}
	for (int i = 1; i <= 2; i++)
		transfer(t.box[i], t.box[0], to[i - 1]);
}

static void test_forging_goes_nowhere(void **state)
{
	(void)state;
	struct ov_endpoint me = at(&net1, "10.1.0.2"), near = at(&net1, "10.1.0.4");
	struct ov_endpoint far = at(&net1, "10.1.0.3"), other = at(&net2, "10.1.16.2");
	static const uint8_t nobody[6] = {2, 0, 0, 0, 0, 9};
	const struct {
		const char *ns;
		const uint8_t *mac;
		const char *ip;
	} to[] = {{t.box[1], far.mac, "10.1.0.3"}, {t.box[2], near.mac, "10.1.0.4"}};
	for (size_t i = 0; i < ARRAY_LEN(to); i++) {
		unsigned long before = icmp_in(to[i].ns);
		send_ping(t.box[0], me.mac, "10.1.0.2", to[i].mac, to[i].ip);
		assert_true(icmp_reaches(to[i].ns, before + 1));
		send_ping(t.box[0], nobody, "10.1.0.2", to[i].mac, to[i].ip);
		send_ping(t.box[0], me.mac, "10.1.0.77", to[i].mac, to[i].ip);
		send_ping(t.box[0], to[i].mac, to[i].ip, to[i].mac, to[i].ip);
		send_ping(t.box[0], me.mac, "10.1.0.2", to[i].mac, to[i].ip);
		assert_true(icmp_reaches(to[i].ns, before + 2)); /* and nothing before it */
	}
	/* Another network's MAC is nobody's here. */
	unsigned long before = icmp_in(t.box[3]);
	send_ping(t.box[0], me.mac, "10.1.0.2", other.mac, "10.1.16.2");
	assert_int_equal(icmp_in(t.box[3]), before);
}

/* VXLAN that says what: vni and who it is from and for, out of the neighbour that is no member or out of
 * a member that does not have the source. */
static void forge(const char *host, unsigned vni, const char *from, const char *from_mac,
		  const char *to, const char *to_mac)
{
	sh("nsenter --net=" DIR_ "/%s sh -c 'ip link add fx type vxlan id %u remote 192.0.2.1 "
	   "dstport 4789 && ip link set fx address %s up && ip addr add %s/32 dev fx && "
	   "ip route add %s/32 dev fx src %s && ip neigh replace %s lladdr %s dev fx nud permanent "
	   "&& "
	   "ping -q -c2 -i0.05 -W0.2 -I fx %s >/dev/null; ip link del fx'",
	   host, vni, from_mac, from, to, from, to, to_mac, to);
}

static void test_forged_vxlan(void **state)
{
	(void)state;
	unsigned long before = icmp_in(t.box[0]);
	struct ov_fast was = counted(A);
	forge("out", net1.vni, "10.1.0.3", "02:42:0a:01:00:03", "10.1.0.2", "02:42:0a:01:00:02");
	assert_int_equal(icmp_in(t.box[0]), before);
	assert_int_equal(counted(A).received, was.received);
}

/* What is said to be elsewhere is not taken on the underlay's link from here, and what has no host at
 * all (of an encrypted network) from nobody; the stack decides. */
static void test_taken_from_its_host_only(void **state)
{
	(void)state;
	static const char *const vteps[] = {"192.0.2.9", NULL};
	struct ov_endpoint far = at(&net1, "10.1.0.3");
	struct fast_mac key = {.vni = net1.vni};
	struct fast_dest right, wrong;
	memcpy(key.mac, far.mac, 6);
	assert_int_equal(fastbpf_get(t.ov[A]->fast->bpf, FASTBPF_DESTS, &key, &right), 0);
	for (size_t i = 0; i < ARRAY_LEN(vteps); i++) {
		wrong = right;
		struct ipaddr elsewhere = {0};
		if (vteps[i])
			elsewhere = ip(vteps[i]);
		wrong.vtep = fastrows_addr(&elsewhere);
		assert_int_equal(fastbpf_put(t.ov[A]->fast->bpf, FASTBPF_DESTS, &key, &wrong), 0);
		uint64_t before = unwrapped(A);
		assert_true(pings(t.box[1], "10.1.0.2"));
		assert_int_equal(unwrapped(A), before);
	}
	assert_int_equal(fastbpf_put(t.ov[A]->fast->bpf, FASTBPF_DESTS, &key, &right), 0);
	uint64_t before = unwrapped(A);
	assert_true(pings(t.box[1], "10.1.0.2"));
	assert_true(unwrapped(A) >= before + 2);
}

/* To all on this host, by the bridge; and to nobody of another network. */
static void test_to_all(void **state)
{
	(void)state;
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
			     group[6] = {1, 0, 0x5e, 0, 0, 1};
	struct ov_endpoint me = at(&net1, "10.1.0.2");
	unsigned long near = icmp_in(t.box[2]), other = icmp_in(t.box[3]);
	send_ping(t.box[0], me.mac, "10.1.0.2", all, "10.1.15.255");
	assert_true(icmp_reaches(t.box[2], near + 1));
	send_ping(t.box[0], me.mac, "10.1.0.2", group, "224.0.0.1");
	assert_true(icmp_reaches(t.box[2], near + 2));
	send_ping(t.box[0], me.mac, "10.1.0.77", all, "10.1.15.255"); /* not its own address */
	send_ping(t.box[0], me.mac, "10.1.0.2", all, "10.1.15.255");
	assert_true(icmp_reaches(t.box[2], near + 3));
	assert_int_equal(icmp_in(t.box[3]), other);
}

/* An address moves from B to A and back, in either order of what is told. */
static void test_moves(void **state)
{
	(void)state;
	struct err err = {0};
	struct ov_endpoint e = at(&net1, "10.1.0.5");
	struct ov_sandbox s = {.id = "mover", .endpoints = &e, .n_endpoints = 1};
	auto_free char *there = NULL, *here = NULL;
	struct ov_stats stats;
	must(overlay_sandbox_set(on(B), &s, &there, &err), &err);
	tell(A, &net1, "10.1.0.5", "192.0.2.2");
	spin(20);
	struct ov_fast was = counted(A);
	assert_true(pings(t.box[0], "10.1.0.5"));
	assert_true(counted(A).sent >= was.sent + 2);
	/* Here before it is said to be gone there. */
	must(overlay_sandbox_set(on(A), &s, &here, &err), &err);
	must(overlay_peer_del(on(A), net1.id, &e.ip, &err), &err);
	must(overlay_sandbox_del(on(B), "mover", &err), &err);
	tell(B, &net1, "10.1.0.5", "192.0.2.1");
	spin(20);
	was = counted(A);
	assert_true(pings(t.box[0], "10.1.0.5"));
	assert_true(pings(t.box[1], "10.1.0.5"));
	assert_true(counted(A).local >= was.local + 2 && counted(A).received >= was.received + 2);
	overlay_check(on(A));
	overlay_stats(t.ov[A], &stats);
	assert_int_equal(stats.mended, 0);
	/* There before it is gone here. */
	tell(A, &net1, "10.1.0.5", "192.0.2.2");
	must(overlay_peer_del(on(B), net1.id, &e.ip, &err), &err);
	free_and_null(&there);
	must(overlay_sandbox_set(on(B), &s, &there, &err), &err);
	must(overlay_sandbox_del(on(A), "mover", &err), &err);
	spin(20);
	was = counted(A);
	assert_true(pings(t.box[0], "10.1.0.5"));
	assert_true(counted(A).sent >= was.sent + 2);
	overlay_check(on(A));
	overlay_stats(t.ov[A], &stats);
	assert_int_equal(stats.mended, 0);
	must(overlay_peer_del(on(A), net1.id, &e.ip, &err), &err);
	must(overlay_sandbox_del(on(B), "mover", &err), &err);
	spin(20);
	overlay_check(on(A));
	overlay_stats(t.ov[A], &stats);
	assert_int_equal(stats.mended, 0);
}

static void expect_mended(const char *tamper, uint64_t at_least)
{
	struct ov_stats was, now;
	overlay_stats(t.ov[A], &was);
	assert_int_equal(sh("%s", tamper), 0);
	unsigned waited = 0;
	do {
		spin(100);
		overlay_stats(t.ov[A], &now);
	} while (now.mended < was.mended + at_least && ++waited < 200);
	if (now.mended < was.mended + at_least)
		fail_msg("not noticed: %s", tamper);
	struct ov_fast before = counted(A);
	assert_true(pings(t.box[0], "10.1.0.3"));
	assert_true(pings(t.box[0], "10.1.0.4"));
	struct ov_fast after = counted(A);
	assert_true(after.sent >= before.sent + 2 && after.received >= before.received + 2 &&
		    after.local >= before.local + 4);
}

static void take_text(const char *id, const char *text, void *arg)
{
	(void)id;
	const char **want = arg;
	if (*want && strstr(text, *want))
		*want = NULL;
}

/* Whether a comparison without mending, in a process of its own, says so. */
static bool compare_tells(const char *want)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		_exit(overlay_compare(on(A), take_text, &want, NULL) < 0 || want);
	waitpid(pid, &status, 0);
	return status == 0;
}

static void test_mending(void **state)
{
	(void)state;
	expect_mended("for l in $(ip -n a -br link show type veth | grep -o 'ckv[0-9a-f]*'); do tc "
		      "-n a qdisc del dev $l clsact; done",
		      3);
	expect_mended("tc -n a filter del dev ckx-11111111 ingress", 1);
	expect_mended("tc -n a filter del dev und0 ingress", 1);
	expect_mended("tc -n a qdisc del dev und0 clsact", 1);
	/* A record that leads elsewhere, one that is gone, and one that nobody asked for. */
	struct fast_mac key = {.vni = net1.vni};
	struct fast_dest d = {.ifindex = 1, .local = 1};
	struct ov_endpoint far = at(&net1, "10.1.0.3"), near = at(&net1, "10.1.0.4");
	memcpy(key.mac, far.mac, 6);
	assert_int_equal(fastbpf_put(t.ov[A]->fast->bpf, FASTBPF_DESTS, &key, &d), 0);
	assert_int_not_equal(sh("nsenter --net=%s ping -q -c1 -W0.3 10.1.0.3 >/dev/null", t.box[0]),
			     0);
	expect_mended("true", 1);
	memcpy(key.mac, near.mac, 6);
	assert_int_equal(fastbpf_del(t.ov[A]->fast->bpf, FASTBPF_DESTS, &key), 0);
	assert_true(pings(t.box[0], "10.1.0.4")); /* by the bridge */
	expect_mended("true", 1);
	key.mac[5] = 99;
	struct ov_stats was, now;
	assert_int_equal(fastbpf_put(t.ov[A]->fast->bpf, FASTBPF_DESTS, &key, &d), 0);
	assert_true(compare_tells("the fast path's table of containers"));
	overlay_stats(t.ov[A], &was);
	overlay_check(on(A));
	overlay_stats(t.ov[A], &now);
	assert_int_equal(now.mended, was.mended + 1);
	assert_int_equal(sh("tc -n a filter del dev und0 ingress"), 0);
	assert_true(compare_tells("lacks the filter ck_underlay"));
	expect_mended("true", 1);
	struct fast_self none = {0};
	assert_int_equal(fastbpf_set_self(t.ov[A]->fast->bpf, &none), 0);
	expect_mended("true", 1);
	expect_mended("ip -n a link del ckx-11111111", 1);
	expect_mended("ip -n a link del ckb-11111111", 1);
	expect_mended("for l in $(ip -n a -br link show type veth | grep -o 'ckv[0-9a-f]*'); do ip "
		      "-n a link del $l; done",
		      3);
}

static void open_again(bool no_fast)
{
	struct err err = {0};
	struct overlay_config c = {.run_dir = DIR_ "/run-a", .check_ms = 200, .no_fast = no_fast};
	overlay_close(take_ptr(t.ov[A]));
	on(A);
	must(overlay_open(t.loop, &c, &t.ov[A], &err), &err);
}

/* While the agent is away packets go on past the bridges; the next life takes over, or takes it away. */
static void test_restart_and_off(void **state)
{
	(void)state;
	struct ov_fast far = counted(B);
	struct ov_stats s;
	struct err err = {0};
	overlay_close(take_ptr(t.ov[A]));
	assert_true(pings(t.box[0], "10.1.0.3"));
	assert_true(counted(B).received >= far.received + 2);
	open_again(false);
	assert_true(pings(t.box[0], "10.1.0.3")); /* peers are not told yet */
	assert_true(counted(A).received >= 2);
	assert_int_equal(counted(A).sent, 0);
	must(overlay_network_set(on(A), &net1, &err), &err);
	tell(A, &net1, "10.1.0.3", "192.0.2.2");
	spin(250);
	assert_true(pings(t.box[0], "10.1.0.3"));
	assert_true(counted(A).sent >= 2);
	overlay_stats(t.ov[A], &s);
	assert_int_equal(s.mended, 0);
	/* Off: no filter of it is left, and a stranger's is. */
	assert_int_equal(sh("tc -n a filter add dev und0 egress prio 5 bpf bytecode '1,6 0 0 0,'"),
			 0);
	open_again(true);
	struct ov_fast none;
	assert_false(overlay_fast(t.ov[A], &none));
	assert_int_not_equal(
		sh("for l in und0 ckx-11111111 $(ip -n a -br link show type veth | grep "
		   "-o 'ckv[0-9a-f]*'); do tc -n a filter show dev $l ingress; done | "
		   "grep -q ck_"),
		0);
	assert_int_equal(sh("tc -n a filter show dev und0 egress | grep -q bytecode"), 0);
	assert_int_equal(sh("tc -n a filter del dev und0 egress && tc -n a qdisc del dev und0 "
			    "clsact"),
			 0);
	assert_true(pings(t.box[0], "10.1.0.3"));
	assert_true(pings(t.box[0], "10.1.0.4"));
	open_again(false);
	must(overlay_network_set(on(A), &net1, &err), &err);
	tell(A, &net1, "10.1.0.3", "192.0.2.2");
	spin(20);
}

static void forbid_bpf(void)
{
	struct sock_filter f[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					   offsetof(struct seccomp_data, nr)),
				  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
				  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
				  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog p = {.len = ARRAY_LEN(f), .filter = f};
	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p), 0);
}

/* A kernel that takes no BPF: it is said, what an earlier one left is taken away, the bridges carry. */
static void test_without_bpf(void **state)
{
	(void)state;
	int status;
	overlay_close(take_ptr(t.ov[A]));
	pid_t pid = fork();
	if (pid == 0) {
		auto_free char *why = NULL;
		struct err err = {0};
		struct ov_fast none;
		struct overlay_config c = {.run_dir = DIR_ "/run-a"};
		forbid_bpf();
		bool wrong = overlay_fast_probe(&why) || !why;
		on(A);
		wrong |= overlay_open(t.loop, &c, &t.ov[A], &err) < 0;
		wrong |= overlay_network_set(t.ov[A], &net1, &err) < 0;
		wrong |= overlay_fast(t.ov[A], &none);
		wrong |= !pings(t.box[0], "10.1.0.3") || !pings(t.box[0], "10.1.0.4");
		wrong |= sh("tc -n a filter show dev und0 ingress | grep -q ck_") == 0;
		_exit(wrong);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	struct err err = {0};
	open_again(false);
	must(overlay_network_set(on(A), &net1, &err), &err);
	tell(A, &net1, "10.1.0.3", "192.0.2.2");
	spin(20);
	assert_true(pings(t.box[0], "10.1.0.3"));
	assert_true(counted(A).sent >= 2);
}

/* More peers than the tables had room for: larger ones take their place. */
static void test_grows(void **state)
{
	(void)state;
	struct ov_stats was, now;
	overlay_stats(t.ov[A], &was);
	on(A);
	for (unsigned i = 0; i < 1500; i++) {
		char addr[32];
		snprintf(addr, sizeof(addr), "10.1.%u.%u", 4 + i / 250, 1 + i % 250);
		tell(A, &net1, addr, "192.0.2.9");
	}
	uint32_t room = fastbpf_room(t.ov[A]->fast->bpf, FASTBPF_DESTS);
	for (int i = 0; i < 200 && fastbpf_room(t.ov[A]->fast->bpf, FASTBPF_DESTS) == room; i++)
		spin(50);
	assert_true(fastbpf_room(t.ov[A]->fast->bpf, FASTBPF_DESTS) >= 1500);
	assert_true(pings(t.box[0], "10.1.0.3"));
	assert_true(counted(A).sent >= 2 && counted(A).received >= 2);
	overlay_stats(t.ov[A], &now);
	assert_int_equal(now.mended, was.mended);
}

static void test_ipv6(void **state)
{
	(void)state;
	struct err err = {0};
	net6 = (struct ov_network){.id = "66666666dddd",
				   .vni = 5000,
				   .subnet6 = prefix("fd42:6::/64"),
				   .gateway6 = ip("fd42:6::1")};
	struct ov_endpoint a = {.network_id = net6.id,
				.ip6 = ip("fd42:6::2"),
				.mac = {2, 0x42, 6, 2}};
	struct ov_endpoint b = {.network_id = net6.id,
				.ip6 = ip("fd42:6::3"),
				.mac = {2, 0x42, 6, 3}};
	struct ov_peer pa = {.ip6 = a.ip6, .vtep = ip("192.0.2.1")};
	struct ov_peer pb = {.ip6 = b.ip6, .vtep = ip("192.0.2.2")};
	memcpy(pa.mac, a.mac, 6);
	memcpy(pb.mac, b.mac, 6);
	must(overlay_network_set(on(A), &net6, &err), &err);
	must(overlay_network_set(on(B), &net6, &err), &err);
	make_box(A, 3, "six0", &a, 1);
	make_box(B, 4, "six1", &b, 1);
	must(overlay_peer_set(on(A), net6.id, &pb, &err), &err);
	must(overlay_peer_set(on(B), net6.id, &pa, &err), &err);
	spin(20);
	struct ov_fast was = counted(A);
	assert_true(pings(t.box[3], "fd42:6::3"));
	struct ov_fast now = counted(A);
	assert_true(now.sent >= was.sent + 2 && now.received >= was.received + 2);
	/* Neighbour discovery has no fast way, forged or not. */
	struct icmp6 lie = {.type = 136,
			    .src_mac = a.mac,
			    .dst_mac = b.mac,
			    .src = "fd42:6::2",
			    .dst = "fd42:6::3",
			    .target = "fd42:6::1"};
	was = counted(A);
	send_icmp6(t.box[3], "eth0", &lie);
	lie.hidden = true;
	send_icmp6(t.box[3], "eth0", &lie);
	lie.type = 134;
	send_icmp6(t.box[3], "eth0", &lie);
	assert_int_equal(counted(A).sent, was.sent);
}

static void test_rows(void **state)
{
	(void)state;
	struct network n = {.vxlan_index = 7, .spec = {.vni = 3}};
	struct ov_peer p = {.ip = ip("10.1.0.3"), .mac = {2, 1}, .vtep = ip("192.0.2.2")};
	struct fast_mac key;
	struct fast_dest d;
	fastrows_remote(&n, &p, &key, &d);
	struct fast_addr vtep = fastrows_addr(&p.vtep), none = {{0}};
	assert_memory_equal(&d.vtep, &vtep, sizeof(vtep));
	/* What comes in clear is never an encrypted network's. */
	n.spec.encrypted = true;
	fastrows_remote(&n, &p, &key, &d);
	assert_memory_equal(&d.vtep, &none, sizeof(none));
}

static void test_wipe(void **state)
{
	(void)state;
	struct err err = {0};
	for (int h = A; h <= B; h++) {
		must(overlay_wipe(on(h), &err), &err);
		assert_int_equal(sh("test -z \"$(tc -n %s qdisc show dev und0 | grep clsact)\"",
				    names[h]),
				 0);
		overlay_close(take_ptr(t.ov[h]));
	}
}

/* Hosts that speak IPv6: the whole of it again, between two containers. */
static void test_ipv6_underlay(void **state)
{
	(void)state;
	static const char *const under[] = {"2001:db8::1", "2001:db8::2"};
	static const char *const inside[] = {"10.1.0.2", "10.1.0.3"};
	struct err err = {0};
	for (int h = A; h <= B; h++) {
		char run[64];
		snprintf(run, sizeof(run), DIR_ "/run6-%s", names[h]);
		struct overlay_config c = {.run_dir = run,
					   .underlay = under[h],
					   .check_ms = 3600 * 1000};
		assert_int_equal(sh("ip -n %s addr add %s/64 dev und0 nodad", names[h], under[h]),
				 0);
		must(overlay_open(t.loop, &c, (on(h), &t.ov[h]), &err), &err);
		must(overlay_network_set(on(h), &net1, &err), &err);
		make_box(h, h, "six", (struct ov_endpoint[]){at(&net1, inside[h])}, 1);
		tell(h, &net1, inside[!h], under[!h]);
	}
	spin(20);
	assert_true(pings(t.box[0], "10.1.0.3"));
	assert_true(unwrapped(A) >= 2 && unwrapped(B) >= 2);
	assert_int_equal(sh("nsenter --net=%s ping -q -c1 -W5 -M do -s 1402 10.1.0.3 >/dev/null",
			    t.box[0]),
			 0);
	transfer(t.box[1], t.box[0], "10.1.0.3");
	test_wipe(state);
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
		printf("overlay_fast: skipped, it needs root\n");
		return 0;
	}
	if (!getenv("CK_FAST_INSIDE")) {
		setenv("CK_FAST_INSIDE", "1", 1);
		execlp("unshare", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
		       "--mount-proc", argv[0], (char *)NULL);
		perror("overlay_fast: unshare");
		return 1;
	}
	auto_free char *why = NULL;
	if (!overlay_fast_probe(&why)) {
		printf("overlay_fast: skipped: %s\n", why);
		return 0;
	}
	if (getenv("V"))
		log_set_level(LOG_DEBUG);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goes_past_the_bridges),
		cmocka_unit_test(test_full_size),
		cmocka_unit_test(test_forging_goes_nowhere),
		cmocka_unit_test(test_forged_vxlan),
		cmocka_unit_test(test_taken_from_its_host_only),
		cmocka_unit_test(test_to_all),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_mending),
		cmocka_unit_test(test_restart_and_off),
		cmocka_unit_test(test_without_bpf),
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_wipe),
		cmocka_unit_test(test_ipv6_underlay),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
