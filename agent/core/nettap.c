/* SPDX-License-Identifier: Apache-2.0
 * Packet sockets that wait for one probe; see nettap.h. */
#include "agent/core/nettap.h"
#include "base/loop.h"
#include "base/mem.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PACKET_MAX 65536
#define TAPS_MAX   16
#define ENCAP      30 /* UDP 8, VXLAN 8, Ethernet 14 */

/* Offsets of the last four bytes of sender and receiver behind the start of a header. */
struct place {
	uint32_t from, to;
};

static uint32_t tail(const struct ipaddr *a)
{
	uint32_t v;
	memcpy(&v, a->bytes + ipaddr_len(a) - sizeof(v), sizeof(v));
	return ntohl(v);
}

/* One place: (from A to B) or (from B to A) is taken; loose: A may be anyone. Nine instructions. */
static size_t add_place(struct sock_filter *f, struct place at, uint32_t a, uint32_t b, bool loose)
{
	const struct sock_filter strict[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at.from),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, a, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at.to),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, b, 3, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, b, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at.to),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, a, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, PACKET_MAX),
	};
	const struct sock_filter any[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at.from),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, b, 2, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at.to),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, b, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, PACKET_MAX),
	};
	size_t n = loose ? ARRAY_LEN(any) : ARRAY_LEN(strict);
	memcpy(f, loose ? any : strict, n * sizeof(*f));
	return n;
}

/* A load behind the end of a packet drops it: the places come in order. */
static int set_filter(const struct nettap *t, const struct nettap_probe *p)
{
	bool v6 = ipaddr_is_v6(&p->to);
	const struct place plain = v6 ? (struct place){20, 36} : (struct place){12, 16};
	static const uint32_t bases[] = {0, 20 + ENCAP, 40 + ENCAP};
	struct sock_filter code[9 * ARRAY_LEN(bases) + 1];
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(bases); i++)
		n += add_place(code + n, (struct place){bases[i] + plain.from, bases[i] + plain.to},
			       tail(&p->from), tail(&p->to), t->loose);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog prog = {.len = (unsigned short)n, .filter = code};
	return setsockopt(t->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ? -errno
											: 0;
}

int nettap_open(struct nettap *t, const char *link, const struct nettap_probe *p)
{
	struct sockaddr_ll sa = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	sa.sll_ifindex = (int)if_nametoindex(link);
	if (!sa.sll_ifindex)
		return -ENODEV;
	/* Silent until it is bound: without a protocol nothing arrives. */
	t->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd < 0)
		return -errno;
	int r = set_filter(t, p);
	if (r == 0 && bind(t->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		r = -errno;
	if (r < 0)
		nettap_close(t);
	return r;
}

void nettap_close(struct nettap *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

struct header { /* of IP, read */
	struct ipaddr from, to;
	uint8_t proto;
	const uint8_t *rest;
	size_t len;
};

static bool read_header(const uint8_t *p, size_t len, struct header *h)
{
	if (len >= 20 && p[0] >> 4 == 4) {
		size_t skip = (size_t)(p[0] & 15) * 4;
		if (skip < 20 || skip > len || get16(p + 6) & 0x1fff) /* a later fragment */
			return false;
		*h = (struct header){.from = {.family = AF_INET},
				     .to = {.family = AF_INET},
				     .proto = p[9],
				     .rest = p + skip,
				     .len = len - skip};
		memcpy(h->from.bytes, p + 12, 4);
		memcpy(h->to.bytes, p + 16, 4);
		return true;
	}
	if (len < 40 || p[0] >> 4 != 6)
		return false;
	*h = (struct header){.from = {.family = AF_INET6},
			     .to = {.family = AF_INET6},
			     .proto = p[6],
			     .rest = p + 40,
			     .len = len - 40};
	memcpy(h->from.bytes, p + 8, 16);
	memcpy(h->to.bytes, p + 24, 16);
	return true;
}

static enum nettap_way match_icmp(const struct header *h, const struct nettap_probe *p)
{
	bool v6 = h->proto == IPPROTO_ICMPV6;
	if ((h->proto != IPPROTO_ICMP && !v6) || h->len < 8 || get16(h->rest + 4) != p->id)
		return NETTAP_NONE;
	if (h->rest[0] == (v6 ? 128 : 8)) /* echo request: RFC 4443 4.1, RFC 792 */
		return NETTAP_THERE;
	return h->rest[0] == (v6 ? 129 : 0) ? NETTAP_BACK : NETTAP_NONE;
}

static enum nettap_way match_ports(const struct header *h, const struct nettap_probe *p)
{
	if (h->proto != p->proto || h->len < 8)
		return NETTAP_NONE;
	uint16_t from = get16(h->rest), to = get16(h->rest + 2);
	if (from == p->id && to == p->port)
		return NETTAP_THERE;
	return from == p->port && to == p->id ? NETTAP_BACK : NETTAP_NONE;
}

enum nettap_way nettap_match(const uint8_t *packet, size_t len, const struct nettap_probe *p,
			     bool loose)
{
	struct header h;
	if (!read_header(packet, len, &h))
		return NETTAP_NONE;
	if (h.proto == IPPROTO_UDP && h.len > ENCAP && get16(h.rest + 2) == p->vxlan_port &&
	    !read_header(h.rest + ENCAP, h.len - ENCAP, &h))
		return NETTAP_NONE;
	enum nettap_way way = p->proto == IPPROTO_ICMP ? match_icmp(&h, p) : match_ports(&h, p);
	const struct ipaddr *from = way == NETTAP_BACK ? &p->to : &p->from;
	const struct ipaddr *to = way == NETTAP_BACK ? &p->from : &p->to;
	bool from_ok = ipaddr_equal(&h.from, from) || (loose && way == NETTAP_THERE);
	bool to_ok = ipaddr_equal(&h.to, to) || (loose && way == NETTAP_BACK);
	return from_ok && to_ok ? way : NETTAP_NONE;
}

static void drain(struct nettap *t, const struct nettap_probe *p)
{
	static uint8_t buf[PACKET_MAX];
	for (ssize_t n; (n = recv(t->fd, buf, sizeof(buf), 0)) > 0;) {
		enum nettap_way way = nettap_match(buf, (size_t)n, p, t->loose);
		t->there |= way == NETTAP_THERE;
		t->back |= way == NETTAP_BACK;
	}
}

void nettap_watch(struct nettap *v, size_t n, const struct nettap_probe *p, int wait_ms,
		  bool (*enough)(void *arg), void *arg)
{
	uint64_t until = clock_ms() + (uint64_t)wait_ms;
	struct pollfd fds[TAPS_MAX];
	for (;;) {
		for (size_t i = 0; i < n; i++) {
			if (v[i].fd >= 0)
				drain(&v[i], p);
			fds[i] = (struct pollfd){.fd = v[i].fd, .events = POLLIN};
		}
		uint64_t now = clock_ms();
		if (now >= until || enough(arg))
			return;
		(void)poll(fds, (nfds_t)n, (int)(until - now));
	}
}
