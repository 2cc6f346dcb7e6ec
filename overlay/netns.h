/* SPDX-License-Identifier: Apache-2.0
 *
 * Network namespaces kept by a bind mount, visits to them by the calling thread, and kernel
 * settings below /proc/sys/net of the namespace the thread is in.
 */
#pragma once
#include "base/err.h"
#include <stdbool.h>

/* The namespace of the calling thread, as a descriptor; or -errno. */
int netns_self(void);
/* Opens the namespace kept at path (descriptor); -ENOENT when nothing is mounted there. */
int netns_open(const char *path, struct err *err);
/* A fresh namespace, mounted at path; returns its descriptor. home is where the thread returns to. */
int netns_create(const char *path, int home, struct err *err);
/* Unmounts and removes path; the namespace dies with its last process. Absent is fine. */
int netns_drop(const char *path, struct err *err);

int netns_enter(int fd, struct err *err);
/* Back to the thread's own. Ends the process on failure: it must never go on in a container's. */
void netns_leave(int home);

/* Writes value to a setting such as "net.ipv4.ip_forward"; -ENOENT when the kernel lacks it. */
int netns_sysctl(const char *name, const char *value, struct err *err);
/* Has the setting this value? Also where the kernel lacks it. */
bool netns_sysctl_is(const char *name, const char *value);
/* Sets whether a link of this thread's namespace has IPv6, and in either case that it has it without
 * rumours: no address and no router by advertisement, no link-local address that the controller does
 * not know, no search for duplicates where it gives out the addresses. */
void netns_link_ipv6(const char *link, bool on);
