/* SPDX-License-Identifier: Apache-2.0
 * New TCP connections through a VIP beside direct ones, and the time of one change, with 1 and with
 * 30,000 VIPs, by both data paths. Prints ratios. Needs root; all inside private namespaces. */
#include "base/mem.h"
#include "overlay/netns.h"
#include "overlay/overlay.h"
#include "tests/bench/bench.h"
#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RUN    "/run/ck-vip-bench"
#define MANY   30000
#define CONNS  400
#define ROUNDS 40

static struct loop *loop;
static struct overlay *o;
static int home;

static struct ipaddr ip(const char *text)
{
	struct ipaddr a = {0};
	ipaddr_parse(text, &a);
	return a;
}
static int box(const char *id, const char *addr)
{
	struct err err = {0};
	struct ov_endpoint e = {.network_id = "aaaa0001aaaa", .ip = ip(addr), .mac = {2}};
	char *path = NULL;
	memcpy(e.mac + 2, e.ip.bytes, 4);
	struct ov_sandbox s = {.id = id, .endpoints = &e, .n_endpoints = 1};
	must(overlay_sandbox_set(o, &s, &path, &err), &err);
	int ns = netns_open(path, &err);
	must(ns, &err);
	free(path);
	return ns;
}
static void serve(int ns)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(4000)};
	int one = 1;
	netns_enter(ns, NULL);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (void *)&a, sizeof(a)) < 0 || listen(fd, 1024) < 0)
		_exit(1);
	for (;;)
		close(accept(fd, NULL, NULL));
}
/* Microseconds of a connection, the smallest of many short rounds that take turns. */
static void compare(int ns, const char *vip, double *direct, double *through)
{
	*direct = *through = 1e9;
	netns_enter(ns, NULL);
	for (int round = 0; round < 2 * ROUNDS; round++) {
		struct ipaddr to = ip(round % 2 ? vip : "10.1.0.11");
		struct sockaddr_storage a;
		socklen_t len = ipaddr_to_sockaddr(&to, 4000, &a);
		struct linger hard = {1, 0};
		double start = now_us();
		for (int i = 0; i < CONNS; i++) {
			int fd = socket(AF_INET, SOCK_STREAM, 0);
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
			if (connect(fd, (void *)&a, len) < 0)
				perror("connect");
			close(fd);
		}
		double us = (now_us() - start) / CONNS, *best = round % 2 ? through : direct;
		*best = us < *best ? us : *best;
	}
	netns_leave(home);
}
static void set(const char *vip, int n)
{
	struct ipaddr to[2] = {ip("10.1.0.11"), ip("10.1.0.12")}, v = ip(vip);
	struct err err = {0};
	must(overlay_vip_set(o, "aaaa0001aaaa", &v, to, (size_t)n, &err), &err);
}
static double change_us(const char *vip)
{
	double start = now_us();
	for (int i = 0; i < 200; i++)
		set(vip, 1 + i % 2);
	return (now_us() - start) / 200;
}
static void run(enum ov_vip_path path, const char *name)
{
	struct err err = {0};
	struct overlay_config c = {.run_dir = RUN, .underlay = "und0", .vip = path};
	must(overlay_open(loop, &c, &o, &err), &err);
	struct ov_network n = {.id = "aaaa0001aaaa", .vni = 5001, .gateway = ip("10.1.0.1")};
	ipprefix_parse("10.1.0.0/16", &n.subnet);
	must(overlay_network_set(o, &n, &err), &err);
	int web = box("web", "10.1.0.11"), client = box("client", "10.1.0.13");
	pid_t pid = fork();
	if (pid == 0)
		serve(web);
	usleep(200000);
	double d, t;
	set("10.1.255.1", 1);
	compare(client, "10.1.255.1", &d, &t);
	printf("%s: connection direct %.1f us, through 1 VIP %.1f us: %.3fx; one change %.0f us\n",
	       name, d, t, t / d, change_us("10.1.255.1"));
	double start = now_us();
	for (int i = 1; i < MANY; i++) {
		char text[32];
		snprintf(text, sizeof(text), "10.1.%d.%d", 10 + i / 250, 1 + i % 250);
		set(text, 2);
	}
	printf("%s: %d VIPs written in %.1f s\n", name, MANY, (now_us() - start) / 1e6);
	set("10.1.255.1", 1);
	compare(client, "10.1.255.1", &d, &t);
	printf("%s: with %d VIPs: direct %.1f us, through a VIP %.1f us: %.3fx; one change %.0f "
	       "us\n",
	       name, MANY, d, t, t / d, change_us("10.1.255.1"));
	kill(pid, SIGKILL);
	close(web);
	close(client);
	must(overlay_wipe(o, &err), &err);
	overlay_close(o);
}
int main(int argc, char **argv)
{
	(void)argc;
	own_host(argv, RUN);
	loop = loop_new();
	home = netns_self();
	if (!getenv("NFT_ONLY"))
		run(OV_VIP_EBPF, "ebpf");
	if (!getenv("EBPF_ONLY"))
		run(OV_VIP_NFT, "nft");
	loop_free(loop);
	return 0;
}
