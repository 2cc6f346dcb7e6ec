/* SPDX-License-Identifier: Apache-2.0
 *
 * An echo request inside of a VXLAN packet (RFC 7348) that is made by hand and has a UDP checksum. The
 * fast path leaves such a packet to the stack of the host that gets it, with its firewall, as it does
 * with those that a network card put together: what passes here passes there.
 */
#pragma once
#include "base/ipaddr.h"
#include <net/ethernet.h>

struct vxlanprobe_end {
	struct ipaddr ip; /* IPv4 */
	struct ether_addr mac;
};

/* A socket to the host's VXLAN port; from the namespace of this host. -errno. */
int vxlanprobe_open(const struct ipaddr *vtep, uint16_t port);
/* From the namespace of the container that is from. 0: answered; -ETIMEDOUT; another -errno. */
int vxlanprobe_echo(int fd, uint32_t vni, const struct vxlanprobe_end *from,
		    const struct vxlanprobe_end *to);
