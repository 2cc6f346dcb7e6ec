/* SPDX-License-Identifier: Apache-2.0
 * Service VIPs on a real kernel, each test by both data paths: one host with four sandboxes on one
 * network and one on another, all inside a private namespace of the test. Needs root. */
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "overlay/netns.h"
#include "overlay/overlay.h"
#include "overlay/vipslots.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define RUN      "/run/ck-vip"
#define VIP      "10.1.0.200"
#define VIP6     "fd01::200"
#define PORT     4000
#define CHECK_MS 50 /* between two comparisons */
#define CHECKS   (4 * CHECK_MS)
/* VIPs: more than the tables hold at first; by nft one changes five namespaces. */
#define MANY (t.path == OV_VIP_EBPF ? 1500 : 200)

enum { WEB1, WEB2, CLIENT, LONER, STRANGER, BOXES };
static const struct box {
	const char *id, *net, *ip, *ip6;
} boxes[BOXES] = {[WEB1] = {"web1", "aaaa0001aaaa", "10.1.0.11", "fd01::11"},
		  [WEB2] = {"web2", "aaaa0001aaaa", "10.1.0.12", "fd01::12"},
		  [CLIENT] = {"client", "aaaa0001aaaa", "10.1.0.13", "fd01::13"},
		  [LONER] = {"loner", "aaaa0001aaaa", "10.1.0.14", "fd01::14"},
		  [STRANGER] = {"stranger", "bbbb0002bbbb", "10.2.0.11", "fd02::11"}};

static struct {
	struct loop *loop;
	int home, ns[BOXES];
	pid_t servers[BOXES];
	struct overlay *o;
	enum ov_vip_path path;
	bool hasty; /* what is asked for now is answered by nobody */
} t;

static void must(int r, const struct err *err)
{
	if (r < 0)
		fail_msg("%d: %s", r, err_text(err));
}

static int sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int sh(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	int status = system(cmd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct ipaddr ip(const char *text)
{
	struct ipaddr a;
	assert_true(ipaddr_parse(text, &a));
	return a;
}

union addr { /* of either family */
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t size_of(const union addr *a)
{
	return a->sa.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

static union addr at(const char *text, uint16_t port)
{
	union addr a = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};
	if (inet_pton(AF_INET6, text, &a.v6.sin6_addr) == 1)
		return a;
	a.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	assert_int_equal(inet_pton(AF_INET, text, &a.v4.sin_addr), 1);
	return a;
}

static void assert_addr(const union addr *a, const char *text)
{
	char buf[INET6_ADDRSTRLEN];
	assert_string_equal(inet_ntop(a->sa.sa_family,
				      a->sa.sa_family == AF_INET ? (const void *)&a->v4.sin_addr
								 : &a->v6.sin6_addr,
				      buf, sizeof(buf)),
			    text);
}

static int family_of(const char *text)
{
	return strchr(text, ':') ? AF_INET6 : AF_INET;
}

/* --- servers: each answers with its own number ------------------------------------------------- */

static void serve(int box)
{
	union addr any = at("::", PORT); /* both families */
	int tcp = socket(AF_INET6, SOCK_STREAM, 0), udp = socket(AF_INET6, SOCK_DGRAM, 0), one = 1;
	char buf[64], id = (char)('0' + box);
	struct pollfd p[64] = {{.fd = tcp, .events = POLLIN}, {.fd = udp, .events = POLLIN}};
	nfds_t n = 2;
	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(tcp, &any.sa, sizeof(any.v6)) < 0 || listen(tcp, 64) < 0 ||
	    bind(udp, &any.sa, sizeof(any.v6)) < 0)
		_exit(1);
	for (;;) {
		poll(p, n, -1);
		for (nfds_t i = 2; i < n; i++) {
			if (!p[i].revents)
				continue;
			if (read(p[i].fd, buf, sizeof(buf)) <= 0) {
				close(p[i].fd);
				p[i--] = p[--n];
			} else if (write(p[i].fd, &id, 1) != 1) {
				_exit(1);
			}
		}
		if (p[0].revents && n < ARRAY_LEN(p))
			p[n++] = (struct pollfd){.fd = accept(tcp, NULL, NULL), .events = POLLIN};
		union addr from;
		socklen_t len = sizeof(from);
		if (p[1].revents && recvfrom(udp, buf, sizeof(buf), 0, &from.sa, &len) > 0)
			sendto(udp, &id, 1, 0, &from.sa, len);
	}
}

static int in(int box, int family, int type)
{
	struct err err = {0};
	must(netns_enter(t.ns[box], &err), &err);
	int fd = socket(family, type | SOCK_CLOEXEC, 0);
	netns_leave(t.home);
	/* The stranger is answered by nobody; an answer would be here at once. */
	bool hasty = t.hasty || box == STRANGER;
	struct timeval patience = {.tv_sec = hasty ? 0 : 2, .tv_usec = 100000};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	assert_true(fd >= 0);
	return fd;
}

static int ask(int fd) /* who answers; -errno */
{
	char c;
	if (send(fd, "?", 1, MSG_NOSIGNAL) != 1 || recv(fd, &c, 1, 0) != 1)
		return -errno;
	return c - '0';
}

static int open_to(int box, const char *addr, uint16_t port) /* TCP; descriptor or -errno */
{
	union addr a = at(addr, port);
	int fd = in(box, a.sa.sa_family, SOCK_STREAM);
	if (connect(fd, &a.sa, size_of(&a)) == 0)
		return fd;
	int r = -errno;
	close(fd);
	return r;
}

static int tcp(int box, const char *addr) /* who answers a new connection */
{
	int fd = open_to(box, addr, PORT);
	int r = fd < 0 ? fd : ask(fd);
	if (fd >= 0)
		close(fd);
	return r;
}

/* --- the host ----------------------------------------------------------------------------------- */

static void open_host(void)
{
	struct err err = {0};
	struct overlay_config c = {.run_dir = RUN,
				   .underlay = "und0",
				   .vip = t.path,
				   .check_ms = CHECK_MS};
	must(overlay_open(t.loop, &c, &t.o, &err), &err);
}

static void set_box(int i)
{
	const struct box *b = &boxes[i];
	struct err err = {0};
	struct ov_endpoint e = {.network_id = b->net, .ip = ip(b->ip), .ip6 = ip(b->ip6)};
	e.mac[0] = 2;
	memcpy(e.mac + 2, e.ip.bytes, 4);
	struct ov_sandbox s = {.id = b->id, .endpoints = &e, .n_endpoints = 1};
	auto_free char *path = NULL;
	must(overlay_sandbox_set(t.o, &s, &path, &err), &err);
}

static void set_networks(void)
{
	struct err err = {0};
	struct ov_network n[] = {{.id = boxes[WEB1].net,
				  .vni = 5001,
				  .gateway = ip("10.1.0.1"),
				  .gateway6 = ip("fd01::1")},
				 {.id = boxes[STRANGER].net,
				  .vni = 5002,
				  .gateway = ip("10.2.0.1"),
				  .gateway6 = ip("fd02::1")}};
	assert_true(ipprefix_parse("10.1.0.0/16", &n[0].subnet));
	assert_true(ipprefix_parse("10.2.0.0/24", &n[1].subnet));
	assert_true(ipprefix_parse("fd01::/64", &n[0].subnet6));
	assert_true(ipprefix_parse("fd02::/64", &n[1].subnet6));
	must(overlay_network_set(t.o, &n[0], &err), &err);
	must(overlay_network_set(t.o, &n[1], &err), &err);
}

static void lead_to(const char *vip, int n, ...)
{
	struct ipaddr to[BOXES], v = ip(vip);
	struct err err = {0};
	va_list ap;
	va_start(ap, n);
	for (int i = 0; i < n; i++) {
		const struct box *b = &boxes[va_arg(ap, int)];
		to[i] = ip(family_of(vip) == AF_INET ? b->ip : b->ip6);
	}
	va_end(ap);
	must(overlay_vip_set(t.o, boxes[WEB1].net, &v, to, (size_t)n, &err), &err);
}

static void stop(void *arg)
{
	(void)arg;
	loop_stop(t.loop);
}

static void spin(unsigned ms)
{
	struct timer *timer = timer_new(t.loop, stop, NULL);
	timer_set(timer, ms);
	loop_run(t.loop);
	timer_free(timer);
}

static int set_up(void **state)
{
	(void)state;
	struct err err = {0};
	t.loop = loop_new();
	t.home = netns_self();
	sh("ip link set lo up; ip link add und0 type veth peer name und1; ip link set und1 up;"
	   "ip addr add 192.0.2.1/24 dev und0; ip link set und0 up");
	open_host();
	assert_string_equal(overlay_vip_path(t.o), t.path == OV_VIP_EBPF ? "ebpf" : "nft");
	set_networks();
	for (int i = 0; i < BOXES; i++) {
		set_box(i);
		auto_free char *path = xasprintf(RUN "/netns/%s", boxes[i].id);
		t.ns[i] = netns_open(path, &err);
		must(t.ns[i], &err);
		if (i == CLIENT)
			continue;
		t.servers[i] = fork();
		if (t.servers[i] == 0) {
			must(netns_enter(t.ns[i], &err), &err);
			serve(i);
		}
		for (int n = 0; n < 500 && tcp(i, boxes[i].ip) != i; n++)
			usleep(10000);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	struct err err = {0};
	for (int i = 0; i < BOXES; i++) {
		if (t.servers[i] > 0) {
			kill(t.servers[i], SIGKILL);
			waitpid(t.servers[i], NULL, 0);
		}
		close(t.ns[i]);
	}
	must(overlay_wipe(t.o, &err), &err);
	overlay_close(t.o);
	loop_free(t.loop);
	assert_false(path_exists(RUN "/bpf"));
	assert_int_not_equal(sh("ip route show table local | grep -q proto.199"), 0);
	assert_int_not_equal(sh("ip -6 route show table local | grep -q proto.199"), 0);
	sh("ip link del und0");
	close(t.home);
	return 0;
}

/* --- tests -------------------------------------------------------------------------------------- */

static void spreads(const char *vip)
{
	int seen[BOXES] = {0};
	lead_to(vip, 2, WEB1, WEB2);
	for (int i = 0; i < 200; i++) {
		int who = tcp(CLIENT, vip);
		assert_in_range(who, WEB1, WEB2);
		seen[who]++;
	}
	/* 200 fair coins: fewer than 60 heads has a chance of one in a hundred million. */
	assert_true(seen[WEB1] >= 60 && seen[WEB2] >= 60);
}

static void test_spreads(void **state)
{
	(void)state;
	spreads(VIP);
	spreads(VIP6);
}

static void assert_peer(int fd, const char *text)
{
	union addr a;
	socklen_t len = sizeof(a);
	assert_int_equal(getpeername(fd, &a.sa, &len), 0);
	assert_addr(&a, text);
}

static void test_peer_name(void **state)
{
	(void)state;
	lead_to(VIP, 1, WEB1);
	lead_to(VIP6, 1, WEB1);
	auto_close int fd = open_to(CLIENT, VIP, PORT), fd6 = open_to(CLIENT, VIP6, PORT);
	assert_peer(fd, VIP);
	assert_peer(fd6, VIP6);
	/* Spoken to directly, a task is itself. */
	auto_close int direct = open_to(CLIENT, boxes[WEB1].ip, PORT);
	auto_close int direct6 = open_to(CLIENT, boxes[WEB1].ip6, PORT);
	assert_peer(direct, boxes[WEB1].ip);
	assert_peer(direct6, boxes[WEB1].ip6);
}

static int udp_to(int fd, const char *addr) /* who answers, from that very address; -errno */
{
	union addr to = at(addr, PORT), from = {0};
	socklen_t len = sizeof(from);
	char c;
	if (sendto(fd, "?", 1, 0, &to.sa, size_of(&to)) != 1)
		return -errno;
	if (recvfrom(fd, &c, 1, 0, &from.sa, &len) != 1)
		return -errno;
	assert_addr(&from, addr);
	assert_int_equal(from.v4.sin_port, to.v4.sin_port); /* at one place in both */
	return c - '0';
}

static void udp_stays(const char *vip, const char *other)
{
	int seen[BOXES] = {0};
	lead_to(vip, 2, WEB1, WEB2);
	lead_to(other, 1, LONER);
	for (int i = 0; i < 60; i++) {
		auto_close int fd = in(CLIENT, family_of(vip), SOCK_DGRAM);
		int who = udp_to(fd, vip);
		assert_in_range(who, WEB1, WEB2);
		seen[who]++;
		for (int k = 0; k < 5; k++) { /* a flow stays, whatever else the socket does */
			assert_int_equal(udp_to(fd, other), LONER);
			assert_int_equal(udp_to(fd, vip), who);
		}
		const struct box *b = &boxes[who];
		assert_int_equal(udp_to(fd, family_of(vip) == AF_INET ? b->ip : b->ip6), who);
	}
	assert_true(seen[WEB1] && seen[WEB2]);
	auto_close int fd = in(CLIENT, family_of(vip), SOCK_DGRAM);
	union addr to = at(vip, PORT);
	assert_int_equal(connect(fd, &to.sa, size_of(&to)), 0);
	assert_in_range(ask(fd), WEB1, WEB2);
}

static void test_udp(void **state)
{
	(void)state;
	udp_stays(VIP, "10.1.0.201");
	udp_stays(VIP6, "fd01::201");
}

/* A flow whose task leaves goes to another one with its next datagram. */
static void udp_moves(const char *vip)
{
	lead_to(vip, 2, WEB1, WEB2);
	auto_close int fd = in(CLIENT, family_of(vip), SOCK_DGRAM);
	int who = udp_to(fd, vip);
	lead_to(vip, 1, who == WEB1 ? WEB2 : WEB1);
	assert_int_equal(udp_to(fd, vip), who == WEB1 ? WEB2 : WEB1);
}

static void test_udp_moves(void **state)
{
	(void)state;
	udp_moves(VIP);
	udp_moves(VIP6);
}

static void test_mapped(void **state)
{
	(void)state;
	struct err err = {0};
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
	lead_to(VIP, 1, WEB2);
	inet_pton(AF_INET6, "::ffff:" VIP, &a.sin6_addr);
	must(netns_enter(t.ns[CLIENT], &err), &err);
	auto_close int fd = socket(AF_INET6, SOCK_STREAM, 0);
	auto_close int udp = socket(AF_INET6, SOCK_DGRAM, 0);
	netns_leave(t.home);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(ask(fd), WEB2);
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	char c;
	assert_int_equal(sendto(udp, "?", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
	assert_int_equal(recvfrom(udp, &c, 1, 0, (struct sockaddr *)&from, &len), 1);
	assert_memory_equal(&from.sin6_addr, &a.sin6_addr, sizeof(a.sin6_addr));
}

static void leaves(const char *vip)
{
	lead_to(vip, 2, WEB1, WEB2);
	int fds[20], whose[20];
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = open_to(CLIENT, vip, PORT);
		whose[i] = ask(fds[i]);
	}
	lead_to(vip, 1, WEB1);
	for (int i = 0; i < 20; i++)
		assert_int_equal(tcp(CLIENT, vip), WEB1);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) { /* what was open stays where it is */
		assert_int_equal(ask(fds[i]), whose[i]);
		close(fds[i]);
	}
	lead_to(vip, 0);
	assert_int_equal(open_to(CLIENT, vip, PORT), -ECONNREFUSED);
	auto_close int fd = in(CLIENT, family_of(vip), SOCK_DGRAM);
	union addr to = at(vip, PORT);
	assert_int_equal(connect(fd, &to.sa, size_of(&to)), 0);
	assert_int_equal(ask(fd), -ECONNREFUSED);
	lead_to(vip, 1, WEB2);
	assert_int_equal(tcp(CLIENT, vip), WEB2);
}

static void test_leaves(void **state)
{
	(void)state;
	leaves(VIP);
	leaves(VIP6);
}

static void test_hairpin(void **state)
{
	(void)state;
	static const char *const vips[] = {VIP, VIP6};
	for (size_t i = 0; i < ARRAY_LEN(vips); i++) {
		lead_to(vips[i], 1, LONER);
		assert_int_equal(tcp(LONER, vips[i]), LONER);
		auto_close int fd = in(LONER, family_of(vips[i]), SOCK_DGRAM);
		assert_int_equal(udp_to(fd, vips[i]), LONER);
	}
}

static int ping(int box, const char *addr, const char *patience)
{
	return sh("nsenter --net=" RUN "/netns/%s ping -q -c 1 -W %s %s >/dev/null 2>&1",
		  boxes[box].id, patience, addr);
}

static void test_ping(void **state)
{
	(void)state;
	lead_to(VIP, 1, WEB1);
	lead_to(VIP6, 0);
	assert_int_equal(ping(CLIENT, VIP, "2"), 0);
	assert_int_equal(ping(CLIENT, VIP6, "2"), 0);
	assert_int_equal(ping(CLIENT, "10.1.0.1", "2"), 0);
	assert_int_not_equal(ping(CLIENT, "10.1.0.222", "0.1"), 0);
	assert_int_not_equal(ping(CLIENT, "fd01::222", "0.1"), 0);
}

static void isolated(const char *vip, const char *gateway)
{
	lead_to(vip, 1, WEB1);
	assert_true(open_to(STRANGER, vip, PORT) < 0);
	assert_int_not_equal(ping(STRANGER, vip, "0.1"), 0);
	assert_int_not_equal(ping(STRANGER, gateway, "0.1"), 0);
	auto_close int fd = in(STRANGER, family_of(vip), SOCK_DGRAM);
	union addr to = at(vip, PORT);
	char c;
	assert_int_equal(sendto(fd, "?", 1, 0, &to.sa, size_of(&to)), 1);
	assert_int_equal(recv(fd, &c, 1, 0), -1);
}

static void test_isolation(void **state)
{
	(void)state;
	isolated(VIP, "10.1.0.1");
	isolated(VIP6, "fd01::1");
	/* Nor is what listens on the host reachable at the VIP. */
	auto_close int host = socket(AF_INET6, SOCK_STREAM, 0);
	union addr any = at("::", PORT);
	assert_int_equal(bind(host, &any.sa, size_of(&any)), 0);
	assert_int_equal(listen(host, 1), 0);
	lead_to(VIP, 0);
	lead_to(VIP6, 0);
	assert_int_equal(open_to(CLIENT, VIP, PORT), -ECONNREFUSED);
	assert_int_equal(open_to(CLIENT, VIP6, PORT), -ECONNREFUSED);
}

static uint64_t mended(void)
{
	struct ov_stats st;
	overlay_stats(t.o, &st);
	return st.mended;
}

static void test_mending(void **state)
{
	(void)state;
	static const char *const ebpf[] = {
		"bpftool map delete pinned " RUN
		"/bpf/ck_vips key hex 00 00 00 00 00 00 00 00 00 00 "
		"ff ff 0a 01 00 c8",
		"bpftool map update pinned " RUN
		"/bpf/ck_vips key hex 00 00 00 00 00 00 00 00 00 00 "
		"ff ff 0a 01 00 c8 value 1 0 0 0 9 0 0 0",
		"bpftool map delete pinned " RUN "/bpf/ck_slots key hex 00 00 00 00 00 00 00 00 00 "
		"00 ff ff 0a 01 00 c8 00 00 00 00",
		"bpftool map update pinned " RUN "/bpf/ck_slots key hex 00 00 00 00 00 00 00 00 00 "
		"00 ff ff 0a 01 00 c8 00 00 00 00 value hex 00 00 00 00 00 00 00 00 00 00 ff ff 0a "
		"01 00 99",
		"for i in $(bpftool -f map dump pinned " RUN "/bpf/ck_members -j | jq -c "
		"'.[0].key'); do bpftool map delete pinned " RUN
		"/bpf/ck_members key $(echo $i | jq -r '.[]'); done",
		"bpftool link detach pinned " RUN "/bpf/link_ck_connect4",
		"rm " RUN "/bpf/link_ck_sendmsg4",
		"rm " RUN "/bpf/ck_slots",
		"umount " RUN "/bpf",
		"ip route del table local " VIP,
		"ip -6 route del table local " VIP6,
		"ip neigh del proxy " VIP6 " dev ckb-aaaa0001",
		"bpftool map delete pinned " RUN
		"/bpf/ck_vips key hex fd 01 00 00 00 00 00 00 00 00 00 00 00 00 02 00",
	};
#define INSIDE "nsenter --net=" RUN "/netns/client nft "
	static const char *const nft[] = {
		INSIDE "flush set inet ck_vip of1_4",
		INSIDE "flush map inet ck_vip slots4",
		INSIDE "'delete element inet ck_vip slots4 { " VIP " . 0 }'",
		INSIDE "'delete element inet ck_vip slots4 { " VIP
		       " . 0 }; add element inet ck_vip "
		       "slots4 { " VIP " . 0 : 10.1.0.99 }'",
		INSIDE "flush chain inet ck_vip out",
		INSIDE "delete table inet ck_vip",
		INSIDE "insert rule inet ck_vip out drop",
		"ip route del table local " VIP,
		"ip -6 route del table local " VIP6,
		INSIDE "flush map inet ck_vip slots6",
	};
	const char *const *v = t.path == OV_VIP_EBPF ? ebpf : nft;
	size_t n = t.path == OV_VIP_EBPF ? ARRAY_LEN(ebpf) : ARRAY_LEN(nft);
	lead_to(VIP, 1, WEB1);
	lead_to(VIP6, 1, WEB1);
	spin(CHECKS);
	uint64_t before = mended();
	spin(CHECKS);
	assert_int_equal(mended(), before); /* nothing is wrong */
	for (size_t i = 0; i < n; i++) {
		before = mended();
		if (sh("%s >/dev/null", v[i]) != 0)
			fail_msg("cannot do: %s", v[i]);
		for (int k = 0; k < 1500 && mended() == before; k++)
			spin(10);
		int who = tcp(CLIENT, VIP), pong = ping(CLIENT, VIP, "2");
		int who6 = tcp(CLIENT, VIP6), pong6 = ping(CLIENT, VIP6, "2");
		if (mended() == before || who != WEB1 || pong != 0 || who6 != WEB1 || pong6 != 0)
			fail_msg("not mended: %s (%s, tcp %d %d, ping %d %d)", v[i],
				 mended() == before ? "not seen" : "seen", who, who6, pong, pong6);
	}
}

/* The agent dies and comes back: connections work at each moment. */
static void test_restart(void **state)
{
	(void)state;
	lead_to(VIP, 1, WEB1);
	auto_close int fd = open_to(CLIENT, VIP, PORT);
	overlay_close(take_ptr(t.o));
	assert_int_equal(tcp(CLIENT, VIP), WEB1);
	open_host();
	assert_int_equal(tcp(CLIENT, VIP), WEB1);
	spin(CHECKS); /* a check that knows nothing yet takes nothing away */
	assert_int_equal(tcp(CLIENT, VIP), WEB1);
	set_networks();
	for (int i = 0; i < BOXES; i++)
		set_box(i);
	lead_to(VIP, 1, WEB2);
	spin(1); /* what an earlier life left is compared in the next turn */
	assert_int_equal(tcp(CLIENT, VIP), WEB2);
	assert_int_equal(ask(fd), WEB1);
	assert_peer(fd, VIP);
}

static void test_many(void **state)
{
	(void)state;
	char text[32];
	struct err err = {0};
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "10.1.%d.%d", 10 + i / 250, 1 + i % 250);
		lead_to(text, 2, WEB1, WEB2);
	}
	spin(1);
	assert_in_range(tcp(CLIENT, "10.1.10.1"), WEB1, WEB2);
	assert_in_range(tcp(CLIENT, text), WEB1, WEB2);
	set_box(CLIENT); /* as after a restart: compared, and nothing lost */
	assert_in_range(tcp(CLIENT, text), WEB1, WEB2);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "10.1.%d.%d", 10 + i / 250, 1 + i % 250);
		struct ipaddr v = ip(text);
		must(overlay_vip_del(t.o, boxes[WEB1].net, &v, &err), &err);
	}
	t.hasty = true;
	assert_true(open_to(CLIENT, text, PORT) < 0);
	t.hasty = false;
	/* Nothing of them is left anywhere. */
	assert_int_not_equal(sh("ip route show table local | grep -q '10[.]1[.]1[0-9][.]'"), 0);
	uint64_t before = mended();
	spin(CHECKS);
	assert_int_equal(mended(), before);
}

static void test_bad_input(void **state)
{
	(void)state;
	struct err err = {0};
	struct ipaddr alien = ip("8.8.8.8"), gateway = ip("10.1.0.1");
	assert_int_equal(overlay_vip_set(t.o, boxes[WEB1].net, &alien, NULL, 0, &err), -EINVAL);
	assert_int_equal(overlay_vip_set(t.o, boxes[WEB1].net, &gateway, NULL, 0, &err), -EINVAL);
	assert_int_equal(overlay_vip_set(t.o, "cccc0003cccc", &alien, NULL, 0, &err), -ENOENT);
}

static void test_slots(void **state)
{
	(void)state;
	struct vip_addr tasks[100], slots[1024], next[1024];
	for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
		tasks[i] = (struct vip_addr){{0, 0, 0, htonl((uint32_t)i + 1)}};
	for (size_t n = 1; n < ARRAY_LEN(tasks); n++) {
		vipslots_fill(slots, 1024, NULL, 0, tasks, n);
		/* One more, and one less: only what must move does. */
		vipslots_fill(next, 1024, slots, 1024, tasks, n + 1);
		size_t moved = 0, has[101] = {0};
		for (size_t i = 0; i < 1024; i++) {
			moved += !vip_addr_same(&slots[i], &next[i]);
			has[ntohl(next[i].w[3])]++;
		}
		assert_in_range(moved, 1024 / (n + 1), 1024 / (n + 1) + 1);
		for (size_t i = 1; i <= n + 1; i++)
			assert_in_range(has[i], 1024 / (n + 1), 1024 / (n + 1) + 1);
		vipslots_fill(slots, 1024, next, 1024, tasks + 1, n);
		for (size_t i = 0, lost = 0; i < 1024; i++) {
			lost += !vip_addr_same(&slots[i], &next[i]);
			assert_true(lost <= has[1] + n);
			assert_false(vip_addr_same(&slots[i], &tasks[0]));
		}
	}
}

static int by(enum ov_vip_path path)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spreads),   cmocka_unit_test(test_peer_name),
		cmocka_unit_test(test_udp),       cmocka_unit_test(test_udp_moves),
		cmocka_unit_test(test_mapped),    cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_hairpin),   cmocka_unit_test(test_ping),
		cmocka_unit_test(test_isolation), cmocka_unit_test(test_mending),
		cmocka_unit_test(test_restart),   cmocka_unit_test(test_many),
		cmocka_unit_test(test_bad_input),
	};
	t.path = path;
	return cmocka_run_group_tests_name(path == OV_VIP_EBPF ? "ebpf" : "nft", tests, set_up,
					   tear_down);
}

/* Each path in namespaces of its own, side by side: most of the time is waiting. */
static pid_t begin(char *self, const char *path)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	setenv("CK_VIP_INSIDE", path, 1);
	execlp("unshare", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
	       "--mount-proc", self, (char *)NULL);
	perror("overlay_vip: unshare");
	_exit(1);
}

static int inside(const char *path)
{
	auto_free char *why = NULL;
	if (sh("mkdir -p " RUN " && mount -t tmpfs -o mode=755 ck-vip " RUN) != 0)
		return 1;
	if (streq(path, "nft"))
		return by(OV_VIP_NFT);
	if (overlay_vip_probe(&why) == OV_VIP_EBPF)
		return by(OV_VIP_EBPF);
	printf("overlay_vip: ebpf is skipped: %s\n", why);
	return 0;
}

int main(int argc, char **argv)
{
	(void)argc;
	const struct CMUnitTest pure[] = {cmocka_unit_test(test_slots)};
	const char *path = getenv("CK_VIP_INSIDE");
	if (geteuid() != 0) {
		printf("overlay_vip: skipped, it needs root\n");
		return 0;
	}
	if (getenv("V"))
		log_set_level(LOG_DEBUG);
	cmocka_set_test_filter(getenv("T"));
	if (path)
		return inside(path);
	fflush(stdout);
	pid_t pids[] = {begin(argv[0], "ebpf"), begin(argv[0], "nft")};
	int failed = cmocka_run_group_tests(pure, NULL, NULL);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		int status = 1;
		failed += waitpid(pids[i], &status, 0) != pids[i] || status != 0;
	}
	return failed;
}
