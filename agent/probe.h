/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions to the kernel, each answered in a child with namespaces of its own, so that nothing of
 * the host changes and no packet is sent.
 */
#pragma once

enum probe_kind {
	PROBE_VXLAN,
	PROBE_BRIDGE,
	PROBE_VETH,
	PROBE_NFTABLES,
	PROBE_WIREGUARD,
	PROBE_MACVLAN,
	PROBE_IPVLAN,
	PROBE_VLAN,
	PROBE_OVERLAYFS
};

/* 0 when the kernel can do it (macvlan, ipvlan, VLAN: anything but -EOPNOTSUPP, for they want a link), else a negative errno. dir: where PROBE_OVERLAYFS tries, a directory of
 * the data directory's file system; NULL for the others. */
int probe_kernel(enum probe_kind kind, const char *dir);
