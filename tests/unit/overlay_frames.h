/* SPDX-License-Identifier: Apache-2.0
 * Frames that a process in a sandbox may try to send, and what the sandbox counted of them. */
#pragma once
#include "base/fd.h"
#include "overlay/netns.h"
#include <arpa/inet.h>
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

static void send_raw(const char *ns_path, const uint8_t *f, size_t len)
{
	pid_t pid = fork();
	if (pid == 0) {
		visit(ns_path);
		int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
		struct sockaddr_ll to = {.sll_family = AF_PACKET,
					 .sll_ifindex = (int)if_nametoindex("eth0")};
		_exit(sendto(fd, f, len, 0, (struct sockaddr *)&to, sizeof(to)) == (ssize_t)len
			      ? 0
			      : 1);
	}
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
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
static void send_arp(const char *ns_path, const uint8_t mac[6], const char *addr)
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
