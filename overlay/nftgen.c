/* SPDX-License-Identifier: Apache-2.0
 * Asking the kernel for the packet filter's generation; see nftgen.h. */
#include "overlay/nftgen.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int nftgen_open(struct err *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	return fd < 0 ? err_sys(err, -errno, "cannot open a socket to the packet filter") : fd;
}

static int find_id(const char *buf, size_t len, uint32_t *ret)
{
	const struct nlmsghdr *h = (const void *)buf;
	size_t skip = NLMSG_LENGTH(NLMSG_ALIGN(sizeof(struct nfgenmsg)));
	if (len < skip || h->nlmsg_len > len)
		return -EPROTO;
	if (h->nlmsg_type != ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWGEN))
		return -EPROTO;
	for (size_t at = skip; at + NLA_HDRLEN <= h->nlmsg_len;) {
		const struct nlattr *a = (const void *)(buf + at);
		uint32_t id;
		if (a->nla_len < NLA_HDRLEN || at + a->nla_len > h->nlmsg_len)
			return -EPROTO;
		if (a->nla_type == NFTA_GEN_ID && a->nla_len >= NLA_HDRLEN + sizeof(id)) {
			memcpy(&id, buf + at + NLA_HDRLEN, sizeof(id));
			*ret = ntohl(id);
			return 0;
		}
		at += NLA_ALIGN(a->nla_len);
	}
	return -EPROTO;
}

int nftgen_read(int fd, uint32_t *ret)
{
	struct {
		struct nlmsghdr h;
		struct nfgenmsg g;
	} ask = {.h = {.nlmsg_len = sizeof(ask),
		       .nlmsg_type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN,
		       .nlmsg_flags = NLM_F_REQUEST},
		 .g = {.version = NFNETLINK_V0}};
	char buf[1024] __attribute__((aligned(NLMSG_ALIGNTO)));
	if (send(fd, &ask, sizeof(ask), 0) < 0)
		return -errno;
	/* The kernel answers within send. */
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	return n < 0 ? -errno : find_id(buf, (size_t)n, ret);
}
