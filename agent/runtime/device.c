/* SPDX-License-Identifier: Apache-2.0
 * Devices; see device.h. */
#include "agent/runtime/device.h"
#include "manifests/spec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define DEVICES_MAX 1024 /* of a privileged container */
#define DEPTH_MAX   4

/* Made by the OCI runtime itself, or belonging to a file system of the container's own. */
static const char *const own[] = {"null",    "zero",   "full",   "random", "urandom", "tty",
				  "console", "ptmx",   "pts",    "shm",    "mqueue",  "fd",
				  "stdin",   "stdout", "stderr", "init",   "core",    "log"};

static void put_node(json_t *nodes, const char *path, const struct stat *st)
{
	json_t *j = json_object();
	json_put_str(j, "path", path);
	json_put_str(j, "type", S_ISBLK(st->st_mode) ? "b" : "c");
	json_put_int(j, "major", major(st->st_rdev));
	json_put_int(j, "minor", minor(st->st_rdev));
	json_put_int(j, "fileMode", st->st_mode & 0777);
	json_put_int(j, "uid", st->st_uid);
	json_put_int(j, "gid", st->st_gid);
	json_array_append_new(nodes, j);
}

static void put_rule(json_t *rules, bool allow, const struct stat *st, const char *access)
{
	json_t *j = json_object();
	json_put_bool(j, "allow", allow);
	if (st) {
		json_put_str(j, "type", S_ISBLK(st->st_mode) ? "b" : "c");
		json_put_int(j, "major", major(st->st_rdev));
		json_put_int(j, "minor", minor(st->st_rdev));
	}
	json_put_str(j, "access", access);
	json_array_append_new(rules, j);
}

static bool is_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
}

static void add_host_devices(const char *dir, int depth, json_t *nodes)
{
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d)) && json_array_size(nodes) < DEVICES_MAX;) {
		bool skip = e->d_name[0] == '.';
		for (size_t i = 0; depth == 0 && i < ARRAY_LEN(own); i++)
			skip = skip || strcmp(e->d_name, own[i]) == 0;
		struct stat st;
		auto_free char *path = xasprintf("%s/%s", dir, e->d_name);
		if (skip || lstat(path, &st) < 0)
			continue;
		if (is_device(&st))
			put_node(nodes, path, &st);
		else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			add_host_devices(path, depth + 1, nodes);
	}
	if (d)
		closedir(d);
}

static int add_device(const char *text, json_t *nodes, json_t *rules, struct err *err)
{
	auto_free char *host = xstrdup(text);
	const char *inside = host, *access = "rwm";
	char *colon = strchr(host, ':');
	if (colon) {
		*colon = '\0';
		inside = colon + 1;
		char *second = strchr(colon + 1, ':');
		if (second) {
			*second = '\0';
			access = second + 1;
		}
	}
	struct stat st;
	if (inside[0] != '/' || strstr(inside, "/../") || str_ends(inside, "/..") || !*access ||
	    strspn(access, "rwm") != strlen(access))
		return err_set(err, -EINVAL,
			       "the device '%s' is not of the form HOST:CONTAINER:rwm", text);
	if (stat(host, &st) < 0)
		return err_sys(err, -errno, "no device '%s' on this host", host);
	if (!is_device(&st))
		return err_set(err, -ENODEV, "'%s' is not a device: mount it as a volume instead",
			       host);
	put_node(nodes, inside, &st);
	put_rule(rules, true, &st, access);
	return 0;
}

int devices_plan(const struct strlist *list, bool privileged, json_t *nodes, json_t *rules,
		 struct err *err)
{
	put_rule(rules, privileged, NULL, "rwm");
	if (privileged)
		add_host_devices("/dev", 0, nodes);
	for (size_t i = 0; i < list->n; i++) {
		if (spec_device_named(list->v[i])) /* cdi.h */
			continue;
		int r = add_device(list->v[i], nodes, rules, err);
		if (r < 0)
			return r;
	}
	return 0;
}
