/* SPDX-License-Identifier: Apache-2.0
 * The lab's folder, pid records and cgroup names; see place.h. */
#include "lab/place.h"
#include "base/fd.h"
#include "base/str.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define DROP_TRIES 200 /* of 10 ms: dying processes leave their cgroup a little later */

static bool name_ok(const char *name)
{
	size_t n = strlen(name);
	if (n < 1 || n > 20)
		return false;
	for (; *name; name++)
		if (!islower((unsigned char)*name) && !isdigit((unsigned char)*name) &&
		    *name != '-')
			return false;
	return true;
}

int place_open(struct place *p, const char *lab_name, struct err *err)
{
	if (!name_ok(lab_name))
		return err_set(err, -EINVAL,
			       "'%s' is no name for a lab: use 1 to 20 of a-z, 0-9 and '-'",
			       lab_name);
	const char *base = getenv("CARRACK_LAB_DIR");
	p->name = xstrdup(lab_name);
	p->dir = xasprintf("%s/%s", base && *base ? base : "/var/tmp/carrack-lab", lab_name);
	auto_free char *six = place_path(p, NULL, "ipv6");
	p->six = path_exists(six);
	return 0;
}

void place_done(struct place *p)
{
	free(p->name);
	free(p->dir);
	*p = (struct place){0};
}

char *place_path(const struct place *p, const char *host, const char *file)
{
	return host ? xasprintf("%s/%s/%s", p->dir, host, file) : xasprintf("%s/%s", p->dir, file);
}

/* Field 22 of /proc/PID/stat: the start time in ticks since boot; 0 when there is no such process
 * or it is a zombie. */
static uint64_t start_time(pid_t pid)
{
	auto_free char *path = xasprintf("/proc/%d/stat", (int)pid);
	auto_free char *text = NULL;
	if (file_read(path, 4096, &text, NULL, NULL) < 0)
		return 0;
	char *p = strrchr(text, ')');
	if (!p || p[1] != ' ' || p[2] == 'Z' || p[2] == 'X')
		return 0;
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

int place_put_pid(const struct place *p, const char *host, pid_t pid, struct err *err)
{
	auto_free char *path = place_path(p, host, host ? "pid" : "lab.pid");
	auto_free char *text = xasprintf("%d %" PRIu64 "\n", (int)pid, start_time(pid));
	return file_replace(path, text, strlen(text), 0600, err);
}

int place_pid(const struct place *p, const char *host, pid_t *ret)
{
	auto_free char *path = place_path(p, host, host ? "pid" : "lab.pid");
	auto_free char *text = NULL;
	if (file_read(path, 4096, &text, NULL, NULL) < 0)
		return -ESRCH;
	int pid;
	uint64_t start;
	if (sscanf(text, "%d %" SCNu64, &pid, &start) != 2 || !start || start_time(pid) != start)
		return -ESRCH;
	*ret = pid;
	return 0;
}

char *place_cgroup(const struct place *p, const char *host)
{
	return xasprintf("/carrack-lab-%s-%s", p->name, host);
}

bool place_host_exists(const struct place *p, const char *host)
{
	if (!name_ok(host))
		return false;
	auto_free char *path = place_path(p, host, "data");
	return path_exists(path);
}

/* Removes a cgroup and those below it; 0, or the first -errno. */
static int drop_tree(const char *path)
{
	DIR *dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	struct dirent *d;
	while ((d = readdir(dir))) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		auto_free char *sub = xasprintf("%s/%s", path, d->d_name);
		drop_tree(sub);
	}
	closedir(dir);
	return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int drop_all(const char *cgroup)
{
	auto_free char *unified = xasprintf("/sys/fs/cgroup%s", cgroup);
	int r = drop_tree(unified);
	DIR *dir = opendir("/sys/fs/cgroup");
	if (!dir)
		return r;
	struct dirent *d;
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		auto_free char *path = xasprintf("/sys/fs/cgroup/%s%s", d->d_name, cgroup);
		int one = drop_tree(path);
		if (r == 0 && one != -ENOTDIR)
			r = one;
	}
	closedir(dir);
	return r;
}

void place_drop_cgroups(const struct place *p, const char *host)
{
	auto_free char *cgroup = place_cgroup(p, host);
	for (int i = 0; i < DROP_TRIES && drop_all(cgroup) != 0; i++)
		usleep(10000);
}

char *place_addr(const struct place *p, int number)
{
	return xasprintf(p->six ? "fd77::%d" : "10.77.0.%d", number);
}
