/* SPDX-License-Identifier: Apache-2.0
 * The probes: raw netlink requests and one mount. Prints nothing. */
#include "agent/probe.h"
#include "base/mem.h"
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct request {
	struct nlmsghdr head;
	char body[512];
};

static struct nlattr *attr_begin(struct request *q, uint16_t type)
{
	struct nlattr *a = (struct nlattr *)((char *)&q->head + NLMSG_ALIGN(q->head.nlmsg_len));
	a->nla_type = type;
	a->nla_len = NLA_HDRLEN;
	q->head.nlmsg_len = NLMSG_ALIGN(q->head.nlmsg_len) + NLA_HDRLEN;
	return a;
}

static void attr_end(struct request *q, struct nlattr *a)
{
	a->nla_len = (uint16_t)((char *)&q->head + q->head.nlmsg_len - (char *)a);
}

static void attr_put(struct request *q, uint16_t type, const void *data, size_t n)
{
	struct nlattr *a = attr_begin(q, type);
	memcpy((char *)a + NLA_HDRLEN, data, n);
	q->head.nlmsg_len += (uint32_t)NLMSG_ALIGN(n);
	a->nla_len = (uint16_t)(NLA_HDRLEN + n);
}

/* Sends, and waits for the kernel's verdict: 0 or -errno. */
static int netlink_ask(int protocol, struct request *q)
{
	auto_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return -errno;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	if (sendto(fd, q, q->head.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	union {
		struct nlmsghdr head;
		char bytes[8192];
	} answer;
	ssize_t n = recv(fd, &answer, sizeof(answer), 0);
	if (n < (ssize_t)sizeof(answer.head))
		return n < 0 ? -errno : -EIO;
	if (answer.head.nlmsg_type != NLMSG_ERROR)
		return 0;
	const struct nlmsgerr *e = NLMSG_DATA(&answer.head);
	return e->error;
}

static int try_link(const char *kind)
{
	struct request q = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
				     .nlmsg_type = RTM_NEWLINK,
				     .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE}};
	attr_put(&q, IFLA_IFNAME, "ckprobe", sizeof("ckprobe"));
	struct nlattr *info = attr_begin(&q, IFLA_LINKINFO);
	attr_put(&q, IFLA_INFO_KIND, kind, strlen(kind) + 1);
	if (strcmp(kind, "vxlan") == 0) {
		uint32_t vni = 4096;
		uint16_t port = __builtin_bswap16(4789);
		struct nlattr *data = attr_begin(&q, IFLA_INFO_DATA);
		attr_put(&q, IFLA_VXLAN_ID, &vni, sizeof(vni));
		attr_put(&q, IFLA_VXLAN_PORT, &port, sizeof(port));
		attr_end(&q, data);
	}
	attr_end(&q, info);
	return netlink_ask(NETLINK_ROUTE, &q);
}

static int try_nftables(void)
{
	struct request q = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg)),
				     .nlmsg_type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN,
				     .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK}};
	return netlink_ask(NETLINK_NETFILTER, &q);
}

static int try_overlayfs(const char *dir)
{
	static const char *const parts[] = {"lower", "upper", "work", "merged"};
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || chdir(dir) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (mkdir(parts[i], 0700) < 0 && errno != EEXIST)
			return -errno;
	}
	if (mount("overlay", "merged", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work") <
	    0)
		return -errno;
	umount2("merged", MNT_DETACH);
	return 0;
}

static int try_one(enum probe_kind kind, const char *dir)
{
	if (unshare(kind == PROBE_OVERLAYFS ? CLONE_NEWNS : CLONE_NEWNET) < 0)
		return -errno;
	switch (kind) {
	case PROBE_VXLAN:
		return try_link("vxlan");
	case PROBE_BRIDGE:
		return try_link("bridge");
	case PROBE_VETH:
		return try_link("veth");
	case PROBE_WIREGUARD:
		return try_link("wireguard");
	case PROBE_MACVLAN:
		return try_link("macvlan");
	case PROBE_IPVLAN:
		return try_link("ipvlan");
	case PROBE_VLAN:
		return try_link("vlan");
	case PROBE_NFTABLES:
		return try_nftables();
	case PROBE_OVERLAYFS:
		return try_overlayfs(dir);
	}
	return -EINVAL;
}

int probe_kernel(enum probe_kind kind, const char *dir)
{
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(-try_one(kind, dir) & 0xff);
	int status;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}
