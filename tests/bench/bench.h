/* SPDX-License-Identifier: Apache-2.0
 * What the benchmarks of one host share: a clock, the end at an error, a host of their own. */
#pragma once
#include "base/err.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void must(int r, const struct err *err)
{
	if (r < 0) {
		fprintf(stderr, "%s\n", err_text(err));
		exit(1);
	}
}

/* Starts the program anew in namespaces of its own, with an interface und0 (192.0.2.1/24) and a tmpfs
 * at run; ends it where that cannot be. */
static void own_host(char **argv, const char *run)
{
	char cmd[512];
	if (!getenv("CK_INSIDE")) {
		setenv("CK_INSIDE", "1", 1);
		execlp("unshare", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
		       "--mount-proc", argv[0], (char *)NULL);
		perror("unshare");
		exit(1);
	}
	snprintf(cmd, sizeof(cmd),
		 "ip link set lo up && ip link add und0 type veth peer name und1 && ip link set "
		 "und1 up && ip addr add 192.0.2.1/24 dev und0 && ip link set und0 up && mkdir -p "
		 "%s && mount -t tmpfs ck %s",
		 run, run);
	if (system(cmd) != 0)
		exit(1);
	setvbuf(stdout, NULL, _IOLBF, 0);
}
