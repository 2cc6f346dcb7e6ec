/* SPDX-License-Identifier: Apache-2.0
 * Frames that a process in a sandbox may try to send, and what the sandbox counted of them. */
#pragma once
#include "base/fd.h"
#include "overlay/netns.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void visit(const char *ns_path)
{
	auto_close int ns = netns_open(ns_path, NULL);
	netns_leave(ns);
}

static void send_frame(const char *ns_path, const char *link, const uint8_t *f, size_t len)
{
	pid_t pid = fork();
	if (pid == 0) {
		visit(ns_path);
		int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
		struct sockaddr_ll to = {.sll_family = AF_PACKET,
					 .sll_ifindex = (int)if_nametoindex(link)};
		ssize_t n = sendto(fd, f, len, 0, (struct sockaddr *)&to, sizeof(to));
		/* A guard at the sender tells it. */
		_exit(n == (ssize_t)len || (n < 0 && (errno == ENOBUFS || errno == EPERM)) ? 0 : 1);
	}
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void send_raw(const char *ns_path, const uint8_t *f, size_t len)
{
	send_frame(ns_path, "eth0", f, len);
}

/* Sends one ICMP echo request out of eth0 of a sandbox, with any source. */
static void send_ping(const char *ns_path, const uint8_t src_mac[6], const char *src,
		      const uint8_t dst_mac[6], const char *dst)
{
	uint8_t f[14 + 28] = {0};
	memcpy(f, dst_mac, 6);
	memcpy(f + 6, src_mac, 6);
	f[12] = 8;
	uint8_t *h = f + 14;
	h[0] = 0x45;
	h[3] = 28;
	h[8] = 64;
	h[9] = 1;
	inet_pton(AF_INET, src, h + 12);
	inet_pton(AF_INET, dst, h + 16);
	uint32_t sum = 0;
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)h[i] << 8 | h[i + 1];
	sum = ~((sum & 0xffff) + (sum >> 16));
	h[10] = (uint8_t)(sum >> 8);
	h[11] = (uint8_t)sum;
	h[20] = 8;
	h[22] = 0xf7;
	h[23] = 0xff;
	send_raw(ns_path, f, sizeof(f));
}

/* Says to all that ip is at mac. */
__attribute__((unused)) static void send_arp(const char *ns_path, const uint8_t mac[6],
					     const char *addr)
{
	uint8_t f[42] = {0};
	static const uint8_t head[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 2};
	memset(f, 0xff, 6);
	memcpy(f + 6, mac, 6);
	memcpy(f + 12, head, sizeof(head));
	memcpy(f + 22, mac, 6);
	inet_pton(AF_INET, addr, f + 28);
	memset(f + 32, 0xff, 6);
	inet_pton(AF_INET, addr, f + 38);
	send_raw(ns_path, f, sizeof(f));
}

/* The Internet checksum (RFC 1071) of an ICMPv6 message behind its pseudo-header (RFC 8200 8.1). */
static void sum6(const uint8_t *ip6, uint8_t *icmp, size_t len)
{
	uint32_t sum = 58 + (uint32_t)len;
	for (int i = 8; i < 40; i += 2)
		sum += (uint32_t)ip6[i] << 8 | ip6[i + 1];
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)icmp[i] << 8 | icmp[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum;
	icmp[2] = (uint8_t)(sum >> 8);
	icmp[3] = (uint8_t)sum;
}

struct icmp6 { /* one ICMPv6 message, honest or not */
	uint8_t type;
	const uint8_t *src_mac, *dst_mac;
	const char *src, *dst;
	const char *target; /* of a neighbour advertisement; NULL: zeroes */
	bool hidden;        /* behind a hop-by-hop header */
};
static void send_icmp6(const char *ns_path, const char *link, const struct icmp6 *m)
{
	uint8_t f[14 + 40 + 8 + 32] = {0};
	size_t len = m->type == 136 ? 32 : 16, hop = m->hidden ? 8 : 0;
	memcpy(f, m->dst_mac, 6);
	memcpy(f + 6, m->src_mac, 6);
	f[12] = 0x86;
	f[13] = 0xdd;
	uint8_t *h = f + 14, *icmp = h + 40 + hop;
	h[0] = 0x60;
	h[5] = (uint8_t)(len + hop);
	h[6] = m->hidden ? 0 : 58;
	h[7] = 255;
	inet_pton(AF_INET6, m->src, h + 8);
	inet_pton(AF_INET6, m->dst, h + 24);
	if (m->hidden) {
		h[40] = 58;
		h[42] = 1; /* PadN */
		h[43] = 4;
	}
	icmp[0] = m->type;
	if (m->type == 134) { /* a router for half an hour: RFC 4861 4.2 */
		icmp[4] = 64;
		icmp[6] = 7;
	} else if (m->type == 136) {
		icmp[4] = 0x60; /* solicited, override */
		if (m->target)
			inet_pton(AF_INET6, m->target, icmp + 8);
		icmp[24] = 2; /* target's link-layer address */
		icmp[25] = 1;
		memcpy(icmp + 26, m->src_mac, 6);
	}
	sum6(h, icmp, len);
	send_frame(ns_path, link, f, 14 + 40 + hop + len);
}

/* A counter of /proc/net/snmp6 in a sandbox. */
__attribute__((unused)) static unsigned long counter6(const char *ns_path, const char *name)
{
	char cmd[256], line[256] = "";
	snprintf(cmd, sizeof(cmd),
		 "nsenter --net=%s grep -w %s /proc/net/snmp6 | tr -dc '0-9 ' | "
		 "awk '{print $NF}'",
		 ns_path, name);
	FILE *f = popen(cmd, "r");
	assert_non_null(fgets(line, sizeof(line), f));
	pclose(f);
	return strtoul(line, NULL, 10);
}

__attribute__((unused)) static bool counter6_reaches(const char *ns_path, const char *name,
						     unsigned long n)
{
	for (int i = 0; i < 500 && counter6(ns_path, name) < n; i++)
		usleep(10000);
	return counter6(ns_path, name) == n;
}

static unsigned long icmp_in(const char *ns_path)
{
	char cmd[256], line[256] = "";
	snprintf(cmd, sizeof(cmd),
		 "nsenter --net=%s cat /proc/net/snmp | grep '^Icmp: [0-9]' | cut -d' ' -f2",
		 ns_path);
	FILE *f = popen(cmd, "r");
	assert_non_null(fgets(line, sizeof(line), f));
	pclose(f);
	return strtoul(line, NULL, 10);
}

/* Whether so many have come by now: a busy machine passes a frame on when it gets to it. */
__attribute__((unused)) static bool icmp_reaches(const char *ns_path, unsigned long n)
{
	for (int i = 0; i < 500 && icmp_in(ns_path) < n; i++)
		usleep(10000);
	return icmp_in(ns_path) == n;
}
