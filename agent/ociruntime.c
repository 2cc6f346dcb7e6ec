/* SPDX-License-Identifier: Apache-2.0
 * Finds the OCI runtime's program and asks it for its version. */
#include "agent/ociruntime.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define CRUN_MAJOR 1
#define CRUN_MINOR 28 /* older ones have known ways out of a container */

static char *find_in_path(const char *name)
{
	auto_free char *path = xstrdup(getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
	char *save = NULL;
	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? xstrdup(name) : NULL;
	for (char *dir = strtok_r(path, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		char *full = xasprintf("%s/%s", dir, name);
		if (access(full, X_OK) == 0)
			return full;
		free(full);
	}
	return NULL;
}

/* The first line that `program --version` prints. NULL when it does not run. */
static char *version_of(const char *program)
{
	int p[2];
	if (pipe2(p, O_CLOEXEC) < 0)
		return NULL;
	auto_close int in = p[0];
	posix_spawn_file_actions_t acts;
	posix_spawn_file_actions_init(&acts);
	posix_spawn_file_actions_adddup2(&acts, p[1], STDOUT_FILENO);
	char *argv[] = {(char *)program, (char *)"--version", NULL};
	char *envp[] = {(char *)"LC_ALL=C", NULL};
	pid_t pid;
	int r = posix_spawn(&pid, program, &acts, NULL, argv, envp);
	posix_spawn_file_actions_destroy(&acts);
	close(p[1]);
	if (r != 0)
		return NULL;
	char *text = NULL;
	size_t len;
	fd_read_all(in, 4096, &text, &len, NULL);
	waitpid(pid, NULL, 0);
	return text;
}

int ociruntime_find(const char *name, struct ociruntime *ret, struct err *err)
{
	int major = 0, minor = 0;
	name = name ? name : "crun";
	auto_free char *path = find_in_path(name);
	if (!path)
		return err_set(err, -ENOENT,
			       "\"%s\" is not in PATH; install it (apt-get install crun)", name);
	auto_free char *version = version_of(path);
	if (!version)
		return err_set(err, -ENOEXEC, "\"%s\" does not run; install it again", path);
	version[strcspn(version, "\n")] = 0;
	bool crun = sscanf(version, "crun version %d.%d", &major, &minor) == 2;
	ret->old = crun && (major < CRUN_MAJOR || (major == CRUN_MAJOR && minor < CRUN_MINOR));
	ret->path = take_ptr(path);
	ret->version = take_ptr(version);
	return 0;
}

void ociruntime_done(struct ociruntime *o)
{
	free(o->path);
	free(o->version);
	*o = (struct ociruntime){0};
}

char *ociruntime_warning(const struct ociruntime *o)
{
	return xasprintf(
		"\"%s\" is %s; hostile images can use its known faults, update to %d.%d or "
		"later",
		o->path, o->version, CRUN_MAJOR, CRUN_MINOR);
}
