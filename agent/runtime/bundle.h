/* SPDX-License-Identifier: Apache-2.0
 *
 * From a request to the OCI runtime's configuration. A pure function but for devices, whose numbers
 * the host knows.
 */
#pragma once
#include "agent/runtime/cgroup.h"
#include "agent/runtime/runtime.h"
#include "agent/runtime/user.h"
#include "base/json.h"

struct bundle_host { /* what the plan needs to know of this container's place */
	const struct cgroups *cgroups;
	const char *cgroup_path; /* "/PARENT/ID" */
	const char *rootfs;      /* mount point of the root file system */
	const char *files;       /* folder with hosts, resolv.conf and hostname */
	const char *shim;        /* carrack-shim, for init: true */
	const struct rt_user *user;
	const char *pid_ns, *ipc_ns; /* paths of namespaces to join; NULL: its own */
	const char *shm;             /* folder that becomes /dev/shm; NULL: its own tmpfs */
	uint64_t caps_available;
	/* The compiled seccomp profile for these capabilities (borrowed); NULL: not compiled. */
	const char *(*seccomp)(uint64_t caps, void *arg);
	void *seccomp_arg;
};

/* Refuses what cannot be asked for, before anything is made. */
int bundle_check(const struct rt_spec *s, struct err *err);
/* The same with the root file system at hand: no file is to be mounted on a folder. */
int bundle_check_places(const struct rt_spec *s, int rootfd, struct err *err);
/* NULL with err on failure; caller decrefs. */
json_t *bundle_plan(const struct rt_spec *s, const struct bundle_host *h, struct err *err);
/* The process object of a command run in a container: that of the container with changes. */
json_t *bundle_exec_process(const json_t *config, const struct rt_exec_spec *s,
			    const struct rt_user *user, struct err *err);
/* Lexically: absolute, not in /proc or /sys, without "..". */
bool bundle_cwd_ok(const char *cwd);
