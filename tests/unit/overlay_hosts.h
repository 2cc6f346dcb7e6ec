/* SPDX-License-Identifier: Apache-2.0
 * The hosts of overlay_live.c: two and a neighbour that is no member, as network namespaces on one
 * bridge. */
#pragma once
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "overlay/netns.h"
#include "overlay/overlay.h"
#include "tests/unit/overlay_frames.h"
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DIR_ "/run/ck-live"

enum { A, B, OUT, HOSTS };
static const char *const names[HOSTS] = {"a", "b", "out"};

static struct {
	struct loop *loop;
	int home, ns[HOSTS];
	struct overlay *ov[2];
	char *box[5];
} t;

static int sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int sh(const char *fmt, ...)
{
	char cmd[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	int status = system(cmd);
	if (status != 0 && getenv("V"))
		print_message("status %d: %s\n", status, cmd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void must(int r, const struct err *err)
{
	if (r < 0)
		fail_msg("%d: %s", r, err_text(err));
}

static struct overlay *on(int host)
{
	netns_leave(t.ns[host]);
	return host < 2 ? t.ov[host] : NULL;
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

/* Runs a shell command in a namespace while the loop serves A; its exit status. */
__attribute__((unused)) static int sh_served(const char *ns_path, const char *cmd)
{
	pid_t pid = fork();
	if (pid == 0) {
		char net[256];
		snprintf(net, sizeof(net), "--net=%s", ns_path);
		execlp("nsenter", "nsenter", net, "sh", "-c", cmd, (char *)NULL);
		_exit(127);
	}
	int status;
	on(A);
	while (waitpid(pid, &status, WNOHANG) == 0)
		spin(10);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct ipaddr ip(const char *s)
{
	struct ipaddr a;
	assert_true(ipaddr_parse(s, &a));
	return a;
}

static struct ipprefix prefix(const char *s)
{
	struct ipprefix p;
	assert_true(ipprefix_parse(s, &p));
	return p;
}

static struct ov_network net1, net2, net3;

static void host_path(int h, char out[64])
{
	snprintf(out, 64, DIR_ "/%s", names[h]);
}

static void join_host(int h)
{
	char path[64];
	struct err err = {0};
	host_path(h, path);
	t.ns[h] = netns_create(path, t.home, &err);
	must(t.ns[h], &err);
	assert_int_equal(sh("ip link add to-%s type veth peer name und0 && "
			    "nsenter --net=%s true && ip link set to-%s master und up",
			    names[h], path, names[h]),
			 0);
	assert_int_equal(
		sh("touch /run/netns/%s; mount --bind %s /run/netns/%s && "
		   "ip link set und0 netns %s && "
		   "ip -n %s link set lo up && ip -n %s addr add 192.0.2.%d/24 dev und0 && "
		   "ip -n %s link set und0 up",
		   names[h], path, names[h], names[h], names[h], names[h], h + 1, names[h]),
		0);
}

static void open_host(int h)
{
	char run[64];
	struct err err = {0};
	snprintf(run, sizeof(run), DIR_ "/run-%s", names[h]);
	/* A process is one host, and its thread in that host's namespace. Here it is two: B's timer would
	 * leave it in B's while A's sockets are served. */
	struct overlay_config c = {.run_dir = run,
				   .underlay = h == B ? "192.0.2.2" : NULL,
				   .check_ms = h == B ? 3600 * 1000 : 200};
	on(h);
	must(overlay_open(t.loop, &c, &t.ov[h], &err), &err);
}

static int set_up(void **state)
{
	(void)state;
	mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	mount("tmpfs", "/run", "tmpfs", 0, NULL);
	assert_int_equal(sh("mkdir -p " DIR_ " /run/netns && ip link set lo up && "
			    "ip link add und type bridge && ip link set und up"),
			 0);
	t.loop = loop_new();
	t.home = netns_self();
	for (int h = 0; h < HOSTS; h++)
		join_host(h);
	open_host(A);
	open_host(B);
	net1 = (struct ov_network){.id = "11111111aaaa",
				   .vni = 4097,
				   .subnet = prefix("10.1.0.0/20"),
				   .gateway = ip("10.1.0.1")};
	net2 = net1;
	net2.id = "22222222bbbb";
	net2.vni = 4098;
	net2.subnet = prefix("10.1.16.0/20");
	net2.gateway = ip("10.1.16.1");
	net3 = net1;
	net3.id = "33333333cccc";
	net3.vni = 4099;
	net3.subnet = prefix("10.1.32.0/20");
	net3.gateway = ip("10.1.32.1");
	net3.internal = true;
	return 0;
}

static struct ov_endpoint at(const struct ov_network *n, const char *addr)
{
	struct ov_endpoint e = {.network_id = n->id, .ip = ip(addr)};
	e.mac[0] = 0x02;
	e.mac[1] = 0x42;
	memcpy(e.mac + 2, e.ip.bytes, 4);
	return e;
}

static void make_box(int host, int i, const char *id, const struct ov_endpoint *e, size_t n)
{
	struct err err = {0};
	struct ov_sandbox s = {.id = id, .endpoints = e, .n_endpoints = n};
	free_and_null(&t.box[i]);
	must(overlay_sandbox_set(on(host), &s, &t.box[i], &err), &err);
}

static void tell(int host, const struct ov_network *n, const char *addr, const char *vtep)
{
	struct ov_endpoint e = at(n, addr);
	struct ov_peer p = {.ip = e.ip, .vtep = ip(vtep)};
	struct err err = {0};
	memcpy(p.mac, e.mac, 6);
	must(overlay_peer_set(on(host), n->id, &p, &err), &err);
}

#define TRANSFER_BYTES 10000000

/* The far end: takes one connection and counts what comes, each byte in its place. */
static int receive_all(int listener)
{
	int fd = accept(listener, NULL, NULL);
	size_t got = 0;
	uint8_t buf[65536];
	for (ssize_t n; (n = recv(fd, buf, sizeof(buf), 0)) > 0;)
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != (uint8_t)(got++ * 7))
				return 1;
	return got == TRANSFER_BYTES ? 0 : 2;
}

/* Sends 10 MB over TCP from one sandbox to another, with a time limit. */
static void transfer(const char *to_ns, const char *from_ns, const char *addr)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(5001)};
	visit(to_ns);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(listener, 1), 0);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(20);
		_exit(receive_all(listener));
	}
	close(listener);
	visit(from_ns);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct timeval limit = {.tv_sec = 10};
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	assert_int_equal(inet_pton(AF_INET, addr, &sa.sin_addr), 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	auto_free uint8_t *data = xmalloc(TRANSFER_BYTES);
	for (size_t i = 0; i < TRANSFER_BYTES; i++)
		data[i] = (uint8_t)(i * 7);
	assert_int_equal(fd_write_all(fd, data, TRANSFER_BYTES), 0);
	close(fd);
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	netns_leave(t.home);
}

/* A program in a sandbox that listens by the time this returns and answers n connections, one after the
 * other, with so many bytes each. */
__attribute__((unused)) static pid_t serve_bytes(const char *ns_path, uint16_t port, int n,
						 size_t bytes)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
	int one = 1;
	visit(ns_path);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(listener, 8), 0);
	netns_leave(t.home);
	pid_t pid = fork();
	if (pid == 0) {
		auto_free uint8_t *data = xcalloc(1, bytes);
		alarm(60);
		for (int i = 0; i < n; i++) {
			auto_close int fd = accept(listener, NULL, NULL);
			if (fd < 0 || fd_write_all(fd, data, bytes) < 0)
				_exit(1);
		}
		_exit(0);
	}
	close(listener);
	return pid;
}

/* Whether a client in a namespace gets so many bytes and then the end, while the loop serves A. */
__attribute__((unused)) static bool fetches(const char *ns_path, const char *addr, uint16_t port,
					    size_t bytes)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
	inet_pton(AF_INET, addr, &sa.sin_addr);
	pid_t pid = fork();
	if (pid == 0) {
		size_t got = 0;
		uint8_t buf[65536];
		alarm(30);
		visit(ns_path);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
			_exit(1);
		for (ssize_t n; (n = recv(fd, buf, sizeof(buf), 0)) > 0;)
			got += (size_t)n;
		_exit(got == bytes ? 0 : 2);
	}
	int status;
	on(A);
	while (waitpid(pid, &status, WNOHANG) == 0)
		spin(2);
	if (status)
		print_message("%s:%u from %s: status %d\n", addr, (unsigned)port, ns_path, status);
	return status == 0;
}
