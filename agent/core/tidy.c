/* SPDX-License-Identifier: Apache-2.0
 * Empty cgroups. Ends no process: a cgroup with anything in it resists rmdir. */
#include "agent/core/tidy.h"
#include "base/mem.h"
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

static bool remove_one(const char *path)
{
	return rmdir(path) == 0 || errno == ENOENT;
}

bool tidy_cgroups(const char *parent)
{
	/* Version 2 has it at the root, version 1 in each hierarchy. */
	if (!parent || strpbrk(parent, "*?[\\") || strstr(parent, "..") || parent[0] != '/' ||
	    !parent[1])
		return true;
	auto_free char *single = xasprintf(CGROUP_ROOT "%s", parent);
	auto_free char *pattern = xasprintf(CGROUP_ROOT "/*%s", parent);
	bool gone = remove_one(single);
	glob_t g;
	if (glob(pattern, GLOB_NOSORT, NULL, &g) != 0)
		return gone;
	for (size_t i = 0; i < g.gl_pathc; i++)
		gone &= remove_one(g.gl_pathv[i]);
	globfree(&g);
	return gone;
}
