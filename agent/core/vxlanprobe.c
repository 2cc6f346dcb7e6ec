/* SPDX-License-Identifier: Apache-2.0
 * See vxlanprobe.h. */
#include "agent/core/vxlanprobe.h"
#include "agent/core/netprobe.h"
#include "base/mem.h"
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <unistd.h>

#define TRIES 3

struct packet {
	uint8_t flags, reserved[3]; /* RFC 7348 5 */
	uint32_t vni;
	struct ether_header eth;
	struct iphdr ip;
	struct icmphdr icmp;
} __attribute__((packed));

int vxlanprobe_open(const struct ipaddr *vtep, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = ipaddr_to_sockaddr(vtep, port, &sa);
	auto_close int fd = socket(vtep->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, len) < 0)
		return -errno;
	return take_fd(fd);
}

static void fill(struct packet *p, uint32_t vni, const struct vxlanprobe_end *from,
		 const struct vxlanprobe_end *to)
{
	p->flags = 8;
	p->vni = htonl(vni << 8);
	memcpy(p->eth.ether_dhost, &to->mac, ETH_ALEN);
	memcpy(p->eth.ether_shost, &from->mac, ETH_ALEN);
	p->eth.ether_type = htons(ETHERTYPE_IP);
	p->ip.version = 4;
	p->ip.ihl = sizeof(p->ip) / 4;
	p->ip.tot_len = htons(sizeof(p->ip) + sizeof(p->icmp));
	p->ip.ttl = 64;
	p->ip.protocol = IPPROTO_ICMP;
	memcpy(&p->ip.saddr, from->ip.bytes, sizeof(p->ip.saddr));
	memcpy(&p->ip.daddr, to->ip.bytes, sizeof(p->ip.daddr));
	p->ip.check = htons(netprobe_sum((const uint8_t *)&p->ip, sizeof(p->ip)));
	p->icmp.type = ICMP_ECHO;
}

int vxlanprobe_echo(int fd, uint32_t vni, const struct vxlanprobe_end *from,
		    const struct vxlanprobe_end *to)
{
	static uint16_t seq;
	struct packet p = {0};
	uint16_t first = (uint16_t)(seq + 1), id = htons((uint16_t)~getpid());
	int r = -ETIMEDOUT;
	auto_close int answers = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (answers < 0)
		return -errno;
	fill(&p, vni, from, to);
	for (int i = 0; i < TRIES && r == -ETIMEDOUT; i++) {
		p.icmp.un.echo.id = id;
		p.icmp.un.echo.sequence = ++seq;
		p.icmp.checksum = 0;
		p.icmp.checksum = htons(netprobe_sum((const uint8_t *)&p.icmp, sizeof(p.icmp)));
		if (send(fd, &p, sizeof(p), 0) < 0)
			return -errno;
		r = netprobe_await(answers, false, id, first, seq);
	}
	return r;
}
