/* SPDX-License-Identifier: Apache-2.0
 * Control groups; see cgroup.h. */
#include "agent/runtime/cgroup.h"
#include "base/fd.h"
#include "base/num.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define MOUNTS_MAX (16u << 20) /* bytes of /proc/self/mounts; a node has some mounts a container */
#define DEPTH_MAX  16          /* of groups that a container made below its own */
#define PROCS_MAX  (4u << 20)  /* bytes of cgroup.procs */

static bool options_have(const char *options, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = options; *p; p += *p == ',') {
		size_t len = strcspn(p, ",");
		if (len == n && memcmp(p, name, n) == 0)
			return true;
		p += len;
	}
	return false;
}

static void add_v1(struct cgroups *g, const char *dir, const char *options)
{
	strlist_add(&g->mounts, dir);
	if (!g->memory && options_have(options, "memory"))
		g->memory = xstrdup(dir);
	if (!g->cpu && options_have(options, "cpu"))
		g->cpu = xstrdup(dir);
}

int cgroups_parse(const char *mounts, struct cgroups *out, struct err *err)
{
	struct cgroups g = {0};
	auto_free char *unified = NULL, *text = xstrdup(mounts);
	char *save = NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *words = NULL;
		strtok_r(line, " ", &words);
		const char *dir = strtok_r(NULL, " ", &words), *type = strtok_r(NULL, " ", &words);
		const char *options = strtok_r(NULL, " ", &words);
		if (!options || !str_starts(dir, "/sys/fs/cgroup") || strchr(dir, '\\'))
			continue;
		if (streq(type, "cgroup"))
			add_v1(&g, dir, options);
		if (streq(type, "cgroup2") && !unified)
			unified = xstrdup(dir);
	}
	if (g.mounts.n == 0 && !unified)
		return err_set(err, -ENODEV,
			       "no cgroups below '/sys/fs/cgroup': mount cgroup2 "
			       "there, containers cannot run without");
	if (g.mounts.n == 0) {
		g.v2 = true;
		strlist_add(&g.mounts, unified);
		g.memory = xstrdup(unified);
		g.cpu = xstrdup(unified);
	}
	g.hybrid = !g.v2 && streq(unified, "/sys/fs/cgroup/unified");
	*out = g;
	return 0;
}

/* The name of a file of a group, read whole; NULL when it is not there. */
static char *group_read(const char *dir, const char *path, const char *file)
{
	auto_free char *name = xasprintf("%s%s/%s", dir, path, file);
	char *text = NULL;
	return file_read(name, PROCS_MAX, &text, NULL, NULL) < 0 ? NULL : text;
}

int cgroups_detect(struct cgroups *out, struct err *err)
{
	auto_free char *mounts = NULL;
	int r = file_read("/proc/self/mounts", MOUNTS_MAX, &mounts, NULL, err);
	if (r == 0)
		r = cgroups_parse(mounts, out, err);
	if (r < 0)
		return r;
	if (out->hybrid) {
		auto_free char *have =
			group_read("/sys/fs/cgroup/unified", "", "cgroup.controllers");
		out->hybrid = have && have[0] && have[0] != '\n';
	}
	auto_free char *memsw = xasprintf("%s/memory.memsw.limit_in_bytes", out->memory ?: "");
	/* The root of v2 has no limits; where swap is counted it has swap's name in /proc. */
	out->swap = out->memory && (out->v2 ? path_exists("/proc/swaps") : path_exists(memsw));
	return 0;
}

void cgroups_done(struct cgroups *g)
{
	strlist_done(&g->mounts);
	free_and_null(&g->memory);
	free_and_null(&g->cpu);
}

bool cgroup_oom(const struct cgroups *g, const char *path)
{
	if (!g->memory)
		return false;
	auto_free char *text =
		group_read(g->memory, path, g->v2 ? "memory.events" : "memory.oom_control");
	for (const char *p = text; p && *p; p += *p == '\n') {
		if (str_starts(p, "oom_kill "))
			return strtoll(p + strlen("oom_kill "), NULL, 10) > 0;
		p += strcspn(p, "\n");
	}
	return false;
}

static size_t kill_listed(const char *dir, const char *path)
{
	size_t n = 0;
	auto_free char *text = group_read(dir, path, "cgroup.procs");
	for (const char *p = text; p && *p; p += *p == '\n') {
		long pid = strtol(p, NULL, 10);
		if (pid > 1 && kill((pid_t)pid, SIGKILL) == 0)
			n++;
		p += strcspn(p, "\n");
	}
	return n;
}

/* Calls fn on the group and those below, deepest first; sums what it returns. */
static size_t each_below(const char *dir, const char *path, int depth,
			 size_t (*fn)(const char *dir, const char *path))
{
	size_t sum = 0;
	auto_free char *name = xasprintf("%s%s", dir, path);
	DIR *d = depth < DEPTH_MAX ? opendir(name) : NULL;
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		auto_free char *sub = xasprintf("%s/%s", path, e->d_name);
		sum += each_below(dir, sub, depth + 1, fn);
	}
	if (d)
		closedir(d);
	return sum + fn(dir, path);
}

size_t cgroup_kill(const struct cgroups *g, const char *path)
{
	if (g->v2) {
		auto_free char *file = xasprintf("%s%s/cgroup.kill", g->mounts.v[0], path);
		auto_close int fd = open(file, O_WRONLY | O_CLOEXEC);
		if (fd >= 0 && write(fd, "1", 1) == 1)
			return 0;
	}
	/* v1: the process may be in any of the hierarchies' groups; one that has them is enough. */
	return each_below(g->memory ?: g->mounts.v[0], path, 0, kill_listed);
}

static size_t remove_one(const char *dir, const char *path)
{
	auto_free char *name = xasprintf("%s%s", dir, path);
	return rmdir(name) < 0 && errno != ENOENT;
}

int cgroup_remove(const struct cgroups *g, const char *path)
{
	size_t left = 0;
	for (size_t i = 0; i < g->mounts.n; i++)
		left += each_below(g->mounts.v[i], path, 0, remove_one);
	return left ? -EBUSY : 0;
}
