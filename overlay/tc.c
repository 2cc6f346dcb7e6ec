/* SPDX-License-Identifier: Apache-2.0
 * BPF filters at a link's ingress; see tc.h. */
#include "overlay/tc.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <string.h>

#define INGRESS  TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
#define EGRESS   TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)
#define PRIORITY 0x636bu /* "ck"; those of others come first */
#define HANDLE   1

static struct tcmsg filter_of(int index)
{
	return (struct tcmsg){.tcm_family = AF_UNSPEC,
			      .tcm_ifindex = index,
			      .tcm_parent = INGRESS,
			      .tcm_handle = HANDLE,
			      .tcm_info = TC_H_MAKE(PRIORITY << 16, htons(ETH_P_ALL))};
}

static struct tcmsg qdisc_of(int index)
{
	return (struct tcmsg){.tcm_family = AF_UNSPEC,
			      .tcm_ifindex = index,
			      .tcm_parent = TC_H_CLSACT,
			      .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0)};
}

static int add_filter(struct nlsock *s, int index, int program, const char *name, struct err *err)
{
	struct tcmsg t = filter_of(index);
	struct nlreq *r = nlreq_new(RTM_NEWTFILTER, NLM_F_CREATE, &t, sizeof(t));
	nlreq_str(r, TCA_KIND, "bpf");
	void *options = nlreq_nest(r, TCA_OPTIONS | NLA_F_NESTED);
	nlreq_u32(r, TCA_BPF_FD, (uint32_t)program);
	nlreq_str(r, TCA_BPF_NAME, name);
	nlreq_u32(r, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	nlreq_nest_end(r, options);
	return nlsock_call(s, r, err);
}

int tc_attach(struct nlsock *s, int index, int program, const char *name, struct err *err)
{
	if (add_filter(s, index, program, name, NULL) == 0)
		return 0;
	struct tcmsg t = qdisc_of(index);
	struct nlreq *r = nlreq_new(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &t, sizeof(t));
	nlreq_str(r, TCA_KIND, "clsact");
	int code = nlsock_call(s, r, err);
	return code < 0 && code != -EEXIST ? code : add_filter(s, index, program, name, err);
}

static void take_id(const struct nlmsghdr *h, void *arg)
{
	const struct rtattr *tb[TCA_MAX + 1], *bpf[TCA_BPF_MAX + 1];
	if (h->nlmsg_type != RTM_NEWTFILTER || h->nlmsg_len < NLMSG_LENGTH(sizeof(struct tcmsg)))
		return;
	nl_attrs(h, sizeof(struct tcmsg), tb, TCA_MAX);
	if (!tb[TCA_KIND] || strcmp(RTA_DATA(tb[TCA_KIND]), "bpf") != 0 || !tb[TCA_OPTIONS])
		return;
	nl_nested(tb[TCA_OPTIONS], bpf, TCA_BPF_MAX);
	*(uint32_t *)arg = nl_get_u32(bpf[TCA_BPF_ID], 0);
}

uint32_t tc_attached(struct nlsock *s, int index)
{
	struct tcmsg t = filter_of(index);
	uint32_t id = 0;
	int r = nlsock_dump(s, nlreq_new(RTM_GETTFILTER, 0, &t, sizeof(t)), take_id, &id, NULL);
	return r < 0 ? 0 : id;
}

static void count_filter(const struct nlmsghdr *h, void *arg)
{
	*(size_t *)arg += h->nlmsg_type == RTM_NEWTFILTER;
}

void tc_detach(struct nlsock *s, int index)
{
	static const uint32_t sides[] = {INGRESS, EGRESS};
	struct tcmsg t = filter_of(index);
	size_t left = 0;
	if (nlsock_call(s, nlreq_new(RTM_DELTFILTER, 0, &t, sizeof(t)), NULL) < 0)
		return;
	for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
		struct tcmsg side = {.tcm_ifindex = index, .tcm_parent = sides[i]};
		if (nlsock_dump(s, nlreq_new(RTM_GETTFILTER, NLM_F_DUMP, &side, sizeof(side)),
				count_filter, &left, NULL) < 0)
			return;
	}
	t = qdisc_of(index);
	if (left == 0)
		(void)nlsock_call(s, nlreq_new(RTM_DELQDISC, 0, &t, sizeof(t)), NULL);
}
