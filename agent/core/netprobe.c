/* SPDX-License-Identifier: Apache-2.0
 * Echo requests and one question to a resolver; see netprobe.h. */
#include "agent/core/netprobe.h"
#include "base/loop.h"
#include "base/mem.h"
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PACKET_MAX 65536
#define TRIES      3

uint16_t netprobe_sum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (n & 1)
		sum += (uint32_t)(p[n - 1] << 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Echo messages have type, code, checksum, id and sequence. */
int netprobe_await(int fd, bool v6, uint16_t id, uint16_t first, uint16_t last)
{
	uint8_t buf[PACKET_MAX];
	uint64_t until = clock_ms() + NETPROBE_MS;
	for (uint64_t now; (now = clock_ms()) < until;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, (int)(until - now)) <= 0)
			break;
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		size_t skip = v6 ? 0 : (size_t)(buf[0] & 15) * 4;
		const uint8_t *m = buf + skip;
		if ((size_t)n < skip + 8 || m[0] != (v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY))
			continue;
		uint16_t seq;
		memcpy(&seq, m + 6, sizeof(seq));
		if (memcmp(m + 4, &id, 2) == 0 &&
		    (uint16_t)(seq - first) <= (uint16_t)(last - first))
			return 0;
	}
	return -ETIMEDOUT;
}

static int path_mtu(int fd, bool v6)
{
	int mtu = 0;
	socklen_t len = sizeof(mtu);
	if (getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU, &mtu, &len) < 0)
		return 0;
	return mtu;
}

int netprobe_echo(const struct ipaddr *to, int size, int *ret_mtu)
{
	return netprobe_echo_as(to, size, (uint16_t)getpid(), ret_mtu);
}

int netprobe_echo_as(const struct ipaddr *to, int size, uint16_t mark, int *ret_mtu)
{
	static uint16_t seq;
	bool v6 = ipaddr_is_v6(to);
	struct sockaddr_storage sa;
	socklen_t len = ipaddr_to_sockaddr(to, 0, &sa);
	int header = v6 ? 40 : 20, always = v6 ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO, r = 0;
	auto_close int fd =
		socket(to->family, SOCK_RAW | SOCK_CLOEXEC, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
		       &always, sizeof(always)) < 0 ||
	    connect(fd, (struct sockaddr *)&sa, len) < 0)
		return -errno;
	size_t n = size > header + 8 ? (size_t)(size - header) : 8;
	auto_free uint8_t *packet = xcalloc(n, 1);
	uint16_t first = (uint16_t)(seq + 1);
	for (int i = 0; i < TRIES; i++) {
		uint16_t id = htons(mark), number = ++seq;
		packet[0] = v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
		memset(packet + 2, 0, 2);
		memcpy(packet + 4, &id, 2);
		memcpy(packet + 6, &number, 2);
		uint16_t sum = htons(netprobe_sum(packet, n));
		if (!v6) /* the kernel fills that of ICMPv6 */
			memcpy(packet + 2, &sum, 2);
		if (send(fd, packet, n, 0) < 0) {
			*ret_mtu = path_mtu(fd, v6);
			return -errno;
		}
		r = netprobe_await(fd, v6, id, first, number);
		if (r != -ETIMEDOUT)
			break;
	}
	if (r == -EMSGSIZE)
		*ret_mtu = path_mtu(fd, v6);
	return r;
}

/* RFC 1035: header, one question. */
static size_t question(const char *name, uint16_t type, uint8_t out[300])
{
	static const uint8_t head[12] = {0x43, 0x4b, 1, 0, 0, 1};
	size_t n = sizeof(head);
	memcpy(out, head, n);
	for (const char *p = name; *p;) {
		size_t len = strcspn(p, ".");
		if (len == 0 || len > 63 || n + len > 280)
			return 0;
		out[n++] = (uint8_t)len;
		memcpy(out + n, p, len);
		n += len;
		p += len + (p[len] == '.');
	}
	const uint8_t tail[] = {0, 0, (uint8_t)type, 0, 1};
	memcpy(out + n, tail, sizeof(tail));
	return n + sizeof(tail);
}

/* RFC 1035 4.1.3, 4.1.4: the first record of the type, behind the question. */
static bool first_address(const uint8_t *a, size_t len, uint16_t type, struct ipaddr *ret)
{
	size_t at = 12, want = type == 1 ? 4 : 16;
	while (at < len && a[at])
		at += (size_t)a[at] + 1;
	for (at += 5; at + 2 < len;) { /* the name: a pointer, or labels */
		while (at < len && a[at] && a[at] < 0xc0)
			at += (size_t)a[at] + 1;
		at += at < len && a[at] >= 0xc0 ? 2 : 1;
		if (at + 10 > len)
			return false;
		size_t size = (size_t)(a[at + 8] << 8 | a[at + 9]);
		bool found = (a[at] << 8 | a[at + 1]) == type && size == want;
		at += 10;
		if (found && at + size <= len) {
			*ret = (struct ipaddr){.family = type == 1 ? AF_INET : AF_INET6};
			memcpy(ret->bytes, a + at, size);
			return true;
		}
		at += size;
	}
	return false;
}

static int ask(int fd, const char *name, uint16_t type, struct ipaddr *ret)
{
	uint8_t q[300], a[1500];
	size_t n = question(name, type, q);
	if (n == 0)
		return -EINVAL;
	for (int i = 0; i < TRIES; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (send(fd, q, n, 0) < 0)
			return -errno;
		if (poll(&p, 1, NETPROBE_MS) <= 0)
			continue;
		ssize_t got = recv(fd, a, sizeof(a), MSG_DONTWAIT);
		if (got < 0)
			return -errno;
		if (got >= 12) /* the number of answers */
			return first_address(a, (size_t)got, type, ret) ? 0 : -ENOENT;
	}
	return -ETIMEDOUT;
}

int netprobe_name(const char *name, struct ipaddr *ret)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_port = htons(53),
				 .sin_addr = {htonl(0x7f00000b)}};
	auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	int r = ask(fd, name, 1, ret);
	return r == -ENOENT ? ask(fd, name, 28, ret) : r;
}

/* Waits for a connection or an answer. */
static int settle(int fd, bool tcp, int wait_ms)
{
	struct pollfd p = {.fd = fd, .events = tcp ? POLLOUT : POLLIN};
	int code = 0;
	socklen_t len = sizeof(code);
	if (poll(&p, 1, wait_ms) <= 0)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		return -errno;
	return -code;
}

int netprobe_port(const struct ipaddr *to, uint8_t proto, uint16_t port, uint16_t from, int wait_ms)
{
	struct sockaddr_storage sa, own;
	bool tcp = proto == IPPROTO_TCP;
	socklen_t len = ipaddr_to_sockaddr(to, port, &sa);
	const struct ipaddr any = ipaddr_any(to->family);
	socklen_t own_len = ipaddr_to_sockaddr(&any, from, &own);
	auto_close int fd =
		socket(to->family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
		       0);
	if (fd < 0 || (from && bind(fd, (struct sockaddr *)&own, own_len) < 0))
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS)
		return -errno;
	if (!tcp && send(fd, "", 1, MSG_NOSIGNAL) < 0)
		return -errno;
	return settle(fd, tcp, wait_ms);
}
